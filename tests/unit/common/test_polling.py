"""How long to wait: never less than asked, never much more, and not in step with others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.common.polling import next_look, next_try

draws = st.floats(0, 1, exclude_max=True)
intervals = st.floats(0.01, 600)


@given(st.floats(0, 10**6), intervals, intervals, draws)
def test_a_look_comes_within_the_two_intervals_and_a_tenth(age, least, most, draw):
    seconds = next_look(age, least, most, lambda: draw)
    assert least <= seconds <= 1.1 * max(least, most)


@given(st.floats(0, 10**6), st.floats(0, 10**6), intervals, intervals, draws)
def test_an_older_job_is_not_looked_at_sooner(one, other, least, most, draw):
    younger, older = sorted((one, other))
    assert next_look(younger, least, most, lambda: draw) <= next_look(older, least, most, lambda: draw)


@pytest.mark.parametrize(("age", "seconds"), [(0, 10), (100, 10), (300, 30), (600, 60), (7200, 60)])
def test_a_long_job_is_looked_at_after_each_tenth_of_its_age(age, seconds):
    assert next_look(age, 10, 60, lambda: 0.0) == seconds


def test_a_job_of_an_hour_is_seen_late_by_a_minute_at_most_and_costs_few_looks():
    age, looks = 0.0, 0
    while age < 3600:
        age, looks = age + next_look(age, 10, 60, lambda: 0.5), looks + 1
    assert age - 3600 <= 66
    assert looks < 90


@given(st.integers(1, 10**6), intervals, draws)
def test_a_try_comes_within_its_bounds(tries, interval, draw):
    seconds = next_try(tries, interval, None, lambda: draw)
    assert 0.75 * interval <= seconds <= 1.25 * 6 * interval


@given(st.integers(1, 40), intervals, st.floats(0, 3600), draws)
def test_a_try_comes_no_sooner_than_the_server_asked(tries, interval, retry_after, draw):
    seconds = next_try(tries, interval, retry_after, lambda: draw)
    assert seconds >= retry_after
    assert seconds >= next_try(tries, interval, None, lambda: draw)


def test_the_pause_doubles_up_to_six_times():
    assert [next_try(tries, 10, None, lambda: 0.5) for tries in (1, 2, 3, 4, 5)] == [10, 20, 40, 60, 60]


@pytest.mark.parametrize(("retry_after", "seconds"), [(0, 10), (30, 30), (86_400, 3600), (float("inf"), 3600)])
def test_no_server_makes_us_wait_longer_than_an_hour(retry_after, seconds):
    assert next_try(1, 10, retry_after, lambda: 0.5 if seconds == 10 else 0.0) == seconds


def test_pollers_that_begin_together_drift_apart():
    assert len({next_look(0, 10, 60) for _ in range(50)}) > 1
    assert len({next_try(1, 10) for _ in range(50)}) > 1
    assert len({next_try(1, 10, 60) for _ in range(50)}) > 1
