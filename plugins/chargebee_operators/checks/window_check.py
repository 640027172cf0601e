"""Whether the rows of a file lie in the requested window. Pure.

Chargebee ignores a filter that it cannot read, and then exports everything. Where a record carries the time that the
window bounds, in a column that ``clock_column`` finds, each row is compared. Where it does not, a few ids are drawn, for
``spot_check``. ``window_verdict`` decides which files of an export count.
"""

from __future__ import annotations

from datetime import datetime

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.resources import Resource, get_resource
from chargebee_operators.chargebee.windows import EARLIEST, Window, parse_instant, window_of
from chargebee_operators.checks.clock_column import find_clock
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.checks.clock_values import WindowJudge
from chargebee_operators.checks.record_id import RecordId, find_id, is_called_after
from chargebee_operators.checks.row_sample import RowSample
from chargebee_operators.checks.spot_check import DRAWN
from chargebee_operators.checks.window_result import WindowResult
from chargebee_operators.common.wording import counted
from chargebee_operators.formats.csv_records import MAX_RECORD
from chargebee_operators.formats.rows import Rows

_ID_LENGTH = 60

NO_WINDOW, NO_ROWS = "the export has no window", "it has no rows"


class WindowCheck:
    """Checks one file's rows as they pass by; a ``rows.RowReader``.

    :param member: the file's name in the zip.
    :param resource: what was exported.
    :param window: the requested window; None for a snapshot.
    :param window_field: the record's clock, ``updated_at`` say; None for a snapshot.
    :param requested_at: when the export was requested; None when its clock does not move by itself.
    :param column: the clock's column as the header spells it, when it is not to be looked for.
    :param clock: how its times are written, where a setting says so.
    :param seed: what the draw of ids depends on, for example the export's id.
    """

    def __init__(
        self,
        member: str,
        resource: Resource,
        window: Window | None,
        window_field: str | None,
        *,
        requested_at: datetime | None = None,
        column: str | None = None,
        clock: ClockFormat | None = None,
        seed: str = "",
    ) -> None:
        self.member = member
        # Whether the file is surely that of the records themselves.
        self.is_own = is_called_after(member, resource)
        self.by_hand = bool(column)
        self.columns: tuple[str, ...] = ()
        self._resource = resource
        self._field = window_field or ""
        self._wanted = column
        self._column: str | None = None
        self._has_rows = False
        self._clock_at = -1
        self._id_at: int | None = None
        self.id: RecordId | None = None
        self._seed = seed
        self._sample: RowSample | None = None
        self._example: str | None = None
        self._window, self._requested_at, self._clock = window, requested_at, clock
        self._judge = WindowJudge(window, requested_at, clock) if window and window_field else None
        self.is_one_sided = False
        self._not_checked: str | None = NO_ROWS if self._judge else NO_WINDOW
        self._aside: str | None = None

    def header(self, columns: list[str]) -> None:
        """Find the clock's column."""
        self.columns = tuple(columns)
        if self._judge is None:
            return
        self.id = find_id(columns, self.member, self._resource)
        if self.id is not None:
            self._sample = RowSample(f"{self._seed}/{self.member}", self.id.at, DRAWN)
        found = find_clock(columns, self.member, self._resource, self._field, self._wanted)
        if isinstance(found, str):
            self._not_checked = found
            return
        self._not_checked = None
        self._clock_at, self._id_at = found.at, found.id_at
        self.is_own = self.is_own or found.is_own
        if found.one_sided:
            assert self._window is not None
            upto_end = Window(EARLIEST, self._window.end)
            self._judge, self.is_one_sided = WindowJudge(upto_end, self._requested_at, self._clock), True
        self._column = columns[self._clock_at]

    def unreadable(self, problem: str) -> None:
        """Take note that the rows cannot be counted."""
        self._has_rows = True
        if self._judge is not None:
            self._not_checked = problem

    def take(self, rows: Rows) -> None:
        """Check the next records."""
        # A blank line is an empty list.
        self._has_rows = self._has_rows or any(rows.fields())
        if self._judge is None:
            return
        found_outside = self._column is not None and self._judge.judge(rows.values(self._clock_at))
        if found_outside and self._example is None:
            self._example = self._find_example(rows)
        if self._sample is not None and not self._is_read:
            self._sample.take(rows)

    def finish(self, unread: int) -> None:
        """Take the end."""
        self._has_rows = self._has_rows or unread > 0
        if unread and self._column is not None:
            end, limit = counted(unread, "byte"), MAX_RECORD >> 20
            self._not_checked = (
                f"its last {end} are one record: its quotes do not pair, or it is longer than {limit} MB"
            )

    def set_aside(self, reason: str) -> None:
        """Let what was found not count; to be called after ``finish``."""
        self._aside = reason if self._has_rows else NO_ROWS

    @property
    def is_found(self) -> bool:
        """Whether the file has a column that may be the clock."""
        return self._column is not None and not self.is_one_sided

    @property
    def has_rows(self) -> bool:
        """Whether there are rows, as far as they can be recognized."""
        return self._has_rows

    @property
    def drawn_ids(self) -> list[str]:
        """Ids of a few rows, at random; empty where the clock's column could be read."""
        return self._sample.ids if self._sample is not None else []

    @property
    def _is_read(self) -> bool:
        """Whether the times of the clock's column can be read, so that no ids need be drawn."""
        if self._judge is None or not self.is_found:
            return False
        tally = self._judge.tally
        return tally.inside + tally.outside + tally.late > 0

    @property
    def result(self) -> WindowResult:
        """What was found; final after ``finish`` and ``choose_files``."""
        if self._aside:
            return WindowResult(self.member, self._column, not_checked=self._aside)
        if self._judge is None or self._column is None:
            reason = self._not_checked if self._has_rows or self._judge is None else NO_ROWS
            return WindowResult(self.member, not_checked=reason)
        judge, tally = self._judge, self._judge.tally
        not_checked = self._not_checked
        checked = tally.inside + tally.outside + tally.late
        if tally.unread and not checked:
            not_checked = "its times are in an unknown format"
        elif tally.empty and not checked and not_checked is None and self._has_rows:
            not_checked = "none of its rows has a time there"
        return WindowResult(
            self.member,
            self._column,
            checked,
            tally.outside,
            tally.late,
            tally.empty,
            tally.unread,
            self._example,
            judge.shape,
            judge.slack_hours,
            not_checked,
            self.is_one_sided,
        )

    def _find_example(self, rows: Rows) -> str | None:
        assert self._judge is not None
        if self._id_at is None:
            return None
        for row in rows.fields():
            long_enough = len(row) > max(self._clock_at, self._id_at)
            if long_enough and self._judge.verdict(row[self._clock_at].encode()) == "outside":
                return row[self._id_at][:_ID_LENGTH]
        return None


def check_for(job: JobRecord, member: str, column: str | None = None, clock: ClockFormat | None = None) -> WindowCheck:
    """Return the check of one file of a job.

    :param member: the file's name in the zip.
    :param column: the operator's ``window_column``.
    :param clock: its ``window_format`` and ``window_timezone``.
    """
    return WindowCheck(
        member,
        get_resource(job.resource),
        window_for(job),
        job.window_field,
        # Of all clocks only this one moves while the export is made; another that lies in the future is just outside.
        requested_at=parse_instant(job.requested_at, "requested_at") if job.window_field == "updated_at" else None,
        column=column,
        clock=clock,
        seed=job.export_id,
    )


def window_for(job: JobRecord) -> Window | None:
    """Return the window whose rows a job requested; None for a snapshot, whose window only names its partition."""
    return window_of(job.window_start, job.window_end) if job.window_field else None
