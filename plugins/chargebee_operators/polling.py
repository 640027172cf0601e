"""How long to wait before the next look, and before the next try. Pure arithmetic; seconds throughout."""

from __future__ import annotations

import random
from collections.abc import Callable

# A long job is looked at after each further tenth of its age: seen at most 10% late, at a tenth of the calls.
SHARE_OF_AGE = 0.1


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
    :param retry_after: seconds that the server asked for; never less than these.
    :param draw: a number in [0, 1), for the jitter.
    """
    backoff = min(retry_interval * 2 ** min(tries - 1, 10), 6 * retry_interval)
    return max(backoff * (0.75 + 0.5 * draw()), min(retry_after or 0.0, 3600.0) * (1 + 0.1 * draw()))
