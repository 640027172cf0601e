"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

_TIME_ENDINGS = ("_at", "_date", "_start", "_end")
_TIMES = {"apply_till", "date", "date_from", "date_to", "effective_from", "valid_till"}
_LATEST = 253_402_300_799  # the end of the year 9999, beyond which no calendar goes


def parse_time(value: object) -> float:
    """Read epoch seconds, a datetime or an ISO 8601 text as seconds since the epoch; what names no zone is UTC.

    Raises ValueError where it is none of these.
    """
    if isinstance(value, str):
        value = float(value) if value.strip().isdecimal() else datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST:
        raise ValueError("This is no time.")
    return float(value)


def is_time(column: str) -> bool:
    """Return whether a record's column holds a time."""
    name = column.rpartition(".")[2]
    return name in _TIMES or name.endswith(_TIME_ENDINGS)
