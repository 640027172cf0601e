"""The window of a task's run, and how long the task has to wait until the window has settled."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chargebee_operators.chargebee.settling import Settling
from chargebee_operators.chargebee.windows import Window, window_of
from chargebee_operators.common.exceptions import SettingsError

if TYPE_CHECKING:
    from chargebee_operators._compat import Context
    from chargebee_operators.hooks import ChargebeeHook


def window_of_run(context: Context, start: Any, end: Any) -> Window:
    """Return the window that a task is given, else the data interval of its run.

    :param context: of the task.
    :param start: the task's ``window_start``, rendered.
    :param end: its ``window_end``, rendered.
    :raises SettingsError: when there is neither, and for what is no window.
    """
    # .get, for a manual run without a logical date has no interval in its context at all.
    interval = context.get("data_interval_start"), context.get("data_interval_end")
    if window := window_of(start, end) or window_of(*interval):
        return window
    raise SettingsError(
        "This run has no data interval (a manual run without a logical date): give window_start and window_end."
    )


def window_beside_snapshot(context: Context, start: Any, end: Any) -> Window | None:
    """Return the same for a snapshot, which needs no window; None when there is none.

    :param context: as for ``window_of_run``, and so ``start`` and ``end``.
    """
    first, last = context.get("data_interval_start"), context.get("data_interval_end")
    return window_of(start, end) or (None if first == last else window_of(first, last))


def seconds_until_settled(hook: ChargebeeHook, settling: Settling, longest: float) -> float:
    """Return how long to wait until a window has settled, by Chargebee's clock.

    :param hook: of the site.
    :param settling: when the window has settled.
    :param longest: the most seconds that the window's end may be ahead.
    :raises SettingsError: when it is further ahead.
    """
    now = datetime.fromtimestamp(time.time(), UTC)
    if settling.is_old(now):
        return 0.0
    now = hook.chargebee_time() or now
    settling.check_end(now, longest)
    return settling.seconds_left(now)
