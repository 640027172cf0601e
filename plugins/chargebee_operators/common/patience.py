"""Tries a call of Chargebee again while it is busy or does not answer, for so many seconds. For workers: it sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from chargebee_operators.common.exceptions import ThrottledError, UnavailableError
from chargebee_operators.common.polling import next_try

T = TypeVar("T")

# Seconds before the first further try by default; they double with each one, up to six times of it.
RETRY_INTERVAL = 5.0


def patiently(
    call: Callable[[], T],
    patience: float,
    on_wait: Callable[[ThrottledError | UnavailableError, float], None] = lambda error, seconds: None,
    sleep: Callable[[float], None] | None = None,
    interval: float | None = None,
) -> T:
    """Return what a call returns, once Chargebee answers it.

    It never comes back sooner than Chargebee asks for (Retry-After).

    :param call: raises what the hook's methods raise.
    :param patience: the most seconds to wait in all.
    :param on_wait: is given the error and the seconds before each wait, for the log.
    :param sleep: waits so many seconds; ``time.sleep`` by default.
    :param interval: seconds before the first further try; ``RETRY_INTERVAL`` by default.
    :raises ThrottledError: when Chargebee was busy for longer.
    :raises UnavailableError: when it did not answer for longer.
    """
    tries, left = 0, patience
    while True:
        try:
            return call()
        except (ThrottledError, UnavailableError) as error:
            tries += 1
            delay = next_try(tries, RETRY_INTERVAL if interval is None else interval, error.retry_after)
            if delay > left:
                raise
            on_wait(error, delay)
        left -= delay
        (sleep or time.sleep)(delay)
