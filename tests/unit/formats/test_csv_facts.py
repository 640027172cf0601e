"""Counting records, reading headers and cutting blocks, beside Python's own CSV reader."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.formats.csv_facts import LONE_RETURNS, STRAY_QUOTES, UNPAIRED_QUOTES, CsvFacts
from chargebee_operators.formats.csv_records import RecordCutter
from chargebee_operators.formats.csv_start import MAX_HEADER
from support.csv_cases import csv_files, in_pieces, read, rows_of, trimmed
from support.row_reader import KeptRows

PIECES = st.integers(1, 40)
MARK = b"\xef\xbb\xbf"


def facts_of(data: bytes, size: int = 7, reader: KeptRows | None = None) -> CsvFacts:
    facts = CsvFacts(reader)
    for piece in in_pieces(data, size):
        facts.feed(piece)
    facts.finish()
    return facts


@settings(deadline=None)
@given(csv_files(), PIECES)
def test_rows_and_columns_are_those_of_csv_reader(data, size):
    header, *rows = rows_of(data) or [[]]
    facts = facts_of(data, size)
    assert (facts.columns, facts.rows, facts.warnings) == (header, len(rows), [])


@settings(deadline=None)
@given(csv_files(), PIECES)
def test_a_reader_gets_every_record_behind_the_header(data, size):
    header, *rows = rows_of(data) or [[]]
    reader = KeptRows()
    assert facts_of(data, size, reader).rows == len(rows)
    assert (reader.columns, trimmed(reader.rows), reader.unread) == (header, rows, 0)
    assert reader.count == len(reader.rows)
    # A value's own quotes may be left out where a single column is read.
    assert [[value.replace(b'"', b"") for value in row] for row in reader.values if any(row)] == [
        [value.replace('"', "").encode() for value in row] for row in rows if any(row)
    ]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_quote_in_the_header_that_is_never_closed_is_told(size):
    reader, data = KeptRows(), b'"id,name\n' + b"1,a\n" * 20
    facts = facts_of(data, size, reader)
    assert (facts.rows, facts.warnings, reader.rows) == (None, [UNPAIRED_QUOTES], [])
    assert reader.unread == len(data)


@pytest.mark.parametrize("size", [1000, 1 << 18, 1 << 20])
def test_no_record_is_lost_behind_a_header_that_comes_late(size):
    reader = KeptRows()
    data = b"\n" * 300_000 + b"id,name\n" + b"1,a\n" * 200_000
    facts = facts_of(data, size, reader)
    assert (facts.columns, facts.rows, reader.columns) == (["id", "name"], 200_000, ["id", "name"])
    assert (reader.count, reader.rows) == (200_000, [["1", "a"]] * 200_000)


@settings(deadline=None)
@given(csv_files(), PIECES, st.integers(1, 30))
def test_blocks_are_whole_records_and_do_not_depend_on_the_pieces(data, size, block):
    def cut(by: int) -> list[tuple[bytes, int]]:
        cutter = RecordCutter(size=block)
        return [each for piece in in_pieces(data, by) for each in cutter.feed(piece)] + list(cutter.finish())

    blocks = cut(size)
    assert b"".join(each for each, _ in blocks) == data
    for each, records in blocks if data.strip(MARK) else ():
        assert records == len(read(each))
    assert blocks == cut(len(data) + 1)


@pytest.mark.parametrize(
    ("data", "columns", "rows"),
    [
        (b"", [], 0),
        (b"\n\r\n", [], 0),
        (b"\xef\xbb\xbf", [], 0),
        (b"id", ["id"], 0),
        (b"id,name\n", ["id", "name"], 0),
        (b"id\n\n\nx\n", ["id"], 3),
        (b'"two\nlines",b\n1,2', ["two\nlines", "b"], 1),
        (b"id\n1\r", ["id"], 1),
    ],
)
@pytest.mark.parametrize("size", [1, 100])
def test_odd_files(data, columns, rows, size):
    for reader in (None, KeptRows()):
        facts = facts_of(data, size, reader)
        assert (facts.columns, facts.rows, facts.warnings) == (columns, rows, [])


@pytest.mark.parametrize("reader", [None, KeptRows()], ids=["alone", "with a reader"])
def test_where_quotes_do_not_pair_the_number_of_rows_is_unknown(reader):
    facts = facts_of(b'id,size\n1,5" pipe\n2,x\n', reader=reader)
    assert (facts.columns, facts.rows, facts.warnings) == (["id", "size"], None, [UNPAIRED_QUOTES])
    if reader:
        assert reader.unread == len(b'1,5" pipe\n2,x\n')


@pytest.mark.parametrize("with_reader", [False, True])
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "rows",
    [
        b'1,5" pipe\n2,4" pipe\n',
        b'1,5" pipe\n2,x\n3,4" pipe',
        b'1,5",\n2,4",\n',
        b'1,5",\n2,"b,c\n3,d\n',
        b'1, "a\n2", b\n',
        b'1,"a\nb"c"\nd"\n',
        b'1,"a\nb"\n2,5""" pipe\n3,4" pipe\n',
    ],
)
def test_where_a_quote_inside_of_a_field_hides_a_line_break_the_number_of_rows_is_unknown(rows, size, with_reader):
    facts = facts_of(b"id,size\n" + rows, size, KeptRows() if with_reader else None)
    assert (facts.columns, facts.rows, facts.warnings) == (["id", "size"], None, [STRAY_QUOTES])


