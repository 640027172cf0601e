"""Partition projection: how Athena knows the partitions of a table without a crawler. Pure.

A table lists the values of each partition (type ``enum``), taken from the manifests. So Athena sees each committed window
and no other one, whatever the schedule, its time zone and the windows of manual runs. A calculated range (type ``date``)
has fixed steps: a window between two steps would be missing in all results, without an error. It takes the place of the
list only where a table has thousands of windows that fill such a range.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from chargebee_operators.common.exceptions import SettingsError

# Values that a list may have where a range would do. 13 years of days, or 7 months of hours.
MOST_LISTED = 5_000
# Glue takes 512,000 bytes for one parameter of a table.
# https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
MOST_BYTES = 500_000

_TIME = re.compile(r"\d{8}T\d{6}Z")
_JAVA_FORMAT = "yyyyMMdd'T'HHmmss'Z'"
_UNITS = {"DAYS": 86400, "HOURS": 3600, "MINUTES": 60, "SECONDS": 1}


class _Range(NamedTuple):
    """Times with equal steps between them, up to the present.

    :param first: the first one, as it is in keys.
    :param step: seconds.
    """

    first: str
    step: int

    def has(self, value: str) -> bool:
        if not _TIME.fullmatch(value):
            return False
        apart = _seconds(value) - _seconds(self.first)
        return apart >= 0 and apart % self.step == 0


def enabled(parameters: Mapping[str, str]) -> bool:
    """Return whether a table's parameters switch projection on."""
    return parameters.get("projection.enabled", "").lower() == "true"


def covers(parameters: Mapping[str, str], key: str, values: Iterable[str]) -> bool:
    """Return whether a table has all these values of a partition.

    :param parameters: the table's.
    :param key: the partition's name.
    """
    if not enabled(parameters):
        return False
    listed, span = values_of(parameters, key), _range_of(parameters, key)
    return all(each in listed or (span is not None and span.has(each)) for each in values)


def values_of(parameters: Mapping[str, str], key: str) -> frozenset[str]:
    """Return the values that a table lists for a partition; none where it has a range."""
    listed = parameters.get(f"projection.{key}.values")
    return frozenset(listed.split(",")) if listed else frozenset()


def projection(key: str, values: Collection[str]) -> dict[str, str]:
    """Return the parameters that give a table these values of a partition.

    :param key: the partition's name.
    :raises SettingsError: when they are more than Glue takes.
    """
    ordered = sorted(values)
    listed = ",".join(ordered)
    span = _range_over(ordered) if len(ordered) > MOST_LISTED else None
    if span:
        unit, seconds = next(each for each in _UNITS.items() if span.step % each[1] == 0)
        return {
            f"projection.{key}.type": "date",
            f"projection.{key}.format": _JAVA_FORMAT,
            f"projection.{key}.range": f"{span.first},NOW",
            f"projection.{key}.interval": str(span.step // seconds),
            f"projection.{key}.interval.unit": unit,
        }
    if len(listed.encode()) > MOST_BYTES:
        raise SettingsError(
            f"The partition {key} has {len(ordered):,} values, at no regular times, which is more than a Glue table can list. "
            "Give newer exports another prefix and another glue_database."
        )
    return {f"projection.{key}.type": "enum", f"projection.{key}.values": listed}


def _range_over(ordered: list[str]) -> _Range | None:
    """Return the range that has all these times; None where it would have more than twice as many.

    Athena looks for the files of each time of a range. AWS advises against ranges that are empty for the greater part:
    https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
    """
    if not all(map(_TIME.fullmatch, ordered)):
        return None
    first = _seconds(ordered[0])
    step = math.gcd(*(_seconds(each) - first for each in ordered))
    times = (_seconds(ordered[-1]) - first) // step + 1
    return _Range(ordered[0], step) if times <= 2 * len(ordered) else None


def _range_of(parameters: Mapping[str, str], key: str) -> _Range | None:
    """Return the range that a table's parameters describe; None when it is not one of ours."""
    first, _, last = parameters.get(f"projection.{key}.range", "").partition(",")
    seconds = _UNITS.get(parameters.get(f"projection.{key}.interval.unit", ""))
    interval = parameters.get(f"projection.{key}.interval", "")
    is_ours = parameters.get(f"projection.{key}.format") == _JAVA_FORMAT and last == "NOW"
    if not (is_ours and seconds and interval.isdecimal() and _TIME.fullmatch(first)):
        return None
    return _Range(first, int(interval) * seconds)


def _seconds(value: str) -> int:
    return round(datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
