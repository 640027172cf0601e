"""Exact reading from chunks, and a zip's directory read out of order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.archive.byte_source import ByteSource
from chargebee_operators.archive.directory import read_directory
from chargebee_operators.archive.records import Entry, skip_descriptor, wide_values
from chargebee_operators.common.exceptions import ArchiveError
from support.zips import by_hand, cut, directory, made


@given(
    chunks=st.lists(st.binary(max_size=100), max_size=20),
    steps=st.lists(st.tuples(st.sampled_from(["some", "upto", "back"]), st.integers(1, 90))),
)
def test_bytes_come_once_and_in_order_whatever_is_given_back(chunks, steps):
    whole, source, given_out = b"".join(chunks), ByteSource(chunks), b""
    for kind, size in steps:
        if kind == "back":
            # At most what came last, as a reader does that took too much.
            size = min(size, len(given_out))
            source.give_back(given_out[len(given_out) - size :])
            given_out = given_out[: len(given_out) - size]
        else:
            fresh = source.some(size) if kind == "some" else source.upto(size)
            assert len(fresh) <= size and (fresh or source.position == len(whole))
            assert kind == "some" or len(fresh) == min(size, len(whole) - len(given_out))
            given_out += fresh
        assert source.position == len(given_out)
        assert whole.startswith(given_out)
    assert given_out + source.upto(10_000) == whole


def test_tiny_chunks_are_put_together():
    source = ByteSource(cut(bytes(200), 1))
    assert [len(source.some(1000)) for _ in range(5)] == [64, 64, 64, 8, 0]


def test_too_few_bytes_are_an_error_that_says_where():
    source = ByteSource([b"abc", b"def"])
    assert source.exactly(4, "the name") == b"abcd"
    with pytest.raises(ArchiveError, match="ends at byte 6, in the middle of the name: it is cut short"):
        source.exactly(3, "the name")


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("comment", [b"", b"x" * 65535])
def test_a_directory_takes_as_few_reads_as_it_can(zip64, comment):
    noise = random.Random(1).randbytes(100_000)
    data = made([("a.csv", noise), ("b.csv", b"text")], zip64=zip64, comment=comment)
    reads = []

    def fetch(offset: int, length: int) -> bytes:
        assert length > 0 and 0 <= offset <= len(data) - length
        reads.append(length)
        return data[offset : offset + length]

    entries = read_directory(fetch, len(data))
    assert [each.name for each in entries.values()] == [b"a.csv", b"b.csv"]
    assert all(data[offset : offset + 4] == b"PK\x03\x04" for offset in entries)
    # Only the longest comment pushes the directory out of the first read.
    assert len(reads) == (2 if comment else 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>" * 100_000,
        b"PK\x05\x06",
        by_hand([{}], offset=1 << 31),
        by_hand([{}], length=1 << 31),
        by_hand([{}, {"central_offset": 0}]),
    ],
    ids=["empty", "a page", "a stump", "far away", "too long", "one place twice"],
)
def test_no_directory_where_one_should_be(data):
    with pytest.raises(ArchiveError, match=r"directory|points outside"):
        directory(data)


@pytest.mark.parametrize(
    ("extra", "values"),
    [
        (b"", []),
        (b"\x01\x00\x08\x00" + b"\x05" + bytes(7), [5]),
        (b"UT\x05\x00" + bytes(5) + b"\x01\x00\x10\x00" + b"\x05" + bytes(7) + b"\x06" + bytes(7), [5, 6]),
        (b"\x01\x00\xff\xff" + b"\x05" + bytes(7) + b"cut", [5]),
        (b"\x01\x00", []),
    ],
)
def test_the_64_bit_extra_field(extra, values):
    assert list(wide_values(extra)) == values


def test_a_checksum_that_looks_like_a_signature():
    """Without a signature, the record begins with the checksum; here it is the signature's own bytes."""
    found = Entry(b"a.csv", 0, 0x08074B50, 5, 6)
    record = b"PK\x07\x08" + (5).to_bytes(4, "little") + (6).to_bytes(4, "little")
    for signature in (b"", b"PK\x07\x08"):
        source = ByteSource([signature + record + b"PK\x01\x02" + bytes(40)])
        assert skip_descriptor(source, found)
        assert source.upto(4) == b"PK\x01\x02"


def test_entries_tell_the_first_difference():
    entry = Entry(b"a.csv", 0, 1, 2, 3, 8, 0)
    assert entry.difference(Entry(b"a.csv", 0, 1, 2, 3, 8, 0x806), "the directory") is None
    assert (
        entry.difference(Entry(b"a.csv", 0, 1, 2, 4, 8, 0), "the directory")
        == "its size is 3, but the directory says 4"
    )
    assert entry.difference(Entry(b"a.csv", 0, 9, 9, 9, 8, 0), "x", header_only=True) is None
    # Not every writer says of the same bytes in both places that they are UTF-8.
    accented = Entry(b"Zo\xc3\xab", 0, flags=0x800)
    assert accented.text == "Zoë"
    assert accented.difference(Entry(b"Zo\xc3\xab", 0), "the directory") is None
    # Where they are not, they are another name in another encoding.
    assert Entry(b"Zo\x89", 0).text == "Zoë"
    assert "name" in str(Entry(b"Zo\x89", 0).difference(Entry(b"Zo\x89", 0, flags=0x800), "the directory"))
