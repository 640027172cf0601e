"""A person's own CSV for the demo: whose records it holds, and which window finds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_2
from chargebee_simulator.catalogue import SINGULAR, time_fields
from chargebee_simulator.csv_import import ImportFailed, load

DAY = 86400
FIRST = 1_000_080_000  # midnight of 10 September 2001: Chargebee's filters take times of ten digits


class DataError(Exception):
    """A file that the demo cannot take; the message says what is wrong with it and what to do."""


@dataclass(frozen=True)
class OwnData:
    """A CSV of one resource.

    :param start: the first second of the run's window, a midnight of UTC.
    :param end: the second after the window's last one, a midnight of UTC.
    :param inside: how many records that window finds.
    :param unstamped: records without a time of their latest change, or from before 2001, which no window finds.
    :param later: records that are changed at the window's end or after it.
    """

    path: Path
    resource: str
    rows: int
    start: int
    end: int
    inside: int
    unstamped: int = 0
    later: int = 0

    @property
    def conf(self) -> dict[str, object]:
        """The configuration of a run that exports the records."""
        if "updated_at" not in time_fields(self.resource):
            return {"resources": [self.resource]}
        return {"resources": [self.resource], "window_start": iso(self.start), "window_end": iso(self.end)}

    def sentences(self) -> str:
        """Return in sentences what the run will find."""
        if "updated_at" not in time_fields(self.resource):
            return f"{self.path.name} has {_count(self.rows, self.resource)}. The run exports all of them."
        sentences = [
            f"{self.path.name} has {_count(self.rows, self.resource)}, {self.inside} of them with an updated_at in the "
            f"run's window, {iso(self.start)} to {iso(self.end)}."
        ]
        if self.unstamped:
            sentences.append(f"Without an updated_at that a window can find: {self.unstamped}.")
        if self.later:
            sentences.append(f"Changed after the last whole day, so that only a later run finds them: {self.later}.")
        return " ".join(sentences)


def own_data(path: str, now: int) -> OwnData:
    """Read a person's CSV.

    :param now: the present, in seconds since the epoch.
    :raises DataError: when it cannot be read, or is of no resource that the DAG exports.
    """
    file = Path(path).resolve()
    header = _header(file)
    resource = _resource(file.stem, header)
    try:
        records = load(resource, file, now).records
    except ImportFailed as error:
        raise DataError(f"{error} {_hint(header)}".rstrip()) from None
    if not records:
        raise DataError(f"The file {file.name} has a header and no rows.")
    return _in_window(file, resource, [record.get("updated_at") for record in records], now)


def _in_window(file: Path, resource: str, times: Iterable[object], now: int) -> OwnData:
    stamped = [time if isinstance(time, int) else None for time in times]
    end = now // DAY * DAY
    if "updated_at" not in time_fields(resource):
        return OwnData(file, resource, len(stamped), end - DAY, end, len(stamped))
    known = [time for time in stamped if time is not None and time >= FIRST]
    inside = [time for time in known if time < end]
    start = min(inside, default=end - DAY) // DAY * DAY
    later, unknown = len(known) - len(inside), len(stamped) - len(known)
    found = OwnData(file, resource, len(stamped), start, end, len(inside), unknown, later)
    if not inside:
        raise DataError(found.sentences())
    return found


def _header(file: Path) -> str:
    try:
        with file.open(encoding="utf-8-sig") as lines:
            header = lines.readline()
    except OSError as error:
        raise DataError(f"The file {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError(f"The file {file.name} is not text in UTF-8. Save it as CSV in UTF-8.") from None
    if not header.strip():
        raise DataError(f"The file {file.name} is empty.")
    return header


def _resource(stem: str, header: str) -> str:
    """Return the resource that a file's name says, else the one that its header says."""
    name = stem.lower().replace("-", "_").replace(" ", "_")
    named = [resource for resource in SINGULAR if resource in name]
    inside = [resource for resource, singular in SINGULAR.items() if f"{singular}[id]" in header]
    found = max(named or inside, key=len, default=None)
    exported = ", ".join(PRODUCT_CATALOG_2)
    if found is None:
        raise DataError(f"The name {stem!r} names no resource. Name the file after one: {exported}.")
    if found not in PRODUCT_CATALOG_2:
        raise DataError(f"The DAG of the demo does not export {found}. It exports {exported}.")
    return found


def _hint(header: str) -> str:
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if header.count(separator) > header.count(","):
            return f"Its columns are separated by {name}; separate them by commas."
    return ""


def iso(moment: int) -> str:
    """Return a time in ISO 8601."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _count(rows: int, resource: str) -> str:
    return f"{rows} {resource if rows != 1 else SINGULAR[resource]}".replace("_", " ")
