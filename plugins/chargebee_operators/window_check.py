"""Whether an export holds what was asked for: rows whose clock lies outside the window are counted. Pure.

Chargebee ignores a filter that it cannot read, and then exports everything. The rows themselves tell: each record
carries the time that the window bounds. Which column that is, nobody documents, so it is looked for under every
spelling that has been seen: ``updated_at``, ``customer[updated_at]``, ``Updated At``, ``Customer Updated At``; case,
blanks and brackets make no difference. An export may also hold files of related things (addresses, line items) with
clocks of their own. So a file is checked only when it has both the id and the clock of the record itself, and is not
called after another resource.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from chargebee_operators.clock_values import ZONELESS_SLACK, WindowJudge
from chargebee_operators.columns import fold, kind_of
from chargebee_operators.csv_facts import read_records
from chargebee_operators.exceptions import SettingsError, WindowCheckError
from chargebee_operators.jobs import JobRecord
from chargebee_operators.resources import RESOURCE_NAMES, Resource, get_resource, nearest
from chargebee_operators.window_result import WindowResult
from chargebee_operators.windows import Window, parse_instant, window_of

WINDOW_CHECKS = ("fail", "warn", "off")

# Above so many quotes a byte, a file has most of its fields quoted; a block's first bytes are enough to tell.
_MANY_QUOTES = 1 / 20
_SAMPLE = 8 << 10
_QUOTED_SIGNS = bytes.maketrans(b",\n", b"\0\0")
_FIELD = rb'(?>"[^"]*+(?:""[^"]*+)*+"|[^,\n]*+)'
_VALUE = rb'(?>"[^"]*+(?:""[^"]*+)*+"|[^,\r\n]*+)'
_TO_THE_END = rb'(?:[^"\n]*+"[^"]*+")*+[^"\n]*+\n'
_ID_LENGTH = 60

_NO_WINDOW, _NO_ROWS = "the export has no window", "it has no rows"


class WindowCheck:
    """Checks one file's rows as they pass by; a ``csv_facts.BlockReader``.

    :param member: the file's name in the zip.
    :param resource: what was exported.
    :param window: what was asked for; None for a snapshot.
    :param window_field: the record's clock, ``updated_at`` say; None for a snapshot.
    :param requested_at: when the export was asked for; None when its clock does not move by itself.
    :param column: the clock's column as the header spells it, when it is not to be looked for.
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
    ) -> None:
        self._member = member
        self._resource = resource
        self._field = window_field or ""
        self._wanted = column
        self._column: str | None = None
        self._has_rows = False
        self._clock_at = -1
        self._id_at: int | None = None
        self._example: str | None = None
        self._judge = WindowJudge(window, requested_at) if window and window_field else None
        self._not_checked: str | None = _NO_ROWS if self._judge else _NO_WINDOW

    def header(self, columns: list[str]) -> None:
        """Find the clock's column."""
        if self._judge is None:
            return
        found = find_clock(columns, self._member, self._resource, self._field, self._wanted)
        if isinstance(found, str):
            self._not_checked = found
            return
        self._not_checked = None
        self._clock_at, self._id_at = found
        self._column = columns[self._clock_at]
        # Each of these takes one record at a time, where it has so many fields.
        is_last = self._clock_at == len(columns) - 1
        value = rb"([^,\r\n]*+)[^\n]*+\n" if is_last else rb"([^,]*+),[^\n]*+\n"
        self._plain = re.compile(rb"[^,]*+," * self._clock_at + value)
        skipped = (_FIELD + rb",") * self._clock_at
        self._quoted = re.compile(skipped + rb"(" + _VALUE + rb")" + _TO_THE_END + rb"|" + _TO_THE_END)

    def block(self, data: bytes, records: int) -> None:
        """Check whole records."""
        self._has_rows = self._has_rows or bool(data.strip())
        if self._judge is None or self._column is None:
            return
        values = self._values(data, records)
        if self._judge.judge(values) and self._example is None:
            self._example = self._find_example(data)

    def finish(self, unread: int) -> None:
        """Take the end."""
        self._has_rows = self._has_rows or unread > 0
        if unread and self._column is not None:
            self._not_checked = f"its last {unread} bytes are one record, because its quotes do not pair"

    @property
    def result(self) -> WindowResult:
        """What was found; final after ``finish``."""
        if self._judge is None or self._column is None:
            reason = self._not_checked if self._has_rows or self._judge is None else _NO_ROWS
            return WindowResult(self._member, not_checked=reason)
        judge, tally = self._judge, self._judge.tally
        not_checked = self._not_checked
        checked = tally.inside + tally.outside + tally.late
        if tally.unread and not checked:
            not_checked = "its times are in an unknown format"
        return WindowResult(
            self._member,
            self._column,
            checked,
            tally.outside,
            tally.late,
            tally.empty,
            tally.unread,
            self._example,
            judge.shape,
            ZONELESS_SLACK // 3600 if judge.zoneless else 0,
            not_checked,
        )

    def _values(self, data: bytes, records: int) -> list[bytes]:
        """Return the clock of each record, empty where a record has none."""
        if not data.endswith(b"\n"):
            data += b"\n"
        if data.count(b'"', 0, _SAMPLE) > min(_SAMPLE, len(data)) * _MANY_QUOTES:
            values = b"\n".join(self._quoted.findall(data)).replace(b'"', b"").split(b"\n")
        elif b'"' in data:
            # What stands in quotes is seldom a time, and the rest alone has the same commas and line breaks.
            values = self._plain.findall(b"".join(data.split(b'"')[::2]))
            if not all(values):
                values = self._plain.findall(_without_quotes(data))
        else:
            values = self._plain.findall(data)
        if len(values) == records:
            return values
        # A short record, or quotes in odd places: one by one.
        at = self._clock_at
        return [row[at].encode() if len(row) > at else b"" for row in read_records(data)]

    def _find_example(self, data: bytes) -> str | None:
        assert self._judge is not None
        if self._id_at is None:
            return None
        for row in read_records(data):
            long_enough = len(row) > max(self._clock_at, self._id_at)
            if long_enough and self._judge.verdict(row[self._clock_at].encode()) == "outside":
                return row[self._id_at][:_ID_LENGTH]
        return None


