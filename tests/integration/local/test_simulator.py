"""The simulator over real HTTP: jobs, filters, limits, idempotency and sites."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chargebee_simulator import Simulator
from support.simulator_calls import FORBIDDEN_KEY, KEY, OTHER_KEY, OTHER_SITE, SITE, Caller, error_of

YESTERDAY = "[1717113600,1717199999]"
WINDOW = {"customer[updated_at][between]": YESTERDAY}


def test_a_job_is_in_process_and_then_has_a_download(sim: Simulator, acme: Caller) -> None:
    created = acme.post("customers", WINDOW).json()["export"]
    assert created["status"] == "in_process" and created["object"] == "export"
    assert len(created["id"]) <= 50 and "download" not in created
    assert acme.export(created["id"])["status"] == "in_process"
    sim.control.advance(2)
    done = acme.export(created["id"])
    assert done["status"] == "completed" and done["mime_type"] == "zip"
    assert done["created_at"] == created["created_at"]
    assert 600 < len(done["download"]["download_url"]) <= 3500
    assert done["download"]["valid_till"] == pytest.approx(sim.control.now() + 14400, abs=5)
    assert acme.export(created["id"])["download"]["download_url"] != done["download"]["download_url"]


def test_a_window_selects_the_records_changed_in_it(sim: Simulator, acme: Caller) -> None:
    truth = {
        record["id"]
        for record in sim.control.records("customers")
        if record["updated_at"] and 1717113600 <= record["updated_at"] <= 1717199999
    }
    truth |= set(sim.control.touch("customers", count=3, at="2024-05-31T12:00:00Z"))
    export = acme.create("customers", WINDOW)
    sim.control.advance(2)
    assert {row["id"] for row in acme.rows(export)} == truth
    shown = sim.control.exports(ids=True)[-1]
    assert shown["applied"] == [{"name": "customer[updated_at][between]", "value": YESTERDAY}]
    assert shown["ignored"] == [] and set(shown["ids"]) == truth and shown["rows"] == len(truth)
    assert "ids" not in sim.control.exports()[-1]


@pytest.mark.parametrize(
    "fields",
    [
        {"customer[updated_at][between][0]": "1717113600", "customer[updated_at][between][1]": "1717199999"},
        {"customer[updated_at][between]": "['1717113600', '1717199999']"},
    ],
)
def test_a_filter_in_another_shape_exports_everything(sim: Simulator, acme: Caller, fields: dict[str, str]) -> None:
    export = acme.create("customers", fields)
    sim.control.advance(2)
    assert len(acme.rows(export)) == 80
    shown = sim.control.exports()[-1]
    assert shown["applied"] == [] and [item["name"] for item in shown["ignored"]] == list(fields)


def test_records_without_updated_at_are_in_no_window(sim: Simulator, acme: Caller) -> None:
    truth = sim.control.records("transactions")
    export = acme.create("transactions", {"transaction[updated_at][after]": "1000000000"})
    sim.control.advance(2)
    stamped = {record["id"] for record in truth if record["updated_at"] is not None}
    assert {row["id"] for row in acme.rows(export)} == stamped
    assert len(stamped) < len(truth)


def test_the_snapshot_is_of_the_moment_the_job_was_done(sim: Simulator, acme: Caller) -> None:
    before, at = acme.create("coupons"), "2024-06-05T00:00:00Z"
    moved = sim.control.touch("coupons", count=2, at=at)
    sim.control.advance(2)
    sim.control.touch("coupons", ids=[record["id"] for record in sim.control.records("coupons")], at="2024-06-06")
    assert {row["id"] for row in acme.rows(before) if row["updated_at"] == at} == set(moved)
    after = acme.create("coupons", {"coupon[updated_at][on]": "1717675200"})
    sim.control.advance(2)
    assert len(acme.rows(after)) == len(sim.control.records("coupons"))


@pytest.mark.parametrize("resource", ["customers", "subscriptions", "ramps"])
def test_import_friendly_data(sim: Simulator, acme: Caller, resource: str) -> None:
    export = acme.create(resource, {"export_type": "import_friendly_data"})
    sim.control.advance(2)
    assert f"{resource[:-1]}[id]" in acme.rows(export)[0]
    assert len(sim.control.exports()[-1]["files"]) == 1


def test_every_resource_can_be_exported(sim: Simulator, acme: Caller) -> None:
    from chargebee_simulator.catalogue import REPORTS, SINGULAR

    months = {"report_by": "customer", "report_from_month": 1, "report_from_year": 2024}
    months |= {"report_to_month": 12, "report_to_year": 2024}
    sim.control.settings(max_jobs=18)
    exports = {resource: acme.create(resource, months if resource in REPORTS else None) for resource in SINGULAR}
    sim.control.advance(2)
    for export in exports.values():
        assert acme.rows(export)


def test_a_range_of_job_times(sim: Simulator, acme: Caller) -> None:
    sim.control.settings(job_seconds="10-20")
    export = acme.create("coupons")
    sim.control.advance(9)
    assert acme.export(export)["status"] == "in_process"
    sim.control.advance(11)
    assert acme.export(export)["status"] == "completed"


@pytest.mark.parametrize(
    ("resource", "fields", "param"),
    [
        ("customers", {"customer[auto_collection][is]": "maybe"}, "customer[auto_collection][is]"),
        ("customers", {"customer[updated_at][after]": "abc"}, "customer[updated_at][after]"),
        ("deferred_revenue", {}, "report_by"),
        ("deferred_revenue", {"report_by": "invoice", "report_from_month": "13"}, "report_from_month"),
    ],
)
def test_a_wrong_value_is_refused(acme: Caller, resource: str, fields: dict[str, str], param: str) -> None:
    assert error_of(acme.post(resource, fields)) == (400, "param_wrong_value", param)


def test_who_may_call(sim: Simulator) -> None:
    assert error_of(Caller(sim, "wrong").post("customers")) == (401, "api_authentication_failed", None)
    assert error_of(Caller(sim, OTHER_KEY, "/acme-test").post("customers"))[0] == 401
    assert error_of(Caller(sim, FORBIDDEN_KEY).post("customers")) == (403, "api_authorization_failed", None)
    assert error_of(Caller(sim, KEY, "/nobody-test").post("customers")) == (404, "site_not_found", None)
    caller = Caller(sim)
    caller.http.auth = (KEY, "password")
    assert error_of(caller.post("customers"))[0] == 401
    caller.http.auth = None
    assert error_of(caller.post("customers"))[0] == 401


def test_which_paths_and_methods_there_are(acme: Caller) -> None:
    export = acme.create("customers")
    for method, path, expected in [
        ("DELETE", f"exports/{export}", 405),
        ("POST", f"exports/{export}", 405),
        ("GET", "exports/customers", 405),
        ("PUT", "exports/customers", 405),
        ("POST", "exports/cats", 404),
        ("GET", "exports/nothing", 404),
        ("GET", "exports", 404),
        ("GET", "customers?limit=1", 404),
    ]:
        assert error_of(acme.http.request(method, f"{acme.base}/{path}"))[0] == expected, (method, path)


def test_a_site_is_addressed_by_path_host_or_key(sim: Simulator) -> None:
    by_path = Caller(sim, OTHER_KEY, f"/{OTHER_SITE}")
    by_key = Caller(sim, OTHER_KEY)
    by_host = Caller(sim, OTHER_KEY)
    by_host.http.headers["Host"] = "other-test.chargebee.com"
    for caller in (by_path, by_key, by_host):
        export = caller.create("customers")
        assert sim.control.exports()[-1]["site"] == OTHER_SITE
        assert error_of(Caller(sim).get(export)) == (404, "resource_not_found", None)
    sim.control.advance(2)
    assert by_host.export(export)["download"]["download_url"].startswith(sim.download_url)


def test_at_most_five_jobs_are_in_process(sim: Simulator, acme: Caller) -> None:
    for _ in range(5):
        acme.create("coupons")
    refused = acme.post("coupons", key="again")
    assert error_of(refused) == (429, "api_request_limit_exceeded", None)
    assert refused.json()["message"] == "the API request limit has been reached"
    assert int(refused.headers["Retry-After"]) in (1, 2)
    sim.control.settings(retry_after=False)
    assert "Retry-After" not in acme.post("coupons").headers
    Caller(sim, OTHER_KEY).create("coupons")
    sim.control.advance(2)
    assert acme.post("coupons", key="again").status_code == 200, "a refusal is not remembered"
    stats = sim.control.stats(SITE)
    assert stats["in_process"] == 1 and stats["most_in_process"] >= 5 and stats["refused_429"] >= 2


def test_requests_at_the_same_time_share_the_slots_and_the_keys(sim: Simulator, acme: Caller) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: Caller(sim).post("coupons").status_code, range(12)))
    assert sorted(answers) == [200] * 5 + [429] * 7
    sim.control.advance(2)
    with ThreadPoolExecutor(12) as pool:
        ids = set(pool.map(lambda _: Caller(sim).create("coupons", key="shared"), range(12)))
    assert len(ids) == 1 and sim.control.stats()["in_process"] == 1


def test_the_calls_of_a_minute_are_limited(sim: Simulator, acme: Caller) -> None:
    sim.control.settings(rate_limit=3)
    assert [acme.get("nothing").status_code for _ in range(5)] == [404, 404, 404, 429, 429]
    assert 0 < int(acme.get("nothing").headers["Retry-After"]) <= 60
    assert Caller(sim, OTHER_KEY).get("nothing").status_code == 404, "another site has its own minute"
    sim.control.advance(60)
    assert acme.get("nothing").status_code == 404


def test_the_first_answer_is_replayed(sim: Simulator, acme: Caller) -> None:
    first = acme.post("coupons", {"coupon[status][is]": "active"}, key="k1")
    sim.control.advance(1799)
    second = acme.post("coupons", {"coupon[status][is]": "active"}, key="k1")
    assert "chargebee-idempotency-replayed" not in first.headers
    assert second.headers["chargebee-idempotency-replayed"] == "true"
    assert second.content == first.content
    assert sim.control.requests(method="POST")[-1]["replayed"] is True
    assert sim.control.stats()["in_process"] == 0, "a replay takes no slot"
    sim.control.advance(1)
    third = acme.post("coupons", {"coupon[status][is]": "active"}, key="k1")
    assert third.json()["export"]["id"] != first.json()["export"]["id"]


def test_an_idempotency_key_belongs_to_one_request(acme: Caller) -> None:
    acme.create("coupons", {"coupon[status][is]": "active"}, key="k2")
    changed = acme.post("coupons", {"coupon[status][is]": "expired"}, key="k2")
    assert error_of(changed) == (422, "unable_to_process_request", None)
    assert error_of(acme.post("customers", {"coupon[status][is]": "active"}, key="k2"))[0] == 422
    assert acme.post("coupons", key="x" * 100).status_code == 200
    assert error_of(acme.post("coupons", key="x" * 101))[0] == 400
