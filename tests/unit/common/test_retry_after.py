"""The wait that a server asks for in a Retry-After header."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chargebee_operators.common.polling import retry_after

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 13:00:30 +0100", 30.0),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("1e9", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value, seconds):
    assert retry_after({"retry-after": value}, NOW) == seconds


@given(st.text())
@example("Tue, 24 Nov 2026 12:00:30 +9999999999")
@example("Tue, 24 Nov 0000 12:00:30 GMT")
def test_any_retry_after_is_a_number_of_seconds_or_nothing(value):
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or 0 <= seconds < math.inf


@given(st.datetimes(datetime(2026, 11, 24, 12), datetime(2200, 1, 1)).map(lambda value: value.replace(microsecond=0)))
def test_a_date_is_waited_for_to_the_second(until):
    aware = until.replace(tzinfo=UTC)
    assert retry_after({"retry-after": format_datetime(aware, usegmt=True)}, NOW) == (aware - NOW).total_seconds()


def test_without_the_header_no_wait_is_requested():
    assert retry_after({}) is None