def check_for(job: JobRecord, member: str, column: str | None = None) -> WindowCheck:
    """Return the check of one file of a job.

    :param member: the file's name in the zip.
    :param column: the operator's ``window_column``.
    """
    return WindowCheck(
        member,
        get_resource(job.resource),
        window_for(job),
        job.window_field,
        # Of all clocks only this one moves while the export is made; another that lies in the future is just outside.
        requested_at=parse_instant(job.requested_at, "requested_at") if job.window_field == "updated_at" else None,
        column=column,
    )


def window_for(job: JobRecord) -> Window | None:
    """Return the window whose rows a job asked for; None for a snapshot, whose window only names its partition."""
    return window_of(job.window_start, job.window_end) if job.window_field else None


def _without_quotes(data: bytes) -> bytes:
    """Return the records without quotes, and without the commas and line breaks that stood inside them."""
    pieces = data.split(b'"')
    pieces[1::2] = b'"'.join(pieces[1::2]).translate(_QUOTED_SIGNS).split(b'"')
    return b"".join(pieces)


def find_clock(
    columns: Sequence[str], member: str, resource: Resource, field: str, wanted: str | None = None
) -> tuple[int, int | None] | str:
    """Return where the record's clock and its id stand, or why the clock was not found.

    :param columns: the header's names.
    :param member: the file's name; ``Id`` and ``Customer Id`` say little of whose clock ``Updated At`` is.
    :param resource: what was exported.
    :param field: the clock's name in Chargebee's API.
    :param wanted: the column's name, when it is given by hand.
    """
    kind = fold(kind_of(member))
    if kind in _names_of_others(resource):
        return f"it holds {kind}"
    folded = [fold(each) for each in columns]
    at = {name: number for number, name in reversed(list(enumerate(folded)))}
    record = resource.record
    bare, own = at.get("id"), at.get(f"{record}_id")
    if wanted:
        clock = columns.index(wanted) if wanted in columns else at.get(fold(wanted))
        return f"it has no column {wanted!r}" if clock is None else (clock, bare if own is None else own)
    if not record:
        return "a revenue report has no clock of its own"
    if (clock := at.get(f"{record}_{field}")) is not None and (own is not None or bare is not None):
        return clock, bare if own is None else own
    # In a file of related things `customer_id` says whose they are, and `id` and `updated_at` would be their own.
    is_main = kind in (resource.name, record)
    if (clock := at.get(field)) is not None and (own is None or is_main) and (own is not None or bare is not None):
        return clock, own if bare is None else bare
    return f"it has no column that is surely the {record}'s {field}"


def _names_of_others(resource: Resource) -> set[str]:
    others = (get_resource(name) for name in RESOURCE_NAMES if name != resource.name)
    return {name for each in others for name in (each.name, each.record) if name}


def check_mode(mode: str) -> None:
    """Refuse an unknown ``window_check``.

    :raises SettingsError: with the nearest right one.
    """
    if mode not in WINDOW_CHECKS:
        raise SettingsError(
            f"window_check {mode!r} is not known{nearest(mode, WINDOW_CHECKS)}: choose from {', '.join(WINDOW_CHECKS)}."
        )


def judge_window(results: Sequence[WindowResult], mode: str, job: JobRecord) -> list[str]:
    """Return what the log and the manifest should warn of.

    :param results: of each file.
    :param mode: ``fail`` or ``warn``.
    :param job: the job.
    :raises WindowCheckError: in mode ``fail``, when a row lies outside.
    """
    warnings = []
    outside = [each for each in results if each.outside]
    if outside:
        first = next((each for each in outside if each.example_id is not None), outside[0])
        example = "" if first.example_id is None else f" (one of them has the id {first.example_id!r})"
        count, checked = sum(each.outside for each in outside), sum(each.checked for each in results)
        found = (
            f"Export {job.export_id}: {count} of {checked} rows have their {first.column} outside the window "
            f"{window_for(job)}{example}. Chargebee ignored the filter and exported more than was asked for."
        )
        if mode == "fail":
            raise WindowCheckError(
                f"{found} Nothing was published. Compare the filters in the job record with Chargebee's documentation; "
                "if the rows are right after all, name the clock's column as window_column, or land them with "
                "window_check='warn'."
            )
        warnings.append(found)
    if not any(each.is_compared for each in results):
        reasons = [each for each in results if each.not_checked not in (None, _NO_WINDOW, _NO_ROWS)]
        if reasons:
            told = "; ".join(f"{each.member}: {each.not_checked}" for each in reasons[:3])
            warnings.append(f"The rows were not compared with the window ({told}); window_column names the column.")
    unread = sum(each.unread for each in results if each.checked)
    if unread:
        warnings.append(f"{unread} rows have a time in a format that is not known, and were not compared.")
    return warnings
