"""A year of daily runs and monthly audits: at its end the view of the latest rows is the site itself."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chargebee_operators.audit.bucket import AuditBucket
from chargebee_operators.audit.examination import Examination, Question
from chargebee_operators.audit.report import AuditReport
from chargebee_operators.audit.windows import Schedule
from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.sql.__main__ import main as print_sql
from support.local_lake import LocalLake

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = 365
PAUSED = range(100, 107)
FAILED = 200
LATE = (40, 41, 170, 300, 350)
WITHOUT_UPDATED_AT = (64, 180, 333, 355)
AUDITS = range(29, DAYS, 28)
# Columns that the API's records do not have: the package adds the first three, exports alone have the others.
NOT_OF_RECORDS = "site, window_start, taken_at, notes, portal_status"
SCHEDULE = Schedule("chargebee_export", "@daily")


class Year:
    """The site and the folder to which it is exported, day by day."""

    def __init__(self, simulator: Any, folder: Path) -> None:
        self.hook = ChargebeeHook()
        self.lake = LocalLake(folder, self.hook)
        self.control = simulator.control
        self.reports: dict[int, AuditReport] = {}
        self.injected: dict[int, set[str]] = {}  # day of the audit -> ids that it must find
        self.waiting: set[str] = set()
        self.changes = 0
        self._dice = random.Random(2026)
        self._living = [each["id"] for each in self.control.records("customers")]
        self._dead: list[str] = []
        self._made = 0

    def run(self) -> None:
        self.land(Window(datetime(2019, 1, 1, tzinfo=UTC), START))
        for day in range(DAYS):
            today = START + day * DAY
            self.change(today, day)
            self.control.advance((today + DAY + timedelta(minutes=20) - self.now).total_seconds())
            if day not in PAUSED and day != FAILED:
                self.land(Window(today, today + DAY))
            if day in LATE:  # Chargebee shows it after the export of its window
                self.touch(today + DAY - timedelta(minutes=3), is_known=False)
            if day in AUDITS:
                self.control.advance(9 * 3600)
                self.audit(day)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.control.now(), UTC)

    def change(self, today: datetime, day: int) -> None:
        is_known = day not in PAUSED and day != FAILED
        for _ in range(self._dice.randrange(4)):
            self.touch(self.moment(today), is_known, self._dice.randrange(1, 12))
        if self._dice.random() < 0.6:
            self.create(self.moment(today))
        if self._dice.random() < 0.5:
            self.remove(self.moment(today))
        if day in WITHOUT_UPDATED_AT:
            self.waiting.add(self.create(self.moment(today), updated_at=None))

    def moment(self, today: datetime) -> datetime:
        """Return a time of the day that no snapshot has seen already."""
        seconds = int((today + DAY - max(today, self.now)).total_seconds())
        return today + DAY - timedelta(seconds=self._dice.randrange(1, seconds))

    def touch(self, at: datetime, is_known: bool, count: int = 1) -> None:
        chosen = self._dice.sample(self._living, count)
        self._made += 1
        self.changes += count
        self.control.touch("customers", chosen, at=iso(at), fields={"first_name": f'Name {self._made}, "new"\n'})
        (self.waiting.difference_update if is_known else self.waiting.update)(chosen)

    def create(self, at: datetime, **fields: Any) -> str:
        is_again = bool(self._dead) and self._dice.random() < 0.5
        chosen = self._dead.pop() if is_again else f"made-{self._made}"
        self._made += 1
        self.control.create("customers", [chosen], at=iso(at), fields={"first_name": f"Name {self._made}", **fields})
        self._living.append(chosen)
        return chosen

    def remove(self, at: datetime) -> None:
        chosen = self._living.pop(self._dice.randrange(len(self._living)))
        self.control.remove("customers", [chosen], at=iso(at))
        self._dead.append(chosen)
        self.waiting.discard(chosen)

    def land(self, window: Window) -> None:
        self.lake.land("customers", window)
        self.lake.land_deletions("customers", window)

    def audit(self, day: int) -> None:
        """Take a snapshot, compare, and run the windows that the report says."""
        snapshot = self.lake.land("customers", None)
        due = SCHEDULE.due(self.now)
        filters = {"customer[updated_at][after]": str(int(due.timestamp()) - 1)}
        changes = self.lake.land("customers", None, "chargebee/audit", filters)
        scratch = self.lake.folder.parent / f"scratch-{day}"
        scratch.mkdir()
        keys = "chargebee", "manifests/{resource}/site={site}/{partition}.json"
        question = Question(*keys, *keys, SCHEDULE, due)
        examination = Examination(self.hook, AuditBucket(self.lake, scratch), question)  # type: ignore[arg-type]
        self.reports[day] = examination.run(snapshot, changes, scratch)
        self.injected[day], self.waiting = self.waiting, set()
        for each in self.reports[day].backfills:
            start = each.window.start
            while start < each.window.end:
                self.land(Window(start, start + DAY))
                start += DAY


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import json

    from chargebee_simulator import Simulator, SimulatorSettings

    key = "test_key_0123456789abcdef"
    settings = {"customers": 150, "now": iso(START), "job_seconds": 0, "rate_limit": 0, "profile": "api"}
    with Simulator(SimulatorSettings(sites=(f"acme-test:{key}",), **settings)) as simulator:
        connection = {"conn_type": "generic", "login": "acme-test", "password": key, "host": simulator.url}
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", json.dumps(connection))
            made = Year(simulator, tmp_path_factory.mktemp("year") / "lake")
            made.run()
            yield made


def test_each_audit_finds_what_no_window_has_and_nothing_else(year):
    for day, report in year.reports.items():
        found = {kind: set(each.ids) for kind, each in report.findings.items() if each.count}
        found.pop("not_yet_due", None)
        if not {*PAUSED, FAILED} & set(range(day - 27, day + 1)):
            assert set().union(*found.values()) == year.injected[day], (day, found)
        assert not report.problems
    assert sum(report.faults == 0 for report in year.reports.values()) >= 4


def test_the_time_without_windows_is_named_once(year):
    named = Counter(
        (each.window.start, each.window.end) for report in year.reports.values() for each in report.backfills
    )
    spans = [(PAUSED.start, PAUSED.stop), (FAILED, FAILED + 1)]
    assert named == {(START + first * DAY, START + end * DAY): 1 for first, end in spans}


def test_the_view_of_the_latest_rows_is_the_site_itself_after_an_audit_and_before_it_apart_from_what_that_finds(
    year, capsys
):
    def latest() -> dict[str, dict[str, str]]:
        print_sql([str(year.lake.folder / "chargebee"), "--dialect", "duckdb"])
        with duckdb.connect() as database:
            database.execute(capsys.readouterr().out)
            found = database.execute(f"SELECT * EXCLUDE ({NOT_OF_RECORDS}) FROM customers_latest")
            names = [each[0] for each in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        assert len(rows) > 100
        return {row["id"]: {name: value or "" for name, value in row.items()} for row in rows}

    assert year.changes > 2000
    before = latest()
    truth = {
        each["id"]: {name: as_text(name, record) for name in before[next(iter(before))]}
        for each in year.control.records("customers")
        for record in [year.hook.get_record("customers", each["id"])]
    }
    expected = set(year.waiting)
    assert expected
    assert {each for each in before.keys() | truth.keys() if before.get(each) != truth.get(each)} == expected
    year.audit(DAYS)
    found = {kind: set(each.ids) for kind, each in year.reports[DAYS].findings.items() if each.count}
    assert set().union(*found.values()) == expected
    assert latest() == truth


def as_text(name: str, record: dict[str, Any]) -> str:
    """Return a field of a record of the API as a CSV of the export has it."""
    part, _, of_part = name.partition("_")
    value = record[part].get(of_part) if isinstance(record.get(part), dict) else record.get(name)
    if name in ("created_at", "updated_at") and value:
        return iso(datetime.fromtimestamp(value, UTC))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
