"""A member of a zip as each format, with what looks at it beside."""

from __future__ import annotations

import gzip
import io
import zipfile

import pyarrow.parquet as pq
import pytest

from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.common.exceptions import ArchiveError, SettingsError
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.csv_facts import CsvFacts
from chargebee_operators.formats.file_format import FORMATS, get_format, member_bytes, whole_zip
from chargebee_operators.formats.parquet import ParquetFile, ParquetSettings
from support.csv_cases import in_pieces

CSV = 'id,name\n1,Zoë\n2,"a, b\nc"\n'.encode()
METHODS = {"deflated": zipfile.ZIP_DEFLATED, "stored": zipfile.ZIP_STORED}


def zipped(*members: bytes, method: str = "deflated") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", METHODS[method]) as archive:
        for number, member in enumerate(members):
            archive.writestr(f"customers{number}.csv", member)
    return data.getvalue()


class Kept:
    """Keeps what it is fed."""

    def __init__(self) -> None:
        self.data = b""
        self.finished = 0

    def feed(self, data: bytes) -> None:
        self.data += data

    def finish(self) -> None:
        self.finished += 1


def made(archive: bytes, name: str, *observers, size: int = 50, **how) -> list[bytes]:
    members = ZipStream(in_pieces(archive, size)).members()
    return [b"".join(member_bytes(member, get_format(name), *observers, **how)) for member in members]


UNPACK = {
    "csv": lambda data: data.decode(),
    "csv.gz": lambda data: gzip.decompress(data).decode(),
    "parquet": lambda data: pq.read_table(io.BytesIO(data)).to_pydict(),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", UNPACK)
def test_each_format_holds_the_data_and_every_observer_sees_it(name, method):
    facts, kept = CsvFacts(), Kept()
    (data,) = made(zipped(CSV, method=method), name, facts, kept)
    expected = {"id": ["1", "2"], "name": ["Zoë", "a, b\nc"]} if name == "parquet" else CSV.decode()
    assert UNPACK[name](data) == expected
    assert (facts.columns, facts.rows) == (["id", "name"], 2)
    assert (kept.data, kept.finished) == (CSV, 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", UNPACK)
def test_the_same_member_gives_the_same_bytes(name, method):
    archive = zipped(CSV, method=method)
    assert made(archive, name, size=1) == made(archive, name, size=1000)


def test_a_stored_member_is_deflated():
    (data,) = made(zipped(CSV * 1000, method="stored"), "csv.gz", size=10_000)
    assert len(data) < len(CSV) * 100
    assert gzip.decompress(data) == CSV * 1000


def test_an_empty_member_is_no_parquet_file():
    assert made(zipped(b"", CSV), "csv") == [b"", CSV]
    empty, _ = made(zipped(b"", CSV), "parquet")
    assert empty == b""


def test_column_types_reach_parquet():
    file = ParquetFile("customers0.csv", "customers", ParquetSettings(ColumnTypes({"id": "int64"})))
    (data,) = made(zipped(CSV), "parquet", parquet=file)
    assert pq.read_table(io.BytesIO(data)).column("id").to_pylist() == [1, 2]
    assert (file.columns, file.types, file.rows) == (["id", "name"], {"id": "int64"}, 2)


@pytest.mark.parametrize("name", UNPACK)
def test_a_damaged_member_ends_in_an_error_and_finishes_nothing(name):
    archive = bytearray(zipped(CSV, method="stored"))
    archive[archive.index(b"Zo")] ^= 1
    kept = Kept()
    with pytest.raises(ArchiveError):
        made(bytes(archive), name, kept)
    assert kept.finished == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_zip_passes_as_it_is_and_is_looked_at(method):
    archive = zipped(CSV, b"id\n1\n", method=method)
    facts, made_for = {}, []

    def observe(member):
        made_for.append(member.name)
        return CsvFacts()

    assert b"".join(whole_zip(in_pieces(archive, 30), ZipStream, facts, observe)) == archive
    assert [(each.columns, each.rows) for each in facts.values()] == [(["id", "name"], 2), (["id"], 1)]
    assert made_for == [member.name for member in facts]


def test_formats():
    assert {name: (each.suffix, each.content_type) for name, each in FORMATS.items()} == {
        "csv": (".csv", "text/csv"),
        "csv.gz": (".csv.gz", "application/gzip"),
        "zip": (".zip", "application/zip"),
        "parquet": (".parquet", "application/vnd.apache.parquet"),
    }
    with pytest.raises(SettingsError, match="choose from csv, csv.gz, zip, parquet"):
        get_format("orc")