@pytest.mark.parametrize("rows", [b'1,5" and 4" pipes\n2,x\n', b'1,"a" b\n2,"c\nd"\n', b'1,a "b", "c" d\n2,"""\n"""\n'])
def test_a_quote_inside_of_a_field_that_hides_no_line_break_is_text(rows):
    facts = facts_of(b"id,size\n" + rows)
    assert (facts.rows, facts.warnings) == (2, [])


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab,\n"), max_size=15), max_size=4), PIECES)
def test_where_a_few_quotes_are_the_number_of_rows_is_the_readers_or_that_of_the_lines_or_unknown(texts, size):
    """The two differ where quotes that Python's reader sees open at a line's end are both in that line."""
    text = '"'.join(texts)
    data = f"x,y\n{text}".encode()
    lines = data.decode().rstrip("\n").count("\n")
    assert facts_of(data, size).rows in (None, len(trimmed(read(data))) - 1, lines)


@settings(deadline=None)
@given(st.text(st.sampled_from('ab,"\n'), max_size=40), PIECES)
def test_whether_the_number_of_rows_is_known_does_not_depend_on_the_pieces(text, size):
    data = f"x,y\n{text}".encode()
    assert facts_of(data, size).rows == facts_of(data, 1000).rows


@pytest.mark.parametrize(
    ("begin", "rows"), [(b'"', 2), (b'5"', None)], ids=["a long text", "a quote inside of a field"]
)
def test_a_record_of_megabytes_is_not_kept_to_its_end(begin, rows):
    facts = facts_of(b"id,text\n1," + begin + b"x\n" * (2 << 20) + b'"\n2,"a\nb"\n', 1 << 18)
    assert facts.rows == rows


@pytest.mark.parametrize(("text", "rows"), [(b'"5"" pipe"', 100_003), (b'""', None), (b'"five"', None)])
def test_a_long_file_whose_writer_doubles_quotes_is_known_to_have_no_bare_one(text, rows):
    """Such a file is not looked at behind its first megabyte, and nothing writes what this one has there."""
    data = b"id,size,note\n" + (b"1," + text + b',"two\nlines"\n') * 100_000 + b'1,5" pipe,\n2,4" pipe,\n' * 3
    assert facts_of(data, 1 << 17).rows == rows


def test_a_quote_inside_of_a_name_in_the_header_is_reported_as_that():
    facts = facts_of(b'id,5" pipe\n1,4" pipe\n2,x\n')
    assert (facts.columns, facts.rows) == ([], None)
    assert facts.warnings[0].startswith("The header has quotes inside of names, so it is not clear where it ends")


