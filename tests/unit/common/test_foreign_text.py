"""Text from outside in lines: nothing of it ends a line, moves a cursor, turns the writing, or fills a page."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.common import exceptions
from chargebee_operators.common.foreign_text import MOST, MOST_OF_A_LINE, clean, clean_line, listed, printable

TURNING = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def is_fit(text: str) -> bool:
    """Tell by Unicode's own tables whether a text stays in its line and is shown as it is written."""
    return not any(
        unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(each) in TURNING
        or each in "\u061c\u200e\u200f"
        for each in text
    )


EVERY = [chr(point) for point in range(0x110000)]


def test_every_character_that_is_unfit_for_a_line_is_replaced_and_no_other():
    assert printable("".join(EVERY)) == "".join(each if is_fit(each) else "\ufffd" for each in EVERY)


@given(st.text(st.one_of(st.characters(), st.sampled_from("\r\n\x1b\x85\u2028\u202e\ud800")), max_size=600))
def test_a_text_is_printable_and_bounded_and_once_clean_it_stays_as_it_is(text):
    cleaned = clean(text)
    assert is_fit(cleaned) and len(cleaned) <= MOST
    assert clean(cleaned) == cleaned
    assert cleaned.encode().decode() == cleaned
    if is_fit(text) and len(text) <= MOST:
        assert cleaned == text


def test_a_text_that_was_cut_says_how_long_it_was():
    assert clean("x" * 200_000, 40) == "x" * 16 + "... (200,000 characters)"
    assert clean("x" * 40, 40) == "x" * 40
    assert clean("x" * 50, 3) == "... (50 characters)"


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["id"], "id"),
        (["id", "name"], "id and name"),
        (["id", "na\nme", "email"], "id, na\ufffdme and email"),
        (range(20_000), f"{', '.join(map(str, range(20)))} and 19,980 more"),
    ],
)
def test_names_are_listed_and_those_that_are_too_many_counted(names, text):
    assert listed(names) == text
    assert listed(iter(names)) == text


def test_a_list_of_names_that_come_and_go_has_no_and():
    assert listed(["a added", "b removed"], last=", ") == "a added, b removed"


@pytest.mark.parametrize("name", sorted(each for each in vars(exceptions) if each.endswith("Error")))
def test_no_error_has_more_than_one_line_or_fills_a_page(name):
    error = getattr(exceptions, name)(f"Column {'x' * 200_000}\nERROR - forged \x1b[2J\u2028\u202e")
    assert is_fit(str(error)) and len(str(error)) <= MOST_OF_A_LINE
    assert clean_line(str(error)) == str(error)
