"""The text of docs/performance.md, with a place for each table."""

from __future__ import annotations

PAGE = """# Speed and memory

This page compares the upload task with other ways to write the same export to S3. `benchmarks/upload.py` writes the page.
To measure again, on Linux:

```bash
make benchmark
```

That is the same as:

```bash
make environment tools
.venv/airflow-3.3.1/bin/python {command}
```

![Seconds and memory by size](performance.svg)

## What is compared

| path | what it does |
|---|---|
| the limit | the zip's bytes go from the download host to S3 as a stream, with no look inside |
| this package | `ChargebeeExportToS3Operator.execute`, as a worker runs it: fresh URL, download, every checksum and row count, upload, verification, manifest |
| in memory, unzipped | the whole answer in memory, `zipfile` over it, `upload_fileobj` for each member |
| in memory, as it is | `HttpToS3Operator` of Airflow's Amazon provider: the whole answer in memory, stored as a zip |

Only the paths of this package check what they write. The limit writes a zip without a check.

## How it is measured

- The simulator serves the zip. A sink takes the objects and throws the bytes away. Both use TLS, as real hosts do. They run
  on the same machine, in processes of their own, and share its cores with the measured process.
- Each run is a fresh process. The clock starts when everything is imported and set up, and the export is completed.
- CPU seconds are those of that process only, with all its threads. Idle is its memory right before. Peak is its highest
  memory since (`VmHWM`).
- The paths take turns. The tables show medians. The bytes in the sink are compared with the figures of the zip.
- If a pace is given, the simulator limits each connection to it, as real download hosts do, and answers at once. Uploads
  have no limit.
- The data are customers as in an export: quoted addresses, notes of two lines, compressed about 3 to 1.

Machine: {machine}

## Results

{results}

**x limit** is the figure before it, divided by the limit's. A task with 1 would cost nothing beside HTTP and S3.
**x faster than in memory** is the wall time of "in memory, unzipped", divided by the wall time of the path.

### Where the time goes

Without a pace the network only copies memory, so the processor is measured. The table shows the work that the limit does
not do, each piece by itself (`benchmarks/parts.py`):

{parts}

### Aims

{aims}

Without a pace, inflating the data alone takes as long as the whole run of the limit. So no path that checks its data can
come near the limit. Two other designs were tried. They are no faster on two cores that the servers share: a second process
that inflates and counts (it loses the gained time in pipes), and a second thread that counts. Even without a row count the
task would take twice as long as the limit.

Parquet costs what pyarrow needs to parse the CSV, and to compress and write its columns. Other compressions, block sizes and
encodings, and columns that pyarrow parses into dictionaries, were measured. None is faster at this size of the files.

If the host limits each connection, as real hosts do, this package is faster than the limit, which has one connection. It
fetches several ranges at a time, and checks and counts while bytes are under way.

### Memory above idle, MB

{memory}

The in-memory ways need more than twice the size of the zip. The memory of this package is that of the parts under way: part
size times parts at a time, for an export of any size. A file beyond 64 GB needs larger parts, because S3 takes 10,000 parts
at most. Parquet adds the data of its footer, which is written last: about 15 MB for each GB of CSV with 300 columns, and
almost nothing with a dozen columns.

## Reading it back

DuckDB reads the same 100 MB of customers in both formats, from the local disk (`benchmarks/reading.py`; medians of five runs, in
turns):

{reading}

## An audit

The comparison of an audit reads one window with all customers, seven small windows and a snapshot, from the local disk
(`benchmarks/audit.py`). Peak is the memory of the whole process. Its database keeps up to 128 MB in memory, the rest on disk:

{audit}

With five million records, of which 10.7 million rows were read, one run took 247 CPU seconds, 176 MB of memory and 257 MB of disk
for csv.gz, and 412 CPU seconds, 298 MB and 257 MB for Parquet.

## A task

Each task is a process of its own. The table shows medians of processes that have loaded Airflow 3.3.1 and the DAG file before
(`benchmarks/tasks.py`). `empty` is a task that does nothing, so its memory is Airflow's. The export has a few rows. The S3
client of the Amazon provider takes 0.27 CPU seconds and 30 MB of an upload:

{tasks}

No task imports the official SDK. With it, a start task took 0.75 CPU seconds and 136 MB.

## A parse of the DAG file

Airflow parses DAG files all day. So the file imports nothing that only tasks need. The table shows medians of fresh
processes, without the import of Airflow itself (`benchmarks/parse.py`):

{parse}
"""
