"""The simulator's control endpoint over real HTTP: the request log, settings, the truth about its records."""

from __future__ import annotations

from typing import Any

import pytest

from chargebee_simulator import ControlClient, ControlError, Simulator
from support.simulator_calls import KEY, OTHER_SITE, SITE, Caller


def test_the_request_log_tells_what_was_sent_and_holds_no_key(sim: Simulator, acme: Caller) -> None:
    fields = [("customer[id][in]", '["a","ü&="]'), ("customer[id][in]", "twice")]
    acme.http.headers["chargebee-business-entity-id"] = "be_1"
    acme.create("customers", fields, key="k3")
    entry = sim.control.requests(method="POST", listener="api")[-1]
    assert entry["fields"] == [list(field) for field in fields]
    assert entry["path"] == "/api/v2/exports/customers" and entry["status"] == 200 and entry["site"] == SITE
    assert entry["body"].startswith("customer%5Bid%5D%5Bin%5D=")
    assert entry["headers"]["chargebee-idempotency-key"] == "k3"
    assert entry["headers"]["chargebee-business-entity-id"] == "be_1"
    assert entry["headers"]["authorized"] is True
    assert sim.control.exports()[-1]["business_entity_id"] == "be_1"
    assert KEY not in repr(sim.control.requests())
    numbers = [entry["n"] for entry in sim.control.requests()]
    sim.control.clear_requests()
    assert sim.control.requests() == []
    acme.get("nothing")
    assert sim.control.requests()[0]["n"] > max(numbers)


def test_the_look_of_the_zip_can_be_changed_while_the_server_runs(sim: Simulator, acme: Caller) -> None:
    assert sim.control.settings(profile="bulk", quotes="all")["header"] == "bulk"
    export = acme.create("customers")
    sim.control.advance(2)
    assert "customer[id]" in acme.rows(export)[0]


def test_an_administrator_adds_a_column_and_moves_another(sim: Simulator, acme: Caller) -> None:
    sim.control.settings(profile="bulk")

    def exported() -> list[dict[str, str]]:
        export = acme.create("customers")
        sim.control.advance(2)
        return acme.rows(export)

    before = exported()
    sim.control.settings(columns={"customers": ["region", "customer[company]"]})
    after = exported()
    first, *others = before[0]
    others.remove("customer[company]")
    assert list(after[0]) == [first, "region", "customer[company]", *others]
    assert after == [{**row, "region": f"region of {row[first]}"} for row in before]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"colour": 1}, "There is no setting 'colour'"),
        ({"max_jobs": 0}, "'max_jobs' takes a number of 1 or more"),
        ({"max_jobs": 9, "retry_after": "yes"}, "'retry_after' takes true or false"),
        ({"job_seconds": "4-1"}, "'4-1' is not a job time"),
        ({"profile": "fancy"}, "There is no profile 'fancy'"),
        ({"columns": {"Customers": "Region"}}, "'columns' takes names of files"),
        ({"columns": {"Customers": ["Region", "Region"]}}, "'columns' takes names of files"),
    ],
)
def test_a_setting_that_makes_no_sense_changes_nothing(sim: Simulator, changes: dict[str, Any], sentence: str) -> None:
    before = sim.control.settings()
    with pytest.raises(ControlError, match=sentence):
        sim.control.settings(**changes)
    assert sim.control.settings() == before


def test_misuse_of_the_control_endpoint_is_told(sim: Simulator) -> None:
    for call, sentence in [
        (lambda: sim.control.records("cats"), "There is no resource 'cats'"),
        (lambda: sim.control.records("customers", "nobody"), "There is no site 'nobody'"),
        (lambda: sim.control.touch("customers", at=10**15), "is a time in seconds"),
        (lambda: sim.control.advance(-1), "only moves forward"),
        (lambda: sim.control.advance(1e20), "to ten years"),
        (lambda: sim.control.touch("differential_prices"), "no updated_at"),
        (lambda: sim.control.touch("customers", at="soon"), "is a time in seconds"),
        (lambda: sim.control.fault("gremlins"), "There is no fault 'gremlins'"),
        (lambda: sim.control.fault("status"), "needs the option 'status'"),
        (lambda: sim.control.fault("fail_job", site="nobody"), "There is no site 'nobody'"),
        (lambda: ControlClient(sim.control_url + "/x").now(), "no control endpoint: it answers 404"),
        (lambda: ControlClient(sim.url + "/_control/clock").clear_faults(), "no control endpoint"),
    ]:
        with pytest.raises(ControlError, match=sentence):
            call()


def test_sites_have_companies_of_their_own(sim: Simulator) -> None:
    ids = [{record["id"] for record in sim.control.records("customers", site)} for site in (SITE, OTHER_SITE)]
    assert ids[0].isdisjoint(ids[1])


def test_two_runs_of_a_seed_have_the_same_records(sim: Simulator) -> None:
    with Simulator(sim.settings) as again:
        assert again.control.records("invoices") == sim.control.records("invoices")
