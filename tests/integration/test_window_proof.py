"""Right and wrong exports through the operators: each wrong one is refused, each right one is confirmed, whatever its look.

``test_window_matrix`` has every export by every clock, without the operators.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators._compat import AirflowFailException
from chargebee_simulator import Simulator, SimulatorSettings
from support.simulator_calls import KEY, SITE
from support.tasks import TaskInstance, context, run
from support.uploads import manifest, upload

IMMUTABLE = {"customers": "created_at", "subscriptions": "created_at", "invoices": "date", "orders": "order_date"}
LOOKS = ["chargebee", "bulk", "excel"]
CASES = [(look, name, "updated_at") for look in LOOKS for name in ("customers", "invoices")]
CASES += [(look, name, IMMUTABLE[name]) for look in LOOKS for name in ("subscriptions", "orders")]

_RUNS = itertools.count()
# Long enough for every resource to have rows in it; it ended hours before the simulator's present.
YEAR = {"window_start": "2025-11-25T00:00:00Z", "window_end": "2026-11-24T00:00:00Z"}
# Before the company began: a right export has no rows, and each row proves that the filter was ignored.
BEFORE = {"window_start": "2001-10-01T00:00:00Z", "window_end": "2001-10-02T00:00:00Z"}


@pytest.fixture(scope="module")
def company() -> Iterator[Simulator]:
    """One simulator for all cases; each sets its look."""
    settings = SimulatorSettings(
        sites=(f"{SITE}:{KEY}",), customers=60, job_seconds=0, rate_limit=0, now="2026-11-24T12:00:00Z"
    )
    with Simulator(settings) as running:
        yield running


@pytest.fixture
def site(company: Simulator, connect: Any) -> Simulator:
    company.control.reset_settings()
    connect(company, password=KEY)
    return company


def start(resource: str, field: str, window: dict[str, str]) -> dict[str, Any]:
    return run(
        ChargebeeExportOperator(task_id="start", resource=resource, window_field=field, **window),
        context(ti=TaskInstance(run_id=f"{resource}-{field}-{window['window_start']}-{next(_RUNS)}")),
    )


def landed(job: dict[str, Any], s3: Any, bucket: str, **arguments: Any) -> dict[str, Any]:
    """Upload an export, and return its manifest."""
    result = run(upload(job, bucket, **arguments))
    return manifest(s3, bucket, result["manifest_key"])


def rows_of(found: dict[str, Any]) -> int:
    return sum(each["rows"] or 0 for each in found["files"])


@pytest.mark.parametrize(("look", "resource", "field"), CASES)
def test_a_right_export_is_confirmed(site, s3, aws, bucket, look, resource, field):
    site.control.settings(profile=look)
    found = landed(start(resource, field, YEAR), s3, bucket)
    proof = found["window_proof"]
    assert rows_of(found) and found["warnings"] == []
    assert proof["confirmed"] and proof["by"] in ("column", "spot_check")
    assert proof["by"] == "column" or (look, field) != ("bulk", "updated_at")


@pytest.mark.parametrize(("look", "resource", "field"), CASES)
def test_an_ignored_filter_is_refused_and_nothing_is_published(site, s3, aws, bucket, look, resource, field):
    site.control.settings(profile=look, ignore_filters=True)
    job = start(resource, field, BEFORE)
    with pytest.raises(AirflowFailException, match="Chargebee ignored the filter"):
        run(upload(job, bucket))
    assert "Contents" not in s3.client().list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(("look", "resource", "field"), CASES)
def test_an_empty_export_is_confirmed_by_its_emptiness(site, s3, aws, bucket, look, resource, field):
    site.control.settings(profile=look)
    found = landed(start(resource, field, BEFORE), s3, bucket, window_check="require")
    assert (found["window_proof"]["by"], found["window_proof"]["confirmed"], rows_of(found)) == ("empty", True, 0)
    assert found["warnings"] == []


@pytest.mark.parametrize("look", LOOKS)
def test_rows_that_change_after_the_request_fail_no_right_export(make_simulator, connect, s3, aws, bucket, look):
    simulator = make_simulator(profile=look)
    connect(simulator)
    jobs = {resource: start(resource, "updated_at", YEAR) for resource in IMMUTABLE}
    simulator.control.advance(60)
    for resource, job in jobs.items():
        simulator.control.touch(resource, [each["id"] for each in simulator.control.records(resource)])
        found = landed(job, s3, bucket)
        assert rows_of(found) and found["warnings"] == []
        # Where the API alone can tell, it can't any more: each record was changed since.
        assert found["window_proof"]["by"] in ("none", "column")


def test_where_nothing_can_be_proven_a_required_proof_is_missing(site, s3, aws, bucket):
    """No column of the real look has the time, and an attached item can't be retrieved by its id alone."""
    job = start("attached_items", "updated_at", YEAR)
    with pytest.raises(AirflowFailException, match="nothing proves that its rows belong to the window"):
        run(upload(job, bucket, window_check="require"))
    assert landed(job, s3, bucket)["window_proof"]["by"] == "none"
