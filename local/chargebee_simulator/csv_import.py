"""Reading a company's own records from a CSV file in the format of Chargebee's bulk operations."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from .catalogue import SINGULAR, parameters, time_fields
from .records.dice import Dice, seed_of
from .times import parse_time

_DAY = 86400
_BRACKETED = re.compile(r"(\w+)\[(\w+)\]")
_CLOCKS = ("created_at", "updated_at", "date", "order_date")


class ImportFailed(ValueError):
    """A file that cannot be imported; the message is one sentence for the person who gave it."""


@dataclass(frozen=True)
class Imported:
    """The records of one resource: a text for each column, except for the times that filters look at."""

    columns: list[str]
    records: list[dict[str, Any]]


def load(resource: str, path: str | PathLike[str], now: int) -> Imported:
    """Read the records of `resource` from a file. `now` is the company's present, seconds since the epoch."""
    if resource not in SINGULAR:
        raise ImportFailed(f"There is no resource '{resource}' to import; choose from {', '.join(SINGULAR)}.")
    name = Path(path).name
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _read(resource, name, csv.reader(file), now)
    except OSError as error:
        raise ImportFailed(f"The file {name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ImportFailed(f"The file {name} is not text in UTF-8.") from None
    except csv.Error as error:
        raise ImportFailed(f"The file {name} is not CSV: {error}.") from None


def _read(resource: str, name: str, reader: Any, now: int) -> Imported:
    columns = _columns(resource, name, next(reader, []))
    records = [_record(resource, name, columns, line, row) for line, row in _rows(reader)]
    _add_ids(resource, records)
    added = _add_times(resource, columns, records, now)
    return Imported([*([] if "id" in columns else ["id"]), *columns, *added], records)


def _columns(resource: str, name: str, header: Sequence[str]) -> list[str]:
    columns = [_key(resource, cell.strip()) for cell in header]
    known = {"id"} | {parameter.key for parameter in parameters(resource).values()}
    own = f"{SINGULAR[resource]}["
    if not any(key in known or cell.strip().startswith(own) for key, cell in zip(columns, header, strict=True)):
        raise ImportFailed(
            f"The header of {name} has no column of {resource}; it needs one such as '{own}id]' or 'id'."
        )
    twice = {key for key in columns if columns.count(key) > 1}
    if twice or "" in columns:
        raise ImportFailed(f"The header of {name} has a column without a name or twice: '{min(twice, default='')}'.")
    return columns


def _key(resource: str, cell: str) -> str:
    """Return a record's field for a header: id for customer[id], billing_address.city for billing_address[city]."""
    match = _BRACKETED.fullmatch(cell)
    if not match:
        return cell
    return match[2] if match[1] == SINGULAR[resource] else f"{match[1]}.{match[2]}"


def _rows(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the number of the line it begins on."""
    line = reader.line_num + 1
    for row in reader:
        if row:
            yield line, row
        line = reader.line_num + 1


def _record(resource: str, name: str, columns: Sequence[str], line: int, row: Sequence[str]) -> dict[str, Any]:
    if len(row) != len(columns):
        raise ImportFailed(f"Line {line} of {name} has {len(row)} cells where the header has {len(columns)}.")
    record: dict[str, Any] = dict(zip(columns, row, strict=True))
    for key in (time_fields(resource) | set(_CLOCKS)) & record.keys():
        record[key] = _time(record[key], f"Line {line} of {name}, column {key}")
    return record


def _time(text: str, where: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(parse_time(text))
    except ValueError:
        raise ImportFailed(f"{where}: '{text}' is no time, in seconds since 1970 or in ISO 8601.") from None


def _add_ids(resource: str, records: list[dict[str, Any]]) -> None:
    for number, record in enumerate(records):
        if not record.get("id"):
            record["id"] = Dice(seed_of("imported", resource), number).code(16)


def _add_times(resource: str, columns: Sequence[str], records: list[dict[str, Any]], now: int) -> list[str]:
    """Give the records the clocks their resource has and the file lacks; return the columns added.

    The times are spread over the last whole UTC day, so that the window of a daily run finds every record.
    """
    missing = [key for key in _CLOCKS if key in time_fields(resource) and key not in columns]
    midnight = now // _DAY * _DAY
    for number, record in enumerate(records):
        moment = midnight - _DAY + number * _DAY // len(records)
        created = record.get("created_at")
        for key in missing:
            record[key] = moment
        if "updated_at" in missing and isinstance(created, int):
            record["updated_at"] = max(moment, created)
        if "created_at" in missing and isinstance(record.get("updated_at"), int):
            record["created_at"] = min(moment, record["updated_at"])
    return missing
