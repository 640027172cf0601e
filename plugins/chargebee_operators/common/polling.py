"""How long to wait before the next look, and before the next try. Pure arithmetic; seconds throughout."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A long job is looked at after each further tenth of its age: seen at most 10% late, at a tenth of the calls.
SHARE_OF_AGE = 0.1
# The pace at which a crowd of triggers that starts at once, as after a restart, takes up polling: a hundred a second.
SPREAD = 0.01
# Looks wait for the next twentieth of their interval, so that those of many triggers share a wake-up of the event loop:
# one that wakes for a single look pays for it two or three times over, in cold caches.
TICKS = 20
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]*)?")


def first_look(poll_interval: float, crowd: int, draw: Callable[[], float] = random.random) -> float:
    """Return the seconds until a trigger's first look, which comes one interval after it started.

    :param poll_interval: the least seconds between two looks.
    :param crowd: how many wait in the same event loop; all of them spread over up to one interval more.
    :param draw: a number in [0, 1), for the jitter.
    """
    return next_look(0.0, poll_interval, poll_interval, draw) + min(crowd * SPREAD, poll_interval) * draw()


def next_look(
    age: float, poll_interval: float, max_poll_interval: float, draw: Callable[[], float] = random.random
) -> float:
    """Return the seconds until the next look at an export.

    :param age: seconds since the waiting began.
    :param poll_interval: the least seconds between two looks.
    :param max_poll_interval: the most seconds that a job's age may make of it.
    :param draw: a number in [0, 1), for the jitter of up to a tenth that keeps pollers apart.
    """
    base = max(poll_interval, min(age * SHARE_OF_AGE, max_poll_interval))
    return base * (1 + 0.1 * draw())


def next_try(
    tries: int, retry_interval: float, retry_after: float | None = None, draw: Callable[[], float] = random.random
) -> float:
    """Return the seconds until the next try after a refusal or an outage.

    :param tries: how many have failed in a row, one or more.
    :param retry_interval: seconds before the first retry; doubles with each further one, up to six times of it.
    :param retry_after: seconds that the server requires; never less than these.
    :param draw: a number in [0, 1), for the jitter.
    """
    backoff = min(retry_interval * 2 ** min(tries - 1, 10), 6 * retry_interval)
    return max(backoff * (0.75 + 0.5 * draw()), min(retry_after or 0.0, 3600.0) * (1 + 0.1 * draw()))


def until_tick(seconds: float, poll_interval: float, now: float) -> float:
    """Return the seconds until the first tick that is no sooner than so many seconds from now.

    :param seconds: the least.
    :param poll_interval: sets the ticks, ``TICKS`` to an interval; all triggers with the same one share them.
    :param now: the event loop's time.
    """
    tick = poll_interval / TICKS
    return math.ceil((now + seconds) / tick) * tick - now


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, given in seconds or as a date; None without one.

    :param headers: with lower-case names.
    :param now: the present, for tests.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
