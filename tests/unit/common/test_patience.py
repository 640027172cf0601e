"""Calls are tried again as long as there is patience, and never sooner than the server asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.common.exceptions import (
    AuthenticationError,
    ChargebeeApiError,
    ThrottledError,
    UnavailableError,
)
from chargebee_operators.common.patience import patiently


def failing(*errors: Exception) -> Any:
    """Return a call that raises these, one after the other, and then returns ``done``."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


def test_what_is_answered_at_once_is_not_waited_for():
    slept: list[float] = []
    assert patiently(failing(), 0, sleep=slept.append) == "done"
    assert not slept


@given(st.lists(st.none() | st.floats(0, 300), max_size=6), st.floats(0, 2000))
def test_it_waits_as_long_as_it_is_asked_to_and_no_longer_than_its_patience(waits, patience):
    slept: list[float] = []
    errors = [ThrottledError("busy", retry_after=each) for each in waits]
    outcome = "done"
    try:
        patiently(failing(*errors), patience, sleep=slept.append)
    except ThrottledError:
        outcome = "gave up"
    assert sum(slept) <= patience
    assert all(seconds >= (asked or 0) for seconds, asked in zip(slept, waits, strict=False))
    assert outcome == "gave up" or len(slept) == len(waits)


@pytest.mark.parametrize("error", [ThrottledError("busy"), UnavailableError("away")], ids=["busy", "away"])
def test_each_wait_is_reported_before_it(error):
    story: list[Any] = []
    patiently(failing(error), 60, lambda *said: story.append(said), lambda seconds: story.append(seconds))
    (said, seconds), slept = story
    assert said is error and seconds == slept


def test_a_refusal_is_not_tried_again():
    with pytest.raises(AuthenticationError):
        patiently(failing(AuthenticationError("no")), 1000, sleep=pytest.fail)


def test_without_patience_the_error_comes_through():
    with pytest.raises(ChargebeeApiError, match="busy"):
        patiently(failing(ThrottledError("busy")), 1, sleep=pytest.fail)
