"""What a simulation says of the slots: how busy they were, how long starts waited, who overtook whom."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, deque
from dataclasses import dataclass

from benchmarks.simulation.site import SLOTS, Call, SimulatedSite

A_MINUTE = 60.0


@dataclass(frozen=True)
class Start:
    """One export, from its first POST to the one that was granted. Seconds since the epoch."""

    key: str
    asked: float
    granted: float
    by_worker: bool

    @property
    def wait(self) -> float:
        """Seconds between the two."""
        return self.granted - self.asked


@dataclass(frozen=True)
class Figures:
    """The results of one scenario. Times in seconds, shares from 0 to 1.

    :param exports: that Chargebee carried out, those asked for again included.
    :param failed: tasks that failed for good.
    :param failed_twice: those of them whose export Chargebee failed, and failed again.
    :param retries: of tasks, by Airflow.
    :param took: from the first call to the end of the last job.
    :param busy: slots in use, of those that could have been: where fewer than five starts were running or waiting,
        only so many.
    :param most_calls: in any minute.
    :param calls: a minute, on average.
    :param refused: calls that were answered 429.
    :param at_once: starts that a worker's own POST got a slot for.
    :param waits: of the starts, sorted.
    :param overtaking: share of the starts that got a slot before an older one.
    :param overtaking_by_minutes: before one that was older by a minute or more.
    :param most_overtaken: how many younger ones passed the start that most did.
    """

    exports: int
    failed: int
    failed_twice: int
    retries: int
    took: float
    busy: float
    most_calls: int
    calls: float
    refused: int
    at_once: int
    waits: list[float]
    overtaking: float
    overtaking_by_minutes: float
    most_overtaken: int

    def wait(self, share: float) -> float:
        """Return the wait that so many of the starts did not exceed."""
        return self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))]


def figures_of(site: SimulatedSite, *, failed: int, failed_twice: int, retries: int) -> Figures:
    """Work a finished simulation out."""
    starts = starts_of(site.calls)
    jobs = [(job.created_at, job.due_at) for job in site.jobs()]
    first, last = site.calls[0].at, max(due for _, due in jobs)
    overtaking, by_minutes, most = overtakings(starts)
    return Figures(
        exports=len(jobs),
        failed=failed,
        failed_twice=failed_twice,
        retries=retries,
        took=last - first,
        busy=busy_share(starts, jobs),
        most_calls=most_in_a_minute(site.calls),
        calls=len(site.calls) / ((last - first) / A_MINUTE),
        refused=sum(call.status == 429 for call in site.calls),
        at_once=sum(start.by_worker for start in starts),
        waits=sorted(start.wait for start in starts),
        overtaking=overtaking / len(starts),
        overtaking_by_minutes=by_minutes / len(starts),
        most_overtaken=most,
    )


def starts_of(calls: list[Call]) -> list[Start]:
    """Return the starts, in the order in which they got their slots."""
    asked: dict[str, float] = {}
    starts = []
    for call in calls:
        if call.key is None:
            continue
        asked.setdefault(call.key, call.at)
        if call.status == 200 and not call.replayed:
            starts.append(Start(call.key, asked[call.key], call.at, call.sender == "worker"))
    return starts


def busy_share(starts: list[Start], jobs: list[tuple[float, float]]) -> float:
    """Return the slot seconds in use, by the slot seconds for which there was work."""
    steps: Counter[tuple[float, int, int]] = Counter()
    for start in starts:
        steps[start.asked, 1, 0] += 1
        steps[start.granted, -1, 0] += 1
    for created, due in jobs:
        steps[created, 0, 1] += 1
        steps[due, 0, -1] += 1
    used = usable = 0.0
    waiting = running = 0
    then = min(at for at, _, _ in steps)
    for (at, waits, runs), count in sorted(steps.items()):
        used += running * (at - then)
        usable += min(SLOTS, waiting + running) * (at - then)
        waiting, running, then = waiting + waits * count, running + runs * count, at
    return used / usable


def most_in_a_minute(calls: list[Call]) -> int:
    """Return the most calls in any 60 seconds."""
    window: deque[float] = deque()
    most = 0
    for call in calls:
        window.append(call.at)
        while window[0] <= call.at - A_MINUTE:
            window.popleft()
        most = max(most, len(window))
    return most


def overtakings(starts: list[Start]) -> tuple[int, int, int]:
    """Return how many overtook an older start, how many one older by a minute, and the most that passed one start."""
    by_age = sorted(starts, key=lambda each: each.asked)
    waiting: list[tuple[float, str]] = []
    passed: Counter[str] = Counter()
    overtaking = by_minutes = next_one = 0
    for start in starts:
        while next_one < len(by_age) and by_age[next_one].asked <= start.granted:
            insort(waiting, (by_age[next_one].asked, by_age[next_one].key))
            next_one += 1
        place = bisect_left(waiting, (start.asked, start.key))
        passed.update(key for _, key in waiting[:place])
        overtaking += place > 0
        by_minutes += place > 0 and start.asked - waiting[0][0] >= A_MINUTE
        del waiting[place]
    return overtaking, by_minutes, max(passed.values(), default=0)
