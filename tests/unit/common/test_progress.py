"""The lines of a long transfer, with a clock that the test moves."""

from __future__ import annotations

import pytest

from chargebee_operators.common.progress import Progress, duration_text, size_text


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lines(progress: Progress, clock: Clock, steps: list[tuple[float, int]], total: int | None) -> list[str]:
    """Return the lines of a transfer that goes on in steps of seconds and bytes."""
    told = []
    for seconds, count in steps:
        clock.now += seconds
        line = progress.add(count, total)
        told += [str(line)] if line else []
    return told


def test_a_line_every_ten_seconds_at_most(clock):
    told = lines(Progress(clock), clock, [(1, 1_000_000)] * 35, 100_000_000)
    assert told == [
        "10.0 MB of 100.0 MB (10%), 1.0 MB/s, 1 min 30 s left",
        "20.0 MB of 100.0 MB (20%), 1.0 MB/s, 1 min 20 s left",
        "30.0 MB of 100.0 MB (30%), 1.0 MB/s, 1 min 10 s left",
    ]


def test_the_rate_is_that_of_the_last_seconds(clock):
    told = lines(Progress(clock), clock, [(10, 100_000_000), (10, 10_000_000)], 200_000_000)
    assert told[-1] == "110.0 MB of 200.0 MB (55%), 1.0 MB/s, 1 min 30 s left"


def test_without_a_total_neither_share_nor_rest(clock):
    assert lines(Progress(clock), clock, [(20, 4_200_000)], None) == ["4.2 MB so far, 210.0 kB/s"]


def test_a_standstill_promises_no_end(clock):
    assert lines(Progress(clock), clock, [(1, 50), (10, 0), (10, 0)], 100)[-1] == "50 B of 100 B (50%), 0 B/s"


@pytest.mark.parametrize("total", [None, 100])
def test_before_the_first_byte_there_are_no_figures(clock, total):
    assert lines(Progress(clock), clock, [(12, 0)], total) == ["nothing has come yet"]


def test_a_short_transfer_has_its_last_line_only(clock):
    progress = Progress(clock)
    assert lines(progress, clock, [(1, 1_000_000)] * 9, 9_000_000) == []
    assert str(progress.end()) == "9.0 MB in 9.0 s, 1.0 MB/s on average"


def test_the_last_line_of_nothing(clock):
    assert str(Progress(clock).end()) == "0 B in 0.0 s, 0 B/s on average"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (10_000_000_000, "10.0 GB"), (5e12, "5.0 TB")],
)
def test_sizes(count, text):
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s"), (7799, "2 h 09 min")],
)
def test_times(seconds, text):
    assert duration_text(seconds) == text
