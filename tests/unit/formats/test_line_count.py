"""Lines outside quotes, counted over pieces of any size, and carriage returns that end one alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.formats.line_count import LineCount
from support.csv_cases import in_pieces

PARTS = ["a", "bb,", '"', '""', "\n", "\r\n", "\r", '"x\ny"', '"x\r\ny"', '"x\ry"']
FILES = st.lists(st.sampled_from(PARTS), max_size=40).map("".join).map(str.encode)


def count_of(data: bytes, size: int) -> LineCount:
    count = LineCount()
    assert sum(count.feed(piece) for piece in in_pieces(data, size)) == count.breaks
    count.finish()
    return count


def outside_of(data: bytes) -> bytes:
    """Return what is outside quotes, with a quote for each quoted part."""
    return b'"'.join(data.split(b'"')[::2])


@given(FILES, st.integers(1, 50))
def test_lines_and_lone_returns_are_those_of_the_whole_file_whatever_the_pieces(data, size):
    count = count_of(data, size)
    outside = outside_of(data)
    at_the_end = data.endswith(b"\r") and not count.is_open
    lone = re.findall(rb"\r(?!\n)", outside)
    assert count.breaks == outside.count(b"\n")
    assert count.is_open == (data.count(b'"') % 2 == 1)
    assert count.has_lone_returns == (len(lone) > at_the_end)


@pytest.mark.parametrize(
    "data", [b"a\r\nb\rc\nd\r\n", b"a\rb\n", b"a\nb\rc\n\r\n", b'"x\ry"\r\na\rb\nc\r\n'], ids=lambda each: repr(each)
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_as_many_returns_as_line_feeds_do_not_hide_a_lone_one(data, size):
    assert count_of(data, size).has_lone_returns


@pytest.mark.parametrize("length", [0, 1, 10, 39, 40, 41, 500])
def test_short_lines_and_long_ones_are_counted_alike(length):
    count = LineCount()
    assert count.feed((b"x" * length + b"\n") * 1000) == count.breaks == 1000
