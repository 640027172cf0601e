"""CSV into Parquet: the values intact, the types as told, the errors clear, and the memory bounded."""

from __future__ import annotations

import io
import json
import sys
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.common.exceptions import ConversionError, SettingsError
from chargebee_operators.formats import parquet, parquet_table
from chargebee_operators.formats.column_names import AS_EXPORTED, column_names
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.formats.parquet import BLOCK, ParquetFile, ParquetSettings
from support.csv_cases import csv_files, in_pieces, read, rows_of
from support.row_reader import KeptRows


def parquet_file(types: dict[str, str] | None = None, **options: Any) -> ParquetFile:
    return ParquetFile("customers.csv", "customers", ParquetSettings(ColumnTypes(types), **options))


def converted(data: bytes, types: dict[str, str] | None = None, size: int = 1000, **options: Any) -> bytes:
    return b"".join(parquet_file(types, **options).pieces(in_pieces(data, size)))


def table(data: bytes, types: dict[str, str] | None = None, size: int = 1000, **options: Any) -> pa.Table:
    return pq.read_table(io.BytesIO(converted(data, types, size, **options)))


@settings(deadline=None)
@given(csv_files(width=3), st.integers(1, 40))
def test_every_value_is_there_as_text(data, size):
    rows = rows_of(data)
    if not rows:
        return
    header, *rows = rows
    found = table(data, size=size)
    assert found.column_names == column_names(header)
    assert [["" if value is None else value for value in row.values()] for row in found.to_pylist()] == rows


@settings(deadline=None)
@given(csv_files(), st.integers(1, 40), st.booleans())
def test_a_reader_gets_the_records_and_single_columns_as_they_are_in_the_csv(data, size, in_small_blocks):
    rows = rows_of(data)
    seen = KeptRows()
    made = ParquetFile("customers.csv", "customers", reader=seen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "BLOCK", 20 if in_small_blocks else BLOCK)
        for _ in made.pieces(in_pieces(data, size)):
            pass
    assert [seen.columns, *seen.rows] == (rows or [[]])
    assert seen.values == [[value.encode() for value in row] or [b""] for row in rows[1:]]
    assert (seen.count, seen.unread) == (len(seen.rows), 0)


def test_a_reader_gets_text_where_a_column_has_a_type():
    seen = KeptRows()
    settings = ParquetSettings(ColumnTypes({"n": "int64"}))
    for _ in ParquetFile("customers.csv", "customers", settings, reader=seen).pieces([b"n,m\n07,1\n,2\n"]):
        pass
    assert seen.values == [[b"07", b"1"], [b"", b"2"]]


def test_what_is_missing_is_null_and_what_is_empty_is_empty():
    assert table(b'a,b\n,""\n').to_pylist() == [{"a": None, "b": ""}]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_without_a_header_there_is_no_file(data):
    assert converted(data) == b""


@pytest.mark.parametrize("data", [b"id,name", b"\xef\xbb\xbfid,name\r\n", b'\n"id",name\n\n'])
def test_without_rows_there_is_a_schema(data):
    found = table(data, {"id": "int64"})
    assert (found.num_rows, found.schema) == (0, pa.schema([("id", pa.int64()), ("name", pa.string())]))


def test_the_names_of_the_header_stay_with_the_file(tmp_path):
    made = parquet_file({"customer[net]": "int64"})
    path = tmp_path / "a.parquet"
    path.write_bytes(b"".join(made.pieces([b"customer[id],customer[net],customer[id]\n1,2,3\n"])))
    names, header = ["customer_id", "customer_net", "customer_id_2"], ["customer[id]", "customer[net]", "customer[id]"]
    assert (made.columns, made.exported_columns, made.types) == (names, header, {"customer_net": "int64"})
    schema = pq.read_schema(path)
    assert [(each.name, each.metadata[b"exported_name"].decode()) for each in schema] == [
        *zip(names, header, strict=True)
    ]
    query = "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'exported_names'"
    [(text,)] = duckdb.execute(query, [str(path)]).fetchall()
    assert json.loads(text) == dict(zip(names, header, strict=True))


def test_names_can_stay_as_they_are_exported():
    found = table(b"customer[id],site\n1,2\n", column_names=AS_EXPORTED)
    assert found.to_pylist() == [{"customer[id]": "1", "site_exported": "2"}]


NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "007", "007"),
        ("bool", "true", True),
        ("int32", "-5", -5),
        ("int64", "9007199254740993", 9007199254740993),
        ("float64", "0.5", 0.5),
        ("decimal(18, 2)", "19.99", Decimal("19.99")),
        ("decimal(4,0)", "1999", Decimal("1999")),
        ("date", "2026-11-23", date(2026, 11, 23)),
        ("date", "23-Nov-2026", date(2026, 11, 23)),
        ("date", "23-Nov-2026 09:15", date(2026, 11, 23)),
        ("date", "23-Nov-2026 09:15:59", date(2026, 11, 23)),
        ("date", "2026-11-23 23:59", date(2026, 11, 23)),
        ("date", "2026-11-23T23:59:00.5-12:00", date(2026, 11, 23)),
        ("timestamp[s, UTC]", "1795437000", NOON),
        ("timestamp[ms, UTC]", "1795437000000", NOON),
        ("timestamp[s, UTC]", "1795437000000", NOON),
        ("timestamp[s, UTC]", "2026-11-23T12:30:00Z", NOON),
        ("timestamp[s, UTC]", "2026-11-23T14:30:00+02:00", NOON),
        ("timestamp[s, UTC]", "2026-11-23 12:30:00 UTC", NOON),
        ("timestamp[s]", "2026-11-23T12:30:00", NOON.replace(tzinfo=None)),
        ("timestamp[s]", "2026-11-23T12:30:00Z", NOON.replace(tzinfo=None)),
    ],
)
def test_types(kind, text, value):
    found = table(f'id,x\n1,{text}\n2,\n3,""\n4,"{text}"\n'.encode(), {"x": kind})
    empty = "" if kind == "string" else None
    assert found.column("x").to_pylist() == [value, None, empty, value]
    assert found.column("id").to_pylist() == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("data", "types", "message"),
    [
        (b"id,x\n1,2\n2,secret\n3,4\n", {"x": "int64"}, "column 'x' of row 2 can't be read as int64"),
        (b"id,x\n1,2\n2,19.995\n", {"x": "decimal(18, 2)"}, "column 'x' of row 2 can't be read as decimal"),
        (b"id,x\n1,\n2,2026-11-23T00:00:00Z\n3,secret\n", {"x": "timestamp[s, UTC]"}, "column 'x' of row 3"),
        (b"id,x\n1,2026-11-23T00:00:00.5Z\n", {"x": "timestamp[s, UTC]"}, "column 'x' of row 1"),
        (b"id,x\n1,2\nsecret\n", None, "row 2 has 1 field, but the header 2"),
        (b"id,x\n1,2\n\n2,3,secret\n", None, "row 2 has 3 fields, but the header 2"),
        (b"id,x\n1,2\n2,secret\xff\n", None, "column 'x' of row 2 is not UTF-8"),
        (b'id,x\n1,"secret\n', None, "the quotes do not pair"),
        (b'id,x\n1,secret"\n2,b\n3,"secret\n', None, "no regular CSV"),
        (b"id,x\n1,secret\r2,secret\n", None, "no regular CSV"),
        (b"id,x\n1,secret\r2,secret\n\n3,c\n", None, "no regular CSV"),
        (b"id,x\n1,1700000000123\n2,1700000000\n", {"x": "timestamp[ms, UTC]"}, "column 'x' of row 2"),
        (b"id,x\n1,1700000000\n2,\n3,1700000000123\n", {"x": "timestamp[s, UTC]"}, "column 'x' of row 3"),
    ],
)
@pytest.mark.parametrize("size", [3, 1000])
def test_what_does_not_fit_is_named_and_not_quoted(data, types, message, size):
    with pytest.raises(ConversionError, match=message) as caught:
        converted(data, types, size)
    assert "secret" not in str(caught.value)
    assert "customers.csv" in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_epochs_of_another_length_that_can_not_be_mistaken_land():
    found = table(b"id,x\n1,1700000000\n2,0\n3,-86400\n4,946684800\n", {"x": "timestamp[s, UTC]"})
    assert [each and int(each.timestamp()) for each in found.column("x").to_pylist()] == [
        1700000000,
        0,
        -86400,
        946684800,
    ]


def test_more_blank_lines_than_a_group_has_rows(monkeypatch):
    monkeypatch.setattr(parquet_table, "GROUP_ROWS", 10)
    found = pq.ParquetFile(io.BytesIO(converted(b"id\n1\n" + b"\n" * 35 + b"2\n" + b"\n" * 35)))
    assert found.read().column("id").to_pylist() == ["1", *[None] * 35, "2"]
    assert [found.metadata.row_group(at).num_rows for at in range(found.num_row_groups)] == [10, 10, 10, 7]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize("block", [1, 3, BLOCK])
def test_a_blank_line_is_a_value_where_there_is_one_column_but_for_the_file_s_end(monkeypatch, end, size, block):
    monkeypatch.setattr(parquet, "BLOCK", block)
    data = end.join([b"", b"id", b"", b"1", b"", b"", b'"2', b'"', b"3", b"", b"", b""])
    inner = end.decode()
    found = table(data, size=size).column("id").to_pylist()
    assert found == [None, "1", None, None, f"2{inner}", "3"]
    assert len(found) == len(rows_of(data)) - 1


