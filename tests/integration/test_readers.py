"""DuckDB and pyarrow read back what landed: each format, from folders as Hive lays them out."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pytest

from chargebee_operators.archive import ZipStream
from chargebee_operators.formats import get_format, member_bytes
from chargebee_operators.parquet import ColumnTypes

HEADER = ["customer[id]", "customer[first_name]", "customer[cf_note]", "customer[updated_at]"]
ROWS = {
    ("acme-test", "20261122T000000Z"): [
        ["c1", "Zoë", 'says "hi", and goes', "2026-11-22T10:00:00Z"],
        ["c2", "李", "two\nlines", "2026-11-22T11:00:00Z"],
    ],
    ("acme-test", "20261123T000000Z"): [["c3", "007", "", "2026-11-23T09:00:00Z"]],
    ("other-test", "20261123T000000Z"): [],
}
PARTITIONS = ["site", "resource", "window_start"]


@pytest.fixture(params=["csv", "csv.gz", "parquet"])
def landed(request, tmp_path: Path) -> tuple[str, Path]:
    """A tree of partitions in one format."""
    file_format = get_format(request.param)
    for (site, start), rows in ROWS.items():
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writing:
            writing.writestr("customers.csv", text.getvalue())
        folder = tmp_path / f"site={site}" / "resource=customers" / f"window_start={start}"
        folder.mkdir(parents=True)
        member = next(ZipStream([archive.getvalue()]).members())
        types = ColumnTypes({HEADER[3]: "timestamp[s, UTC]"})
        pieces = member_bytes(member, file_format, column_types=types)
        (folder / f"customers{file_format.suffix}").write_bytes(b"".join(pieces))
        (folder / "_manifest.json").write_text("{}")
    return request.param, tmp_path


def expected(empty: str | None) -> list[tuple]:
    return sorted(
        (*(value or empty for value in row), site, "customers", start)
        for (site, start), rows in ROWS.items()
        for row in rows
    )


def test_duckdb(landed):
    name, root = landed
    files = f"{root}/*/*/*/*.{name}"
    reading = (
        f"read_parquet('{files}', hive_partitioning=true)"
        if name == "parquet"
        else f"read_csv('{files}', hive_partitioning=true, all_varchar=true, header=true)"
    )
    clock = f'"{HEADER[3]}"'
    as_text = f"strftime({clock} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')" if name == "parquet" else clock
    columns = ", ".join([*(f'"{each}"' for each in HEADER[:3]), as_text, *(f"{each}::VARCHAR" for each in PARTITIONS)])
    with duckdb.connect() as database:
        assert sorted(database.execute(f"SELECT {columns} FROM {reading}").fetchall()) == expected(None)
        where = "site = 'acme-test' AND window_start = '20261123T000000Z'"
        assert database.execute(f"SELECT count(*) FROM {reading} WHERE {where}").fetchone() == (1,)


def test_pyarrow(landed):
    name, root = landed
    texts = dict.fromkeys(HEADER, pa.string())
    parsing = pa.dataset.CsvFileFormat(
        pa.csv.ParseOptions(newlines_in_values=True), convert_options=pa.csv.ConvertOptions(column_types=texts)
    )
    found = pa.dataset.dataset(
        sorted(str(each) for each in root.rglob(f"customers.{name}")),
        format="parquet" if name == "parquet" else parsing,
        partitioning=pa.dataset.partitioning(pa.schema([(each, pa.string()) for each in PARTITIONS]), flavor="hive"),
        partition_base_dir=str(root),
    ).to_table()
    rows = found.to_pylist()
    if name == "parquet":
        assert found.schema.field(HEADER[3]).type == pa.timestamp("ms", "UTC")
        rows = [{**row, HEADER[3]: row[HEADER[3]].strftime("%Y-%m-%dT%H:%M:%SZ")} for row in rows]
    read = sorted((tuple(row[each] for each in [*HEADER, *PARTITIONS]) for row in rows), key=lambda row: row[0])
    assert read == expected(None if name == "parquet" else "")
