"""What a file's first bytes tell: a header, or another kind of file."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.formats.csv_start import MAX_HEADER, UNKNOWN, Start, read_start, read_start_so_far
from support.csv_cases import csv_files, rows_of


def start_of(data: bytes, size: int) -> Start:
    """Return what is told as soon as it is told, of a file that comes in pieces of this size."""
    for end in range(size, len(data), size):
        if start := read_start_so_far(data[:end]):
            return start
    return read_start(data)


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": ["c1"]}), out)
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


ROWS = [{"id": "c1", "name": "Ada"}, {"id": "c2", "name": "Grace"}]
OTHERS = {
    "a PDF": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n",
    "JSON": json.dumps(ROWS).encode(),
    "JSON, indented": json.dumps(ROWS, indent=2).encode(),
    "JSON, by lines": "\n".join(map(json.dumps, ROWS)).encode(),
    "JSON, nothing in it": b"[]",
    "JSON behind a mark": b"\xef\xbb\xbf" + json.dumps(ROWS).encode(),
    "a web page": b"\n<!DOCTYPE html>\n<html><body>Sign in, please</body></html>",
    "a web page, bare": b"<html>\n<body>Error, sorry</body></html>",
    "XML": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
    "XML, bare": b"<customers>\n<customer id='1'/>\n</customers>",
    "a gzip file": gzip.compress(b"id,name\n1,a\n"),
    "a zip archive or an Excel workbook": zipped(),
    "a Parquet file": parquet(),
    "an image": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "RTF": b"{\\rtf1\\ansi hello, world}",
}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(("kind", "data"), OTHERS.items(), ids=OTHERS)
def test_another_kind_of_file_is_named(kind, data, size):
    name = kind.partition(",")[0].removesuffix(" behind a mark")
    told = f"The file looks like {name}, not like comma-separated values: {UNKNOWN}."
    assert start_of(data, size) == Start(problem=told)


SEPARATED = {
    "semicolons": b"id;first_name;updated_at\r\nc1;Ada;2026-11-23T01:00:00Z\r\n",
    "semicolons, decimal commas": b"id;total\n1;1,50\n2;2,50\n",
    "semicolons, commas in a quoted name": b'id;"name, full"\n1;Ada\n',
    "semicolons, no rows": b"id;first_name;last_name\n",
    "semicolons, no line break": b"id;first_name;last_name",
    "tabs": b"id\tname\n1\tAda\n",
    "tabs, commas in values": b"id\tname\n1\tLovelace, Ada\n",
    "vertical bars": b"id|name\n1|Ada\n",
}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(("sign", "data"), SEPARATED.items(), ids=SEPARATED)
def test_another_separator_is_named(sign, data, size):
    told = f"The file looks separated by {sign.partition(',')[0]}, not by commas: {UNKNOWN}."
    assert start_of(data, size) == Start(problem=told)


ENCODED = {
    "UTF-16": ["utf-16", "utf-16-le", "utf-16-be"],
    "UTF-32": ["utf-32"],
}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(("name", "encoding"), [(name, each) for name, them in ENCODED.items() for each in them])
def test_another_encoding_is_named(name, encoding, size):
    data = "id,first_name,last_name\n1,Ada,Lovelace\n".encode(encoding)
    assert start_of(data, size) == Start(problem=f"The file is {name}, not UTF-8: {UNKNOWN}.")


@pytest.mark.parametrize("data", [bytes(100), b"\1\0\2\3\0\0\4\n" * 20])
def test_binary_data_is_named(data):
    assert start_of(data, 7) == Start(problem=f"The file is binary, not UTF-8: {UNKNOWN}.")


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("data", [b"id,name\r1,a\r2,b\r", b"id,name\r", b"id,name\r1,a\r2,b\n3,c\n"])
def test_lines_that_end_in_carriage_returns_alone_are_told(data, size):
    start = start_of(data, size)
    if data.count(b"\r") == 1:
        assert start == Start(len(data), ["id", "name"])
    else:
        assert start == Start(problem=f"The file's lines end in carriage returns alone: {UNKNOWN}.")


@given(csv_files(), st.integers(1, 40))
def test_the_header_is_that_of_pythons_reader_whatever_the_pieces(data, size):
    header, *rows = rows_of(data) or [[]]
    start = start_of(data, size)
    assert (start.columns, start.problem) == (header, None)
    assert rows_of(data[start.end :]) == rows


RIGHT = [
    (b"", []),
    (b"\xef\xbb\xbf", []),
    (b"\n\r\n", []),
    (b"id", ["id"]),
    (b"id\nc1\nc2\n", ["id"]),
    (b"id,a;b\n1,x;y\n", ["id", "a;b"]),
    (b"id,a;b\n", ["id", "a;b"]),
    (b"tags;all\na;b\nc\n", ["tags;all"]),
    (b"note;\na;b\n", ["note;"]),
    (b"a;a\n1;2\n", ["a;a"]),
    (b"tags;all\nx\n", ["tags;all"]),  # one column, whose values have no such sign
    (b"notes|internal\na|b|c\n", ["notes|internal"]),
    (b'id,"na\rme"\n1,a\n', ["id", "na\rme"]),
    (b'"two\nlines",b\n1,2', ["two\nlines", "b"]),
    (b"[id],[name]\n1,a\n", ["[id]", "[name]"]),
    (b"{id},name\n1,a\n", ["{id}", "name"]),
    (b"<id>,name\n1,a\n", ["<id>", "name"]),
    (b"customer[id],customer[cf_html]\n1,<html>\n", ["customer[id]", "customer[cf_html]"]),
    (b"Customer Id,First Name\n1,a\n", ["Customer Id", "First Name"]),
]


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(("data", "columns"), RIGHT)
def test_a_right_file_is_not_taken_for_another(data, columns, size):
    start = start_of(data, size)
    assert (start.columns, start.problem) == (columns, None)


def test_a_header_of_many_columns_is_read_and_an_endless_one_is_not():
    names = [f"customer[cf_{number}]" for number in range(40_000)]
    assert start_of(",".join(names).encode() + b"\n1\n", 1 << 16).columns == names
    start = start_of(b"x" * (MAX_HEADER + 1), 1 << 16)
    assert start == Start(problem=f"No header was found in the file's first 1 MB: {UNKNOWN}.")


def test_a_long_file_of_carriage_returns_alone_is_told_as_such():
    start = start_of(b"id,name\r" + b"1,a\r" * (MAX_HEADER // 4), 1 << 16)
    assert start == Start(problem=f"The file's lines end in carriage returns alone: {UNKNOWN}.")


@pytest.mark.parametrize("size", [1, 7, 1000])
@given(st.lists(st.text(st.sampled_from("ab;|\t"), min_size=1, max_size=5), max_size=8))
def test_values_of_one_column_may_hold_any_sign(size, values):
    data = "\n".join(["id", *values]).encode()
    assert start_of(data, size) == Start(min(3, len(data)), ["id"])
