"""Whether the times of an export's rows lie in a window. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chargebee_operators.chargebee.windows import Window
from chargebee_operators.checks.clock_format import DAY, ClockFormat

_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
# What has one width and sorts as time does: its shape, how it is written, the seconds that one value covers, and
# whether it names its zone.
_SORTABLE = {b"0000-00-00": ("%Y-%m-%d", DAY, False)} | {
    f"0000-00-00{sign}00:00{seconds}{zone}".encode(): (
        f"%Y-%m-%d{sign}%H:%M{':%S' if seconds else ''}",
        1 if seconds else 60,
        bool(zone),
    )
    for sign in "T "
    for seconds in ("", ":00", ":00.000", ":00.000000")
    for zone in ("", "Z", " UTC")
}
_NOTHING = b" 0-/:.TZUC"  # 0000-00-00 00:00:00, as some databases have it
_REMEMBERED = 50_000


def shape_of(value: bytes) -> str:
    """Return what a value looks like and not what it is: 0 for each digit, a for each letter."""
    text = value.decode("utf-8", errors="replace")[:40]
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", text))


@dataclass
class Tally:
    """How many values were found where.

    :param inside: in the window, or so near that a missing zone may explain it.
    :param outside: out of it.
    :param late: changed after the export was requested, while it was made.
    :param empty: without a time.
    :param unread: in a format that is not known.
    """

    inside: int = 0
    outside: int = 0
    late: int = 0
    empty: int = 0
    unread: int = 0

    def add(self, verdict: str, count: int) -> None:
        """Count values of one kind."""
        setattr(self, verdict, getattr(self, verdict) + count)


class WindowJudge:
    """Says of many values at once where they lie.

    :param window: the requested window.
    :param requested_at: when the export was requested; a record that changes while it is exported carries a later time.
    :param clock: how the times are written.
    """

    def __init__(self, window: Window, requested_at: datetime | None = None, clock: ClockFormat | None = None) -> None:
        self._clock = clock or ClockFormat()
        self._start, self._end = int(window.start.timestamp()), int(window.end.timestamp())
        self._requested = None if requested_at is None else int(requested_at.timestamp())
        self._bounds: dict[bytes, tuple[bytes, bytes, bytes] | None] = {}
        self._verdicts: dict[bytes, str] = {}
        self._slack = self._clock.slack(self._start, self._end)
        self.tally = Tally()
        self.zoneless = False
        self.shape = ""

    @property
    def slack_hours(self) -> int:
        """How far outside a row may lie, because its time has no zone."""
        return self._slack // 3600 if self.zoneless else 0

    def judge(self, values: Sequence[bytes]) -> bool:
        """Count values; return whether one of them is outside."""
        filled = list(filter(None, values))
        self.tally.empty += len(values) - len(filled)
        before = self.tally.outside
        if filled and not self._judge_sortable(filled):
            for value, count in Counter(filled).items():
                self.tally.add(self.verdict(value), count)
        return self.tally.outside > before

    def verdict(self, value: bytes) -> str:
        """Return where a value lies, as the name of a count in ``Tally``."""
        if value not in self._verdicts:
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            self._verdicts[value] = self._verdict(value)
        return self._verdicts[value]

    def _verdict(self, value: bytes) -> str:
        if not value.strip(_NOTHING):
            return "empty"
        clock = self._clock.read(value.decode("utf-8", errors="replace").strip())
        if clock is None:
            return "unread"
        self._see(value, clock.zoned)
        slack = 0 if clock.zoned else self._slack
        start = clock.start if clock.zoned else clock.start - self._clock.offset(clock.start)
        if start + clock.seconds > self._start - slack and start < self._end + slack:
            return "inside"
        if self._requested is not None and start + clock.seconds > self._requested - slack:
            return "late"
        return "outside"

    def _judge_sortable(self, values: list[bytes]) -> bool:
        """Count values by comparing their bytes; return False where these do not sort as time does."""
        if self._clock.format is not None:
            return False
        shape = values[0].translate(_DIGITS)
        if shape not in self._bounds:
            self._bounds[shape] = self._bounds_of(shape)
        bounds = self._bounds[shape]
        if bounds is None or b"\n".join(values).translate(_DIGITS) != b"\n".join([shape] * len(values)):
            return False
        first, behind, late = bounds
        if min(values) >= first and max(values) < behind:
            self.tally.inside += len(values)
            return True
        elsewhere = [value for value in values if not first <= value < behind]
        after = sum(value >= late for value in elsewhere) if late else 0
        nothing = elsewhere.count(shape)
        self.tally.add("inside", len(values) - len(elsewhere))
        self.tally.add("late", after)
        self.tally.add("empty", nothing)
        self.tally.add("outside", len(elsewhere) - after - nothing)
        return True

    def _bounds_of(self, shape: bytes) -> tuple[bytes, bytes, bytes] | None:
        """Return the least value inside, the least behind, and the least that is late (empty when nothing is), as they
        would be written in this shape; None when values of this shape do not sort as time does.
        """
        if shape in (b"0" * 10, b"0" * 13):
            pattern, step, zoned = "", 1, True
        elif shape in _SORTABLE:
            pattern, step, zoned = _SORTABLE[shape]
        else:
            return None
        self._see(shape, zoned)
        slack = 0 if zoned else self._slack

        def local(second: int) -> int:
            return second if zoned else second + self._clock.offset(second)

        def written(second: int) -> bytes:
            if not pattern:
                return str(second).encode() + shape[10:]
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).strftime(pattern).encode()

        first = local(self._start - slack) // step * step
        behind = -(-local(self._end + slack) // step) * step
        late = b"" if self._requested is None else written(local(self._requested - slack) // step * step)
        return written(first), written(behind), late

    def _see(self, value: bytes, zoned: bool) -> None:
        self.zoneless |= not zoned
        self.shape = self.shape or shape_of(value)