@pytest.mark.parametrize("with_reader", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"id,name\n1,a\r2,b\r", None),
        (b"id,name\r\n1,a\r2,b\r\n", None),
        (b"id,name\n1,a\r2,b\n3,c\n", None),
        (b'id,name\n1,"a\nb"\r2,b\r\n', None),
        (b'id,name\n1,"a\rb"\n2,b\n', 2),
        (b'id,name\r\n1,"a\rb\r"\r\n2,"\r"\r\n', 2),
        (b"id,name\r\n1,a\r\n2,b\r\n", 2),
        (b"id,name\r\n1,a\n2,b\r\n3,c", 3),
        (b"id,name\n1,a\r\n2,b\r", 2),  # half of the last line break
        (b"id,name\n1,a\n\r\n", 1),
    ],
)
def test_where_carriage_returns_alone_end_lines_the_number_of_rows_is_unknown(data, rows, size, with_reader):
    facts = facts_of(data, size, KeptRows() if with_reader else None)
    assert (facts.columns, facts.rows) == (["id", "name"], rows)
    assert facts.warnings == ([] if rows else [LONE_RETURNS])


@pytest.mark.parametrize("with_reader", [False, True])
@pytest.mark.parametrize("size", [7, 1 << 17])
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("row", [0, 1, 40_000])
def test_a_letter_that_is_not_utf_8_is_told_wherever_it_is_and_the_rows_are_counted(row, encoding, size, with_reader):
    if size == 7:
        row = min(row, 100)
    lines = ["id,name", *(["1,Ada"] * row), "2,José", *(["3,Grace"] * 10)]
    facts = facts_of("\n".join(lines).encode(encoding), size, KeptRows() if with_reader else None)
    assert (facts.columns, facts.rows) == (["id", "name"], row + 11)
    assert facts.warnings == [
        f"The file is not UTF-8 (byte {8 + 6 * row + 5:,} is the first that is not): readers may misread its text."
    ]


def test_a_header_that_is_not_utf_8_is_told_too():
    facts = facts_of("id,naïve\n1,a\n".encode("latin-1"))
    assert (facts.columns, facts.rows) == (["id", "na\ufffdve"], 1)
    assert "(byte 5 is the first" in facts.warnings[0]


def test_behind_a_record_that_never_ends_nothing_is_kept():
    cutter = RecordCutter(size=10, limit=100)
    blocks = [block for piece in in_pieces(b'a\n"' + b"x\n" * 500, 7) for block in cutter.feed(piece)]
    blocks += cutter.finish()
    assert (blocks, cutter.unread) == ([(b"a\n", 1)], 1001)


@pytest.mark.parametrize(
    "data", [b"x" * (MAX_HEADER + 10), b'"' + b"\n" * MAX_HEADER + b"x"], ids=["a line", "a quote"]
)
def test_a_file_whose_first_record_does_not_end_has_no_header(data):
    for reader in (None, KeptRows()):
        facts = facts_of(data, 1 << 18, reader)
        assert (facts.columns, facts.rows, len(facts.warnings)) == ([], None, 1)
        assert "No header was found" in facts.warnings[0]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"id,name\r1,a\r2,b\r", "end in carriage returns alone"),
        (b"id,name\r1,a\r2,b\n3,c\n", "end in carriage returns alone"),
        ("id,name\n1,a\n".encode("utf-16"), "is UTF-16, not UTF-8"),
        ("id,name\n1,a\n".encode("utf-16-le"), "is UTF-16, not UTF-8"),
        (b"id;name\n1;a\n2;b\n", "looks separated by semicolons"),
        (b'[{"id": "c1"}]', "looks like JSON"),
        (b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n%%EOF\n", "looks like a PDF"),
    ],
)
@pytest.mark.parametrize("size", [1, 100])
def test_a_file_that_is_no_csv_has_no_columns_and_an_unknown_number_of_rows(data, told, size):
    for reader in (None, KeptRows()):
        facts = facts_of(data, size, reader)
        assert (facts.columns, facts.rows, len(facts.warnings)) == ([], None, 1)
        assert told in facts.warnings[0] and "its columns and its number of rows are unknown." in facts.warnings[0]
        if reader:
            assert (reader.problem, reader.rows) == (facts.warnings[0], [])
