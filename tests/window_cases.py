"""A day's window, a job for it, and the check of a CSV against it."""

from __future__ import annotations

from datetime import UTC, datetime

from csv_cases import in_pieces

from chargebee_operators.csv_facts import CsvFacts
from chargebee_operators.jobs import JobRecord
from chargebee_operators.resources import get_resource
from chargebee_operators.window_check import WindowCheck
from chargebee_operators.window_result import WindowResult
from chargebee_operators.windows import Window

START, END = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
WINDOW = Window(START, END)
JOB = JobRecord(
    "exp1", "customers", "s", {}, "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "updated_at", "2026-11-24T00:01:00Z"
)


def checked(data: bytes, size: int = 1000, **arguments) -> WindowResult:
    return check_of(data, size, **arguments).result


def check_of(data: bytes, size: int = 1000, **arguments) -> WindowCheck:
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
    facts = CsvFacts(check)
    for piece in in_pieces(data, size):
        facts.feed(piece)
    facts.finish()
    return check
