"""Lets the threads beside a busy one have their turn."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def prompt_threads() -> Iterator[None]:
    """Let the threads that fetch and send have their turn within half a millisecond, for as long as the block runs.

    Python's own five are longer than each piece of work here, so that they would wait most of the time for the one that
    counts and inflates.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
