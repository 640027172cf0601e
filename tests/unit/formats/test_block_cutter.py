"""Blocks of whole records, wherever the pieces of a file end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.formats.block_cutter import BlockCutter
from support.csv_cases import csv_files, in_pieces, read


def blocks(data: bytes, piece: int = 1000, size: int = 8) -> list[bytes]:
    cutter = BlockCutter(size)
    found = [block for chunk in in_pieces(data, piece) for block in cutter.feed(chunk)]
    found += cutter.finish()
    assert not cutter.is_lost
    return found


@given(csv_files(), st.integers(1, 40), st.integers(1, 40))
def test_blocks_hold_whole_records_and_nothing_is_lost(data, piece, size):
    found = blocks(data, piece, size)
    assert b"".join(found) == data
    records = [record for block in found for record in read(block)]
    assert records == read(data)


@given(csv_files(), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_where_blocks_end_depends_on_the_data_alone(data, one, other, size):
    assert blocks(data, one, size) == blocks(data, other, size)


def test_a_record_longer_than_a_block_is_whole():
    long = b'"' + b"line\n" * 20 + b'"\n'
    first, second, *_ = blocks(b"1\n" + long + b"2\n" * 8)
    assert first == b"1\n"
    assert second.startswith(long)


@pytest.mark.parametrize("data", [b'1\n"2\n', b"1\n" + b"2" * 33, b'1\n"' + b"\n" * 33 + b'"\n'])
@pytest.mark.parametrize("piece", [1, 1000])
def test_without_an_end_of_a_record_there_are_no_more_blocks(data, piece):
    cutter = BlockCutter(8, limit=16)
    found = [block for chunk in in_pieces(data, piece) for block in cutter.feed(chunk)]
    found += cutter.finish()
    assert cutter.is_lost
    assert found == [b"1\n"]
