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
LATE = (40, 41, 170, 300)
WITHOUT_UPDATED_AT = (64, 180, 333)
AUDITS = range(29, DAYS, 28)
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
        for _ in range(self._dice.randrange(4)):
            self.touch(self.moment(today), is_known=day not in PAUSED and day != FAILED)
        if self._dice.random() < 0.3:
            self.create(self.moment(today))
        if self._dice.random() < 0.2:
            self.remove(self.moment(today))
        if day in WITHOUT_UPDATED_AT:
            self.waiting.add(self.create(self.moment(today), updated_at=None))

    def moment(self, today: datetime) -> datetime:
        return today + timedelta(seconds=self._dice.randrange(86_400))

    def touch(self, at: datetime, is_known: bool) -> None:
        chosen = self._dice.choice(self._living)
        self._made += 1
        self.control.touch("customers", [chosen], at=iso(at), fields={"first_name": f'Name {self._made}, "new"\n'})
        (self.waiting.discard if is_known else self.waiting.add)(chosen)

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


def test_at_the_end_the_view_of_the_latest_rows_is_the_site_itself(year, capsys):
    year.audit(DAYS)
    print_sql([str(year.lake.folder / "chargebee"), "--dialect", "duckdb"])
    with duckdb.connect() as database:
        database.execute(capsys.readouterr().out)
        query = "SELECT id, first_name, email, cf_city FROM customers_latest ORDER BY id"
        latest = [tuple(each or "" for each in row) for row in database.execute(query).fetchall()]
    truth = []
    for each in year.control.records("customers"):
        record = year.hook.get_record("customers", each["id"])
        truth.append(tuple(record.get(name) or "" for name in ("id", "first_name", "email", "cf_city")))
    assert latest == sorted(truth)
    assert len(latest) > 100
