"""Which time no window of a resource covers, and the commands that export it. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.dag.ticks import CronTicks

# So long after it has settled a window may still be on its way: it waits for a slot, and is exported.
ON_ITS_WAY = timedelta(hours=6)
# Without a schedule, so long before the present a change may be in no window yet.
UNSCHEDULED = timedelta(days=1)


@dataclass(frozen=True)
class Schedule:
    """The schedule of the DAG that exports the windows.

    :param dag_id: the DAG's id.
    :param cron: its expression or preset; None for runs by hand only.
    :param timezone: the IANA name of its zone.
    :param settle: seconds after a window's end before its exports are requested.
    """

    dag_id: str
    cron: str | None
    timezone: str = "UTC"
    settle: float = 0.0

    @property
    def _ticks(self) -> CronTicks | None:
        return CronTicks(self.cron, ZoneInfo(self.timezone)) if self.cron else None

    def due(self, now: datetime) -> datetime:
        """Return up to when changes should be in a window by now.

        :param now: the present.
        """
        ticks, settled = self._ticks, now - timedelta(seconds=self.settle)
        return ticks.before(settled - ON_ITS_WAY) if ticks else (settled - UNSCHEDULED).replace(microsecond=0)

    def intervals(self, span: Window) -> tuple[datetime, datetime] | None:
        """Return the starts of the first and of the last interval that fill a span exactly; None when none do."""
        ticks = self._ticks
        just_before = timedelta(seconds=1)
        if not ticks or any(ticks.after(each - just_before) != each for each in (span.start, span.end)):
            return None
        return span.start, ticks.before(span.end)


@dataclass(frozen=True)
class Backfill:
    """Time that is to be exported once more.

    :param window: the time.
    :param why: in a few words.
    :param command: what exports it.
    :param single_run: a command that exports it in one run, also where its runs have succeeded before.
    """

    window: Window
    why: str
    command: str
    single_run: str

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON-ready data."""
        return {
            "from": iso(self.window.start),
            "to": iso(self.window.end),
            "why": self.why,
            "command": self.command,
            "single_run": self.single_run,
        }


def holes(windows: Iterable[Window], due: datetime) -> list[Window]:
    """Return the time that no window covers, between the first window and the time at which all should be there.

    :param windows: in any order; they may overlap.
    :param due: up to when windows should exist.
    """
    found: list[Window] = []
    covered: datetime | None = None
    for each in sorted(windows):
        if covered is not None and each.start > covered:
            found.append(Window(covered, each.start))
        covered = max(covered or each.end, each.end)
    if covered is not None and due > covered:
        found.append(Window(covered, due))
    return found


def backfill_of(
    window: Window,
    why: str,
    resource: str,
    schedule: Schedule,
    command: Callable[[str, datetime, datetime], str] | None = None,
) -> Backfill:
    """Return how a window is exported.

    :param window: the time.
    :param why: in a few words.
    :param resource: whose window it is.
    :param schedule: that of the DAG.
    :param command: makes the command of a backfill from the DAG's id and the starts of the first and the last interval. It
        leaves out runs that have succeeded. None where they have.
    """
    wanted = {"window_start": iso(window.start), "window_end": iso(window.end), "resources": [resource]}
    single = f"airflow dags trigger {shlex.quote(schedule.dag_id)} --conf {shlex.quote(json.dumps(wanted))}"
    intervals = schedule.intervals(window) if command else None
    return Backfill(window, why, command(schedule.dag_id, *intervals) if command and intervals else single, single)
