"""The schedule of an export DAG: a cron expression whose windows meet exactly, also on days when clocks change."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chargebee_operators._compat import CronDataIntervalTimetable, pendulum_utc
from chargebee_operators.dag.ticks import CronTicks

if TYPE_CHECKING:
    from pendulum import DateTime


class ExportTimetable(CronDataIntervalTimetable):
    """Gives each run the time between two ticks of a cron expression as its data interval.

    It differs from ``CronDataIntervalTimetable`` only near a change of clocks; ``ticks`` says how. Airflow finds it through
    ``chargebee_plugin.py``, without which it refuses the DAG: "Timetable class ... is not registered".

    :param cron: five fields, or a preset such as ``@daily``.
    :param timezone: the zone of the expression: an IANA name, ``Europe/Berlin`` for example.
    """

    @cached_property
    def _ticks(self) -> CronTicks:
        return CronTicks(self._expression, self._timezone)

    # The parent works out every interval from these two.
    def _get_next(self, current: DateTime) -> DateTime:
        return pendulum_utc(self._ticks.after(current))

    def _get_prev(self, current: DateTime) -> DateTime:
        return pendulum_utc(self._ticks.before(current))
