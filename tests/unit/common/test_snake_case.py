"""Names in snake case: what every reader takes, and the same for the same text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.common.snake_case import snake


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("customer[id]", "customer_id"),
        ("Customer Id", "customer_id"),
        ("customerId", "customer_id"),
        ("subscriptions.id", "subscriptions_id"),
        ("Billing Address Line1", "billing_address_line1"),
        ("line_items[amount][0]", "line_items_amount_0"),
        ("Tax (%) -- 1", "tax_1"),
        ("VAT Number", "vat_number"),
        ("Größe Øre Łódź", "grosse_ore_lodz"),
        ("_id_", "id"),
        ("2nd Address", "column_2nd_address"),
        ("007", "column_007"),
    ],
)
def test_names(text, name):
    assert snake(text, "column", 120) == name


def test_names_without_a_latin_letter_are_told_apart_and_stay_the_same():
    names = [snake(text, "column", 120) for text in ("金額", "名前", "%", "")]
    assert len(set(names)) == 4
    assert all(re.fullmatch("column_[0-9a-f]{8}", each) for each in names)
    assert snake("金額", "column", 120) == names[0]


def test_long_names_that_differ_at_the_end_stay_apart():
    one, other = (snake("x" * 300 + end, "column", 120) for end in "ab")
    assert one != other
    assert len(one) == len(other) == 120


@given(st.text(), st.integers(20, 40))
def test_any_text_gives_a_name_that_every_reader_takes(text, most):
    name = snake(text, "column", most)
    assert re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert len(name) <= most
    assert snake(text, "column", most) == name
