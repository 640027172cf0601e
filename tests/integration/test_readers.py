"""DuckDB and pyarrow read back what the operator landed: each format, from the folder of a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.fs
import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators.formats.column_names import column_names
from chargebee_simulator import Simulator, SimulatorSettings
from support.buckets import WORKER, new_bucket
from support.tasks import run
from support.uploads import body, keys, manifest, rows_of, upload

HEADER = [f"customer[{each}]" for each in ("id", "first_name", "cf_note", "created_at", "updated_at")]
CLOCK = HEADER[-1]
LONG_AGO = "2026-01-31T00:00:00Z"
WINDOWS = [("2026-11-22", "2026-11-23"), ("2026-11-23", "2026-11-24")]
ROWS = {
    ("acme-test", "20261122T000000Z"): [
        ["c1", "Zoë", 'says "hi", and goes', LONG_AGO, "2026-11-22T00:00:00Z"],
        ["c2", "李", "two\nlines, and\r\nmore", LONG_AGO, "2026-11-22T23:59:59Z"],
    ],
    ("acme-test", "20261123T000000Z"): [["c3", "007", "", LONG_AGO, "2026-11-23T00:00:00Z"]],
    ("other-test", "20261122T000000Z"): [],
    ("other-test", "20261123T000000Z"): [["c1", '"', "№ 1,50 €", LONG_AGO, "2026-11-23T09:00:00Z"]],
}
SITES = ["acme-test", "other-test"]
PARTITIONS = ["site", "window_start"]
FORMATS = ["csv", "csv.gz", "parquet"]
BUCKET = f"readers-{WORKER}"


@dataclass
class Landed:
    """What a reader is pointed at: the keys that a format's manifests list, or all below its prefix."""

    file_format: str
    listed: list[str] = field(default_factory=list)

    @property
    def is_parquet(self) -> bool:
        return self.file_format == "parquet"

    @property
    def header(self) -> list[str]:
        return column_names(HEADER) if self.is_parquet else HEADER


@pytest.fixture(scope="module")
def store(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The S3 server, with two windows of two sites in each format."""
    with new_bucket(s3.client(), BUCKET):
        fill(s3, tmp_path_factory)
        yield s3


def fill(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Export the sites' windows and upload them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())
        for site in SITES:
            own = tmp_path_factory.mktemp(site) / "customers.csv"
            with own.open("w", newline="") as file:
                csv.writer(file).writerows(
                    [HEADER, *(row for (of, _), rows in ROWS.items() if of == site for row in rows)]
                )
            records = {"imports": {"customers": own}, "profile": "bulk"}
            settings = SimulatorSettings(sites=(f"{site}:key",), now="2026-11-24T12:00:00Z", job_seconds=0, **records)
            with Simulator(settings) as simulator:
                connection = {"conn_type": "generic", "login": site, "password": "key", "host": simulator.url}
                environment.setenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", json.dumps(connection))
                for window in WINDOWS:
                    land(*window)


def land(window_start: str, window_end: str) -> None:
    """Export a window of the customers and upload it in each format."""
    window = {"window_start": window_start, "window_end": window_end}
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", **window))
    for file_format in FORMATS:
        types = {CLOCK: "timestamp[s, UTC]"} if file_format == "parquet" else None
        run(upload(job, BUCKET, s3_prefix=file_format, file_format=file_format, column_types=types))


@pytest.fixture(params=FORMATS)
def file_format(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["all below", "listed"])
def landed(request: pytest.FixtureRequest, file_format: str, store: Any) -> Iterator[Landed]:
    """All below a prefix; or what its manifests list, beside an object that they do not, as a dead try may leave it."""
    if request.param == "all below":
        yield Landed(file_format)
        return
    below = [key for key in keys(store, BUCKET) if key.startswith(f"{file_format}/")]
    manifests = [manifest(store, BUCKET, key) for key in below if "/manifests/" in key]
    assert sorted(rows_of(each) for each in manifests) == sorted(map(len, ROWS.values()))
    files = [each["key"] for told in manifests for each in told["files"]]
    leftover = f"{files[0].rpartition('/')[0]}/leftover.{file_format}"
    store.client().copy_object(Bucket=BUCKET, Key=leftover, CopySource={"Bucket": BUCKET, "Key": files[0]})
    yield Landed(file_format, files)
    store.client().delete_object(Bucket=BUCKET, Key=leftover)


def expected(empty: str | None) -> list[tuple]:
    return sorted(
        (*(value or empty for value in row), site, start) for (site, start), rows in ROWS.items() for row in rows
    )


def test_duckdb(landed, store, tmp_path):
    for key in keys(store, BUCKET):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(body(store, BUCKET, key))
    all_below = f"{tmp_path}/{landed.file_format}/windows/customers/**/*.{landed.file_format}"
    files = [f"{tmp_path}/{key}" for key in landed.listed] or all_below
    reading = (
        f"read_parquet({files!r}, hive_partitioning=true)"
        if landed.is_parquet
        else f"read_csv({files!r}, hive_partitioning=true, all_varchar=true, header=true)"
    )
    clock = f'"{landed.header[-1]}"'
    as_text = f"strftime({clock} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')" if landed.is_parquet else clock
    columns = ", ".join(
        [*(f'"{each}"' for each in landed.header[:-1]), as_text, *(f"{each}::VARCHAR" for each in PARTITIONS)]
    )
    with duckdb.connect() as database:
        names = [name for name, *_ in database.execute(f"DESCRIBE SELECT * FROM {reading}").fetchall()]
        assert sorted(names) == sorted([*landed.header, *PARTITIONS])
        assert sorted(database.execute(f"SELECT {columns} FROM {reading}").fetchall()) == expected(None)
        where = "site = 'acme-test' AND window_start = '20261123T000000Z'"
        assert database.execute(f"SELECT count(*) FROM {reading} WHERE {where}").fetchone() == (1,)


def test_pyarrow(landed, store):
    server = pa.fs.S3FileSystem(
        access_key=store.access_key,
        secret_key=store.secret_key,
        endpoint_override=store.endpoint_url,
        region="us-east-1",
    )
    texts = dict.fromkeys(HEADER, pa.string())
    parsing = pa.dataset.CsvFileFormat(
        pa.csv.ParseOptions(newlines_in_values=True), convert_options=pa.csv.ConvertOptions(column_types=texts)
    )
    root = f"{BUCKET}/{landed.file_format}/windows/customers"
    dataset = pa.dataset.dataset(
        [f"{BUCKET}/{key}" for key in landed.listed] or root,
        filesystem=server,
        format="parquet" if landed.is_parquet else parsing,
        partitioning=pa.dataset.partitioning(pa.schema([(each, pa.string()) for each in PARTITIONS]), flavor="hive"),
        partition_base_dir=root,
    )
    assert dataset.schema.names == [*landed.header, *PARTITIONS]
    rows = dataset.to_table().to_pylist()
    if landed.is_parquet:
        clock = landed.header[-1]
        assert dataset.schema.field(clock).type == pa.timestamp("ms", "UTC")
        rows = [{**row, clock: row[clock].strftime("%Y-%m-%dT%H:%M:%SZ")} for row in rows]
    read = sorted(tuple(row[each] for each in [*landed.header, *PARTITIONS]) for row in rows)
    assert read == expected(None if landed.is_parquet else "")
    where = (pa.dataset.field("site") == "acme-test") & (pa.dataset.field("window_start") == "20261123T000000Z")
    assert dataset.count_rows(filter=where) == 1
