"""How the task of deleted records waits: until the window has settled, and while Chargebee is busy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chargebee_operators import ChargebeeDeletedRecordsOperator
from chargebee_operators._compat import AirflowException, AirflowFailException
from chargebee_operators.chargebee.windows import iso
from chargebee_operators.common.exceptions import ThrottledError
from support.deleted_records import NOON, Waiting, rows_in
from support.tasks import TaskInstance, context
from support.uploads import keys


@pytest.fixture
def waiting(connected, aws, bucket, monkeypatch) -> Waiting:
    """The operator in virtual time, in the bucket of the test."""
    return Waiting(connected, bucket, monkeypatch)


def test_a_busy_site_is_waited_for_without_a_worker(connected, s3, bucket, waiting):
    (gone,) = connected.control.remove("customers", count=1, at=NOON)
    connected.control.fault("status", status=429, retry_after=40, call="events", times=2)
    connected.control.fault("status", status=503, text=True, call="events")
    waiting.run()
    assert len(waiting.deferred) == 3 and all(seconds >= 40 for seconds in waiting.deferred[:2])
    assert [each["id"] for each in rows_in(s3, bucket)] == [gone] and not waiting.slept


def test_a_site_that_is_busy_between_two_pages_is_waited_for_in_the_worker(
    make_simulator, connect, aws, s3, bucket, monkeypatch
):
    simulator = make_simulator(customers=300)
    connect(simulator)
    simulator.control.remove("customers", count=250, at=NOON)
    # The oldest event, and the first page; then the second page is refused twice.
    simulator.control.fault("status", status=429, retry_after=30, call="events", skip=2, times=2)
    waiting = Waiting(simulator, bucket, monkeypatch)
    waiting.run()
    assert len(waiting.slept) == 2 and all(seconds >= 30 for seconds in waiting.slept) and not waiting.deferred
    assert len(rows_in(s3, bucket)) == 250


def test_an_endless_refusal_between_two_pages_fails_the_try_and_publishes_nothing(
    make_simulator, connect, aws, s3, bucket, monkeypatch
):
    simulator = make_simulator(customers=300)
    connect(simulator)
    simulator.control.remove("customers", count=250, at=NOON)
    simulator.control.fault("status", status=429, retry_after=100, call="events", skip=2, times=None)
    waiting = Waiting(simulator, bucket, monkeypatch)
    with pytest.raises(ThrottledError):
        waiting.run()
    assert 600 < sum(waiting.slept) <= 900
    assert keys(s3, bucket) == [] and not s3.client().list_multipart_uploads(Bucket=bucket).get("Uploads")


@pytest.mark.parametrize("deferrable", [True, False], ids=["triggerer", "worker"])
def test_patience_ends(connected, waiting, deferrable):
    connected.control.fault("status", status=429, retry_after=300, call="events", times=None)
    with pytest.raises(AirflowException, match=r"Deleted records of \[2026-11-23.*: gave up after"):
        waiting.run(wait_timeout=1000, deferrable=deferrable)
    waited = sum(waiting.deferred if deferrable else waiting.slept)
    assert 600 <= waited <= 1001 and bool(waiting.deferred) is deferrable


def test_without_a_triggerer_the_worker_waits(connected, s3, bucket, waiting):
    connected.control.remove("customers", count=1, at=NOON)
    connected.control.fault("status", status=503, call="events", times=2)
    waiting.run(deferrable=False)
    assert (len(waiting.slept), waiting.deferred) == (2, [])
    assert len(rows_in(s3, bucket)) == 1


@pytest.mark.parametrize("deferrable", [True, False], ids=["triggerer", "worker"])
def test_the_events_are_listed_when_the_window_has_settled_by_chargebees_clock(connected, waiting, deferrable):
    present = datetime.fromtimestamp(int(connected.control.now()), UTC)
    start, end = present - timedelta(hours=6), present + timedelta(minutes=5)
    window = {"window_start": start.isoformat(), "window_end": end.isoformat()}
    with pytest.raises(AirflowFailException, match="after the present"):
        waiting.run(**window, wait_timeout=60)
    landed = waiting.run(**window, deferrable=deferrable)
    waits = waiting.deferred if deferrable else waiting.slept
    assert sum(waits) == pytest.approx(15 * 60, abs=30) and len(waits) <= 2
    listed = [each for each in connected.control.requests(method="GET") if each["path"].endswith("/events")]
    assert min(each["at"] for each in listed) >= (end + timedelta(minutes=10)).timestamp()
    assert landed["window_end"] == iso(end)


def test_a_worker_whose_clock_is_ahead_lists_nothing_too_early_though_chargebees_clock_was_not_known_at_first(
    simulator, connect, waiting
):
    connect(simulator, extra={"read_timeout": 0.5})
    present = datetime.fromtimestamp(int(simulator.control.now()), UTC)
    start, end = present - timedelta(hours=6), present - timedelta(minutes=11)
    simulator.control.settings(clock_skew=-15 * 60)
    simulator.control.fault("slow", delay=2, call="export")  # the first look at its clock
    landed = waiting.run(window_start=start.isoformat(), window_end=end.isoformat())
    assert sum(waiting.deferred) == pytest.approx(14 * 60, abs=30)
    assert landed["window_end"] == iso(end)


def test_an_event_of_an_earlier_try_does_not_count(connected, aws, bucket):
    operator = ChargebeeDeletedRecordsOperator(task_id="deleted", s3_bucket=bucket)
    event = {"outcome": "timed_out", "message": "of the try before", "carry": {"try_number": 1, "since": 0, "tries": 9}}
    assert operator.execute_complete(context(ti=TaskInstance(try_number=2)), event)["files"] == 0