def test_rows_are_numbered_through_all_blocks():
    rows = b"".join(b"%d,1\n" % number for number in range(300_000))
    assert len(rows) > 2 * BLOCK
    with pytest.raises(ConversionError, match="row 300001 "):
        converted(b"id,x\n" + rows + b"300000,z\n", {"x": "int32"}, 1 << 16)


def test_a_field_longer_than_a_block():
    long = b"x" * (3 * BLOCK + 17)
    found = table(b"id,x\n1,a\n2," + long + b'\n3,"' + long + b'"\n', size=1 << 18)
    assert found.column("x").to_pylist() == ["a", long.decode(), long.decode()]


def test_the_same_csv_gives_the_same_bytes_in_groups_of_bounded_size():
    data = b"id,x\n" + b"".join(b"%d,%d\n" % (number, number % 7) for number in range(150_000))
    first = converted(data, size=999)
    assert first == converted(data, size=len(data))
    groups = pq.ParquetFile(io.BytesIO(first)).metadata
    assert [groups.row_group(at).num_rows for at in range(groups.num_row_groups)] == [65_536, 65_536, 18_928]
    assert groups.row_group(0).column(0).compression == "ZSTD"


def test_long_rows_make_groups_of_fewer(monkeypatch):
    data = b"id,x\n" + b"".join(b"%d,%s\n" % (number, b"%04d" % number * 256) for number in range(4_000))
    monkeypatch.setattr(parquet_table, "GROUP_BYTES", BLOCK // 2)
    found = pq.ParquetFile(io.BytesIO(converted(data))).metadata
    assert (found.num_rows, found.num_row_groups) == (4_000, 4)


def test_a_dictionary_is_for_columns_that_repeat_and_statistics_for_values():
    data = b"id,status,at\n" + b"".join(b"c%d,%s,2026-11-23\n" % (n, [b"on", b"off"][n % 2]) for n in range(1_000))
    group = pq.ParquetFile(io.BytesIO(converted(data, {"at": "date"}))).metadata.row_group(0)
    columns = {group.column(at).path_in_schema: group.column(at) for at in range(3)}
    assert {name: column.has_dictionary_page for name, column in columns.items()} == {
        "id": False,
        "status": True,
        "at": False,
    }
    assert columns["at"].statistics.min == date(2026, 11, 23)
    assert columns["id"].statistics is None


def test_it_streams(monkeypatch):
    monkeypatch.setattr(parquet_table, "GROUP_ROWS", 20_000)
    rows = b"".join(b"%d,%s\n" % (number, b"%x" % (number * 2654435761)) for number in range(20_000))
    taken = 0

    def chunks():
        nonlocal taken
        yield b"id,x\n"
        for _ in range(40):
            taken += 1
            yield rows

    pieces = parquet_file().pieces(chunks())
    next(pieces)
    next(pieces)
    assert taken < 20
    assert parquet_threads()
    pieces.close()
    assert no_parquet_threads()


def parquet_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("parquet-")]


def no_parquet_threads() -> bool:
    """Return whether they end soon: nobody waits for them."""
    for each in parquet_threads():
        each.join(30)
    return not parquet_threads()


def test_no_thread_outlives_a_file_that_does_not_fit():
    with pytest.raises(ConversionError):
        converted(b"id,x\n1,2\n1\n")
    assert no_parquet_threads()


@settings(deadline=None, max_examples=500)
@given(st.text(st.sampled_from('ab,"\n\r'), max_size=40), st.integers(1, 40), st.integers(1, 8))
def test_any_text_becomes_what_python_reads_or_is_refused(text, size, block):
    """Quotes and line breaks in any place, and blocks that end in any place."""
    data = f"x,y\n{text}".encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parquet, "BLOCK", block)
        try:
            found = table(data, size=size)
        except ConversionError:
            return
    rows = [row for row in read(data)[1:] if row]
    assert [["" if value is None else value for value in row.values()] for row in found.to_pylist()] == rows


def test_stray_quotes_that_python_reads_as_text_are_text():
    assert table(b'id,x\n1,5" pipe\n2,6" pipe\n').column("x").to_pylist() == ['5" pipe', '6" pipe']


def test_without_pyarrow_one_sentence_says_so(monkeypatch):
    assert get_format("parquet").suffix == ".parquet"
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for refused in (lambda: get_format("parquet"), lambda: converted(b"a\n")):
        with pytest.raises(SettingsError, match="requirements-parquet.txt"):
            refused()
    assert get_format("csv.gz").suffix == ".csv.gz"


@pytest.mark.parametrize("data", [b"id,n\r1,a\r2,b\n3,c\n", b"id,n\r1,a\r", "id,n\n1,a\n".encode("utf-16")])
def test_rows_that_cannot_be_told_are_refused_and_not_dropped(data):
    with pytest.raises(ConversionError, match="are unknown. Choose csv.gz"):
        converted(data)
