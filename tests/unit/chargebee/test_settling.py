"""When a window has settled, and which exports were requested too early for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.settling import OLD, TOLERANCE, Settling
from chargebee_operators.common.exceptions import SettingsError

END = datetime(2026, 11, 24, tzinfo=UTC)
settles = st.floats(0, 86400)
offsets = st.integers(-7 * 86400, 7 * 86400)


def at(seconds: float) -> datetime:
    return END + timedelta(seconds=seconds)


@given(settles, offsets)
def test_after_the_seconds_left_the_window_has_settled_and_not_before(settle, offset):
    settling, now = Settling(END, settle), at(offset)
    left = settling.seconds_left(now)
    assert left == max(0.0, (settling.at - now).total_seconds())
    assert settle <= (settling.at - END).total_seconds() <= settle + 1
    assert settling.seconds_left(now + timedelta(seconds=left)) == 0


@given(settles, offsets)
def test_an_export_from_before_the_windows_end_is_never_of_the_window(settle, offset):
    too_early = Settling(END, settle).is_too_early(at(offset))
    if offset < 0:
        assert too_early
    if offset >= settle:
        assert not too_early


@pytest.mark.parametrize(
    ("settle", "offset", "too_early"),
    [
        (0, -1, True),
        (0, 0, False),
        (30, -1, True),
        (30, 0, False),
        (600, 600 - TOLERANCE - 1, True),
        (600, 600 - TOLERANCE, False),
    ],
)
def test_clocks_may_differ_a_little_but_not_over_the_windows_end(settle, offset, too_early):
    assert Settling(END, settle).is_too_early(at(offset)) is too_early


def test_what_settled_an_hour_ago_is_old():
    settling = Settling(END, 600)
    assert not settling.is_old(at(600 + OLD - 1))
    assert settling.is_old(at(600 + OLD))


def test_a_window_that_ends_long_after_the_present_is_refused():
    settling = Settling(datetime(2030, 1, 1, tzinfo=UTC))
    settling.check_end(datetime(2029, 12, 31, 12, tzinfo=UTC), 12 * 3600)
    with pytest.raises(SettingsError) as caught:
        settling.check_end(END, 12 * 3600)
    assert str(caught.value) == (
        "window_end 2030-01-01T00:00:00Z is 1134 days, 0:00:00 after the present (2026-11-24T00:00:00Z): run this after "
        "the window has ended, or give an earlier window_end."
    )
