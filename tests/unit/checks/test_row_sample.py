"""A draw of rows: uniform, the same at each try, and right wherever blocks end."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.checks.row_sample import RowSample
from chargebee_operators.formats.rows import CsvRows


def drawn(seed: str, rows: int, block: int, size: int = 2) -> list[str]:
    sample = RowSample(seed, 1, size)
    numbers = list(range(rows))
    for start in range(0, rows, block):
        part = numbers[start : start + block]
        sample.take(CsvRows(b"".join(b'"a ""b"",\nc",r%d,z\n' % number for number in part), len(part), 3))
    return sample.ids


@given(st.text(max_size=5), st.integers(0, 60), st.integers(1, 9))
def test_rows_of_the_file_are_drawn_each_once_wherever_blocks_end(seed, rows, block):
    ids = drawn(seed, rows, block)
    assert len(ids) == len(set(ids)) == min(rows, 2)
    assert set(ids) <= {f"r{number}" for number in range(rows)}
    assert sorted(ids) == sorted(drawn(seed, rows, 1000))


def test_each_row_is_drawn_as_often_as_another():
    counts = Counter(each for seed in range(4000) for each in drawn(str(seed), 20, 7))
    assert len(counts) == 20
    assert all(300 < count < 500 for count in counts.values())  # 400 each


@pytest.mark.parametrize(("field", "expected"), [("'+49", "+49"), ("'x", "'x"), ("  ", None), ("", None)])
def test_a_guard_against_formulas_is_no_part_of_an_id_and_a_blank_is_none(field, expected):
    sample = RowSample("s", 0, 3)
    sample.take(CsvRows(f"{field},1\n\n".encode(), 2, 2))
    assert sample.ids == ([] if expected is None else [expected])
