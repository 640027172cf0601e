"""A day's window, a job for it, and the check of a CSV against it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.checks.window_check import WindowCheck
from chargebee_operators.checks.window_result import WindowResult
from chargebee_operators.formats.csv_facts import CsvFacts
from chargebee_operators.formats.parquet import ParquetFile
from support.csv_cases import in_pieces, written

START, END = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
WINDOW = Window(START, END)
JOB = JobRecord(
    "exp1", "customers", "s", {}, "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "updated_at", "2026-11-24T00:01:00Z"
)

PLUS_ONE = timezone(timedelta(hours=1))

FORMATS = {
    "epoch": lambda at: str(int(at.timestamp())),
    "epoch ms": lambda at: str(int(at.timestamp()) * 1000 + 7),
    "iso Z": lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "iso fraction": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.123Z"),
    "iso offset": lambda at: at.astimezone(PLUS_ONE).isoformat(),
    "iso space": lambda at: at.strftime("%Y-%m-%d %H:%M:%S"),
    "iso UTC": lambda at: at.strftime("%Y-%m-%d %H:%M:%S UTC"),
    "iso minutes": lambda at: at.strftime("%Y-%m-%d %H:%M"),
    "date": lambda at: at.strftime("%Y-%m-%d"),
    "named": lambda at: at.strftime("%d-%b-%Y %H:%M"),
    "named seconds": lambda at: at.strftime("%d-%b-%Y %H:%M:%S"),
    "named 12 hours": lambda at: at.strftime("%d-%b-%Y %I:%M:%S %p"),
    "named comma": lambda at: at.strftime("%d %B, %Y %H:%M"),
}
ZONED = {"epoch", "epoch ms", "iso Z", "iso fraction", "iso offset", "iso UTC"}
PRECISION = {"iso minutes": 60, "named": 60, "named comma": 60, "date": 86400}


def customers(values: list[str], **how) -> bytes:
    rows = [[f"id{number}", 'a "b", c\nd', value, "x"] for number, value in enumerate(values)]
    return written([["id", "note", "updated_at", "z"], *rows], **how).encode()


def checked(data: bytes, size: int = 1000, **arguments) -> WindowResult:
    return check_of(data, size, **arguments).result


def check_of(data: bytes, size: int = 1000, file_format: str = "csv", **arguments) -> WindowCheck:
    arguments = {
        "member": f"{arguments.get('resource', 'customers')}.csv",
        "resource": "customers",
        "window": WINDOW,
        "field": "updated_at",
        **arguments,
    }
    check = WindowCheck(
        arguments.pop("member"),
        get_resource(arguments.pop("resource")),
        arguments.pop("window"),
        arguments.pop("field"),
        **arguments,
    )
    if file_format == "parquet":
        for _ in ParquetFile("customers.csv", "customers", reader=check).pieces(in_pieces(data, size)):
            pass
        return check
    facts = CsvFacts(check)
    for piece in in_pieces(data, size):
        facts.feed(piece)
    facts.finish()
    return check
