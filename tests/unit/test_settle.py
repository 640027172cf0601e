"""ExportOperator and the end of its window, in virtual time: by the simulator's clock, by a wrong clock, and by none."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from virtual_time import VirtualTime

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators._compat import AirflowException, AirflowFailException
from chargebee_operators.chargebee.windows import iso
from support.tasks import TaskDeferred, TaskInstance, context

DEFERRABLE = pytest.mark.parametrize("deferrable", [True, False], ids=["triggerer", "worker"])


class Airflow:
    """Runs a start task as Airflow would, with a clock of its own beside Chargebee's.

    :param ahead: seconds by which Airflow's clock is ahead of Chargebee's.
    :param frozen: whether Chargebee's clock stands still.
    """

    def __init__(
        self, simulator: Any, monkeypatch: pytest.MonkeyPatch, ahead: float = 0.0, frozen: bool = False
    ) -> None:
        self.simulator = simulator
        self.deferrals = 0
        on_jump = (lambda seconds: None) if frozen else simulator.control.advance
        self.clock = VirtualTime(simulator.control.now() + ahead, on_jump=on_jump)
        monkeypatch.setattr(time, "sleep", self._sleep)

    def window(self, ends_in: float) -> dict[str, str]:
        """Return a window of a day that ends so many seconds after Chargebee's present."""
        end = datetime.fromtimestamp(int(self.simulator.control.now() + ends_in), UTC)
        return {"window_start": iso(end - timedelta(days=1)), "window_end": iso(end)}

    def run(self, task_context: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        """Run a start task to its end."""
        operator = ChargebeeExportOperator(**{"task_id": "start", "resource": "customers", **arguments})
        task_context = task_context or context()
        with self.clock.installed():
            step, more = operator.execute, {}
            while True:
                try:
                    return step(task_context, **more)
                except TaskDeferred as deferred:
                    self.deferrals += 1
                    step, more = operator.execute_complete, {"event": self._event(deferred.trigger)}

    def _event(self, trigger: Any) -> Any:
        _, kwargs = trigger.serialize()
        rebuilt = type(trigger)(**json.loads(json.dumps(kwargs)))
        begun = time.time()

        async def event() -> Any:
            return (await anext(rebuilt.run())).payload

        found = json.loads(json.dumps(self.clock.run(event())))
        assert time.time() - begun >= 5, "a trigger that fires within seconds loses a race in Airflow 3"
        return found

    def _sleep(self, seconds: float) -> None:
        self.clock.wait(seconds, lambda _: [])


@pytest.fixture
def airflow(connected, monkeypatch) -> Callable[..., Airflow]:
    """Make an Airflow whose clock differs from Chargebee's."""
    from chargebee_operators.chargebee.async_client import AsyncExportsClient

    def make(**arguments: Any) -> Airflow:
        running = Airflow(connected, monkeypatch, **arguments)
        create = AsyncExportsClient.create_export

        async def held(*args: Any, **kwargs: Any) -> Any:
            with running.clock.held():  # the call takes real time, in which no clock may jump
                return await create(*args, **kwargs)

        monkeypatch.setattr(AsyncExportsClient, "create_export", held)
        return running

    return make


def exports(simulator: Any) -> Iterator[tuple[str, float]]:
    """Yield id and created_at of each export, oldest first."""
    for each in simulator.control.exports():
        yield each["id"], each["created_at"]


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@DEFERRABLE
@pytest.mark.parametrize(
    ("settle", "seconds"),
    [(None, 600), (600, 600), (90.5, 91), (timedelta(hours=2), 7200), (0, 0)],
    ids=["default", "seconds", "fraction", "timedelta", "none"],
)
def test_no_export_is_requested_before_its_window_has_settled(airflow, connected, deferrable, settle, seconds):
    running = airflow()
    window = running.window(ends_in=120)
    arguments = {} if settle is None else {"settle": settle}
    job = running.run(**window, **arguments, deferrable=deferrable)
    ((export_id, created_at),) = exports(connected)
    settled = instant(window["window_end"]) + seconds
    assert settled <= created_at <= settled + 60
    assert job["export_id"] == export_id
    assert instant(job["requested_at"]) == int(created_at), "Chargebee's own time of the request"
    assert running.deferrals == int(deferrable)


@pytest.mark.parametrize("ended", [601, 3000, 86400, 400 * 86400])
def test_a_window_that_has_settled_does_not_wait(airflow, connected, ended):
    running = airflow()
    begun = connected.control.now()
    running.run(**running.window(ends_in=-ended))
    ((_, created_at),) = exports(connected)
    assert (running.deferrals, created_at - begun < 60) == (0, True)
    looks = connected.control.requests(method="GET", listener="api")
    assert len(looks) == (0 if ended > 600 + 3600 else 1), "Chargebee's clock is asked for where it may matter"


@pytest.mark.parametrize(
    "arguments", [{"snapshot": True}, {"resource": "differential_prices", "snapshot": True}], ids=str
)
def test_a_snapshot_does_not_wait(airflow, connected, arguments):
    running = airflow()
    end = datetime.fromtimestamp(connected.control.now() + 3600, UTC)
    running.run(context(data_interval_start=end - timedelta(days=1), data_interval_end=end), **arguments)
    assert running.deferrals == 0 and len(list(exports(connected))) == 1


def test_a_revenue_report_waits_for_the_end_of_its_months(airflow, connected):
    running = airflow()
    window = running.window(ends_in=60)
    running.run(resource="deferred_revenue", filters={"report_by": "invoice"}, **window)
    ((_, created_at),) = exports(connected)
    assert created_at >= instant(window["window_end"]) + 600


@DEFERRABLE
@pytest.mark.parametrize("ahead", [600, -600, 3 * 86400, -3 * 86400], ids=str)
def test_chargebees_clock_decides_and_not_that_of_airflow(airflow, connected, deferrable, ahead):
    running = airflow(ahead=ahead)
    window = running.window(ends_in=300)
    job = running.run(**window, settle=0, deferrable=deferrable)
    *early, (export_id, created_at) = exports(connected)
    assert created_at >= instant(window["window_end"])
    assert created_at <= instant(window["window_end"]) + 60
    assert job["export_id"] == export_id
    # A clock that is wrong by days makes an old window of it, for which Chargebee's is not asked for.
    assert len(early) == (1 if ahead == 3 * 86400 else 0)


@DEFERRABLE
@pytest.mark.parametrize("settle", [0, 600])
def test_an_export_that_was_requested_too_early_is_requested_again_later(
    airflow, connected, deferrable, settle, caplog, capsys
):
    connected.control.fault("drop_before", method="GET", times=None)  # so that Chargebee's clock is not known before
    running = airflow(ahead=600)
    window = running.window(ends_in=300)
    job = running.run(**window, settle=settle, deferrable=deferrable)
    (early, at), (export_id, created_at) = exports(connected)
    settled = instant(window["window_end"]) + settle
    assert at < settled - 60 and settled <= created_at <= settled + 60
    assert job["export_id"] == export_id and instant(job["requested_at"]) == int(created_at)
    log = caplog.text + capsys.readouterr().out
    assert re.search(f"Export {early}: by Chargebee's clock it was requested at .* It is not used", log)


def test_a_retry_after_that_finds_the_same_export(airflow, connected):
    connected.control.fault("drop_before", method="GET", times=None)
    running = airflow(ahead=600)
    window = running.window(ends_in=60)
    first = running.run(**window, settle=0)
    again = running.run(context(ti=TaskInstance(try_number=2)), **window, settle=0)
    assert again["export_id"] == first["export_id"]
    assert len(list(exports(connected))) == 2


@DEFERRABLE
def test_a_clock_that_never_comes_to_the_windows_end_fails_with_a_sentence(airflow, connected, deferrable):
    running = airflow(frozen=True)
    connected.control.fault("drop_before", method="GET", times=None)
    with pytest.raises(AirflowFailException, match=r"before window .* had settled .*check the clocks"):
        running.run(**running.window(ends_in=300), settle=0, deferrable=deferrable)
    assert len(list(exports(connected))) == 4


@DEFERRABLE
@pytest.mark.parametrize("ends_in", [13 * 3600, 4 * 366 * 86400], ids=str)
def test_a_window_that_ends_long_after_the_present_is_refused_and_nothing_is_requested(
    airflow, connected, deferrable, ends_in
):
    running = airflow()
    with pytest.raises(
        AirflowFailException, match="run this after the window has ended, or give an earlier window_end"
    ):
        running.run(**running.window(ends_in=ends_in), deferrable=deferrable)
    assert not list(exports(connected))


def test_the_wait_for_a_slot_begins_when_the_window_has_settled(airflow, connected):
    running = airflow()
    begun = connected.control.now()
    connected.control.fault("status", status=429, method="POST", times=None)
    with pytest.raises(AirflowException, match="gave up"):
        running.run(**running.window(ends_in=0), settle=3600, slot_timeout=1800)
    assert 3600 + 1800 <= connected.control.now() - begun <= 3600 + 1800 + 60


def test_an_event_of_an_earlier_version_is_understood(airflow, connected):
    running = airflow()
    job = running.run(**running.window(ends_in=-86400))
    event = {
        "outcome": "created",
        "export_id": job["export_id"],
        "created_at": instant(job["requested_at"]),
        "carry": {"job": job, "try_number": 1},
    }
    operator = ChargebeeExportOperator(task_id="start", resource="customers")
    assert operator.execute_complete(context(), event) == job


@pytest.mark.parametrize("settle", [-1, "600", None, True, float("nan"), float("inf"), timedelta(seconds=-1)], ids=repr)
def test_a_wrong_settle_is_named_at_parse_time(settle):
    with pytest.raises(ValueError, match="settle is .*give seconds from 0 upwards, or a timedelta"):
        ChargebeeExportOperator(task_id="start", resource="customers", settle=settle)
