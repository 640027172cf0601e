"""Whether the rows of a window's file belong to the window, by the column of the window's clock. Pure.

It finds windows for which Chargebee ignored the filter, and that were still written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chargebee_operators.audit.partitions import Partition
from chargebee_operators.chargebee.resources import Resource
from chargebee_operators.checks.clock_column import find_clock
from chargebee_operators.checks.clock_format import ZONELESS_SLACK, ClockFormat, ClockValue


class OutsideRows:
    """Counts the rows of one file that lie outside of their window.

    A row that was changed after the export was requested is no sign of an ignored filter. A time that names no zone may be 14
    hours outside: when the file was written, the site may have had another zone than now.

    :param partition: of the file.
    :param exported: the file's columns as Chargebee exported them.
    :param member: the file's name in the export.
    :param resource: what was exported.
    :param clock: how times are written.
    """

    def __init__(
        self, partition: Partition, exported: Sequence[str], member: str, resource: Resource, clock: ClockFormat
    ) -> None:
        self.count = 0
        self._clock = clock
        self._at: int | None = None
        window, field = partition.window, partition.job.window_field
        if window is None or not field or resource.is_report:
            return
        found = find_clock(exported, member, resource, field)
        if isinstance(found, str):
            return
        self._at = found.at
        start, end = int(window.start.timestamp()), int(window.end.timestamp())
        # A record that was created after the window's end was not changed in it; one created before may have been.
        self._start = 0 if found.one_sided else start
        self._end = end
        self._requested = int(partition.requested_at.timestamp())

    def look(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take some rows."""
        if self._at is not None:
            self.count += sum(self._is_outside(row[self._at]) for row in rows)

    def _is_outside(self, value: Any) -> bool:
        read = self._read(value)
        if read is None:
            return False
        slack = 0 if read.zoned else ZONELESS_SLACK
        before = read.start + read.seconds - 1 < self._start - slack
        return before or self._end + slack <= read.start < self._requested

    def _read(self, value: Any) -> ClockValue | None:
        if isinstance(value, datetime):
            return ClockValue(int(value.timestamp()), 1, zoned=True) if value.tzinfo else None
        if isinstance(value, int):
            return ClockValue(value, 1, zoned=True)
        return self._clock.read(value) if isinstance(value, str) and value else None
