"""When the data of a window is complete at Chargebee, and whether an export was requested late enough. Pure.

An export that is requested before its window ends lacks the rows that change after the request: they are in no partition.
And Chargebee's list API lags behind by some minutes; exports may lag likewise. So an export is requested when its window
has ended, and some time has passed (``settle``). Chargebee's clock decides, for a worker's clock may be wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from chargebee_operators.chargebee.windows import iso
from chargebee_operators.common.exceptions import SettingsError

# Seconds after a window's end before its export is requested, by default.
SETTLE = 10 * 60.0
# So many seconds sooner than ``settle`` an export is still accepted: clocks differ a little. Never before the window's end.
TOLERANCE = 60.0
# A window that has settled so many seconds ago is old: no clock of a worker is so wrong, and Chargebee's is not asked for.
OLD = 60 * 60.0


@dataclass(frozen=True)
class Settling:
    """When a window has settled.

    :param window_end: the window's end.
    :param settle: seconds after it.
    """

    window_end: datetime
    settle: float = 0.0

    @property
    def at(self) -> datetime:
        """The first instant at which the export may be requested, by Chargebee's clock."""
        return self.window_end + timedelta(seconds=math.ceil(self.settle))

    def seconds_left(self, now: datetime) -> float:
        """Return the seconds until then; 0 when it has passed."""
        return max(0.0, (self.at - now).total_seconds())

    def is_old(self, now: datetime) -> bool:
        """Return whether the window has settled so long ago that the difference of two clocks does not matter."""
        return now >= self.at + timedelta(seconds=OLD)

    def is_too_early(self, created_at: datetime) -> bool:
        """Return whether an export was requested too early to hold all of the window.

        :param created_at: when it was requested, by Chargebee's clock.
        """
        return created_at < max(self.window_end, self.at - timedelta(seconds=TOLERANCE))

    def check_end(self, now: datetime, longest: float) -> None:
        """Refuse a window that ends long after the present.

        :param now: the present.
        :param longest: the most seconds that its end may be ahead.
        :raises SettingsError: with what to do.
        """
        ahead = (self.window_end - now).total_seconds()
        if ahead > longest:
            raise SettingsError(
                f"window_end {iso(self.window_end)} is {timedelta(seconds=int(ahead))} after the present ({iso(now)}): "
                "run this after the window has ended, or give an earlier window_end."
            )
