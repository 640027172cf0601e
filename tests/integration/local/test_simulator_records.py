"""The simulator's records over real HTTP: each can be retrieved, and changes, goes and comes again."""

from __future__ import annotations

import dataclasses
from email.utils import parsedate_to_datetime

import pytest

from chargebee_simulator import Simulator, SimulatorSettings
from chargebee_simulator.catalogue import ASKS_FOR, REPORTS, SINGULAR
from support.simulator_calls import FORBIDDEN_KEY, KEY, OTHER_KEY, Caller, error_of

RESOURCES = [resource for resource in SINGULAR if resource not in REPORTS]
AT = 1717243200 + 86400  # 2024-06-02T12:00:00Z, a day after the company's present


def retrieved(sim: Simulator, acme: Caller, resource: str, identity: str) -> dict:
    """Return a record as the API shows it."""
    beside = ASKS_FOR.get(resource)
    params = {beside: beside_of(sim, acme, resource, identity, beside)} if beside else {}
    answer = acme.record(resource, identity, **params)
    assert answer.status_code == 200, answer.text
    expected = [SINGULAR[resource], *(["customer"] if resource == "subscriptions" else [])]
    assert list(answer.json()) == expected
    return dict(answer.json()[SINGULAR[resource]])


def beside_of(sim: Simulator, acme: Caller, resource: str, identity: str, beside: str) -> str:
    """Return what else a retrieve of this record needs, as an export of it shows."""
    export = acme.create(resource)
    sim.control.advance(2)
    return next(row[beside] for row in acme.rows(export) if row["id"] == identity)


def fields_of(name: str) -> set[str]:
    """Return the fields of a record in the API, as the official SDK knows them."""
    responses = pytest.importorskip(f"chargebee.models.{name}.responses")
    return {each.name for each in dataclasses.fields(getattr(responses, f"{name.title().replace('_', '')}Response"))}


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_record_is_shown_as_the_api_shows_it(sim: Simulator, acme: Caller, resource: str) -> None:
    truth = sim.control.records(resource)[-1]
    shown = retrieved(sim, acme, resource, truth["id"])
    assert shown["id"] == truth["id"] and shown["object"] == SINGULAR[resource] and not shown.get("deleted")
    known = fields_of(SINGULAR[resource])
    assert {name for name in shown if not name.startswith("cf_")} <= {*known, "object"}
    for clock in truth.keys() & known - {"id"}:
        assert shown.get(clock) == truth[clock], "an epoch, and no field at all where there is no time"
    assert None not in shown.values()
    assert shown["resource_version"] >= 1000 * (truth.get("updated_at") or 0)


def test_objects_within_a_record_are_nested(sim: Simulator, acme: Caller) -> None:
    customer = retrieved(sim, acme, "customers", sim.control.records("customers")[0]["id"])
    assert customer["billing_address"]["object"] == "billing_address" and customer["billing_address"]["city"]
    assert not any("." in key for key in customer)
    invoice = retrieved(sim, acme, "invoices", sim.control.records("invoices")[0]["id"])
    assert invoice["line_items"][0]["object"] == "line_item" and isinstance(invoice["total"], int)


def test_a_record_has_no_field_for_an_empty_value(sim: Simulator, acme: Caller) -> None:
    identity = sim.control.records("customers")[1]["id"]
    assert {"last_name", "billing_address"} <= retrieved(sim, acme, "customers", identity).keys()
    # As an imported record has it where its file has an empty cell.
    sim.control.touch("customers", [identity], at=AT, fields={"last_name": "", "billing_address.city": ""})
    shown = retrieved(sim, acme, "customers", identity)
    assert "last_name" not in shown and "city" not in shown["billing_address"]


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_record_that_does_not_exist(acme: Caller, resource: str) -> None:
    params = {ASKS_FOR[resource]: "any"} if resource in ASKS_FOR else {}
    assert error_of(acme.record(resource, "nobody", **params)) == (404, "resource_not_found", None)


@pytest.mark.parametrize("resource", ASKS_FOR)
def test_some_records_need_a_second_id(sim: Simulator, acme: Caller, resource: str) -> None:
    identity, beside = sim.control.records(resource)[0]["id"], ASKS_FOR[resource]
    assert error_of(acme.record(resource, identity)) == (400, "param_wrong_value", beside)
    assert error_of(acme.record(resource, identity, **{beside: "another"}))[0] == 404


def test_who_may_retrieve_and_how(sim: Simulator, acme: Caller) -> None:
    identity = sim.control.records("customers")[0]["id"]
    assert error_of(Caller(sim, "wrong").record("customers", identity))[0] == 401
    assert error_of(Caller(sim, FORBIDDEN_KEY).record("customers", identity))[0] == 403
    assert error_of(Caller(sim, OTHER_KEY).record("customers", identity))[0] == 404, "of another site"
    assert error_of(acme.http.post(f"{acme.base}/customers/{identity}"))[0] == 405
    assert error_of(acme.http.get(f"{acme.base}/customers/{identity}/more"))[0] == 404
    assert error_of(acme.record("deferred_revenue", "1"))[0] == 404


def test_a_retrieve_counts_in_the_rate_limit(sim: Simulator, acme: Caller) -> None:
    identity = sim.control.records("customers")[0]["id"]
    sim.control.settings(rate_limit=2)
    answers = [acme.record("customers", identity) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) <= 60


def test_a_fault_can_be_aimed_at_one_kind_of_call(sim: Simulator, acme: Caller) -> None:
    identity = sim.control.records("customers")[0]["id"]
    sim.control.fault("status", status=503, call="record", times=None)
    export = acme.create("customers")
    assert acme.get(export).status_code == 200 and acme.events().status_code == 200
    assert acme.record("customers", identity).status_code == 503
    assert sim.control.requests(call="record")[-1]["resource"] == "customers"


def test_a_change_is_seen_at_once_and_raises_the_version(sim: Simulator, acme: Caller) -> None:
    identity = sim.control.records("customers")[3]["id"]
    before = retrieved(sim, acme, "customers", identity)
    # The second of these is late: it gives an earlier time, and is a later version all the same.
    for at in (AT, AT - 1000):
        sim.control.touch("customers", [identity], at=at, fields={"company": f"Changed {at}"})
        after = retrieved(sim, acme, "customers", identity)
        assert (after["updated_at"], after["company"]) == (at, f"Changed {at}")
        assert after["resource_version"] > before["resource_version"]
        before = after


def test_a_removed_record_is_not_found_and_can_come_again(sim: Simulator, acme: Caller) -> None:
    truth = sim.control.records("customers")
    identity = truth[5]["id"]
    version = retrieved(sim, acme, "customers", identity)["resource_version"]
    assert sim.control.remove("customers", [identity], at=AT) == [identity]
    assert error_of(acme.record("customers", identity))[0] == 404
    assert identity not in {record["id"] for record in sim.control.records("customers")}
    export = acme.create("customers")
    sim.control.advance(2)
    assert identity not in {row["id"] for row in acme.rows(export)}
    assert sim.control.create("customers", [identity, "with/slash & blank"], at=AT + 60) == [
        identity,
        "with/slash & blank",
    ]
    for again in (identity, "with/slash & blank"):
        shown = retrieved(sim, acme, "customers", again)
        assert shown["id"] == again and shown["created_at"] == shown["updated_at"] == AT + 60
        assert shown["resource_version"] > version
    window = {"customer[updated_at][between]": f"[{AT},{AT + 3600}]"}
    export = acme.create("customers", window)
    sim.control.advance(2)
    assert {identity, "with/slash & blank"} <= {row["id"] for row in acme.rows(export)}
    sim.control.remove("customers", ["with/slash & blank"])


def test_a_removed_item_is_kept_with_the_status_deleted(sim: Simulator, acme: Caller) -> None:
    (identity,) = sim.control.remove("items", count=1, at=AT)
    assert retrieved(sim, acme, "items", identity)["status"] == "deleted"
    rows = {}
    for name, fields in {
        "all": None,
        "window": {"item[updated_at][between]": f"[{AT},{AT}]"},
        "deleted": {"item[updated_at][between]": f"[{AT},{AT}]", "item[status][is]": "deleted"},
    }.items():
        export = acme.create("items", fields)
        sim.control.advance(2)
        rows[name] = [row["id"] for row in acme.rows(export)]
    assert identity not in rows["all"] and rows["window"] == [] and rows["deleted"] == [identity]
    assert rows["all"] == [record["id"] for record in sim.control.records("items")]


@pytest.mark.parametrize("resource", ["customers", "coupons", "deferred_revenue"])
def test_a_server_that_ignores_all_filters_exports_everything(sim: Simulator, acme: Caller, resource: str) -> None:
    fields = {f"{SINGULAR[resource]}[updated_at][between]": f"[{AT + 86400},{AT + 86401}]"}
    if resource in REPORTS:
        fields = {"report_by": "invoice", "report_from_month": "1", "report_from_year": "2001"}
        fields |= {"report_to_month": "2", "report_to_year": "2001"}
    right = acme.create(resource, fields)
    sim.control.settings(ignore_filters=True)
    wrong = acme.create(resource, fields)
    sim.control.advance(2)
    assert acme.rows(right) == []
    assert len(acme.rows(wrong)) == len(list(sim.control.records(resource))) > 0
    shown = sim.control.exports()[-1]
    assert shown["applied"] == [] and [each["name"] for each in shown["ignored"]] == list(fields)


def test_the_servers_clock_can_be_another_than_the_machines(sim: Simulator, acme: Caller) -> None:
    sim.control.settings(clock_skew=-600)
    answer = acme.post("coupons")
    created = answer.json()["export"]["created_at"]
    assert sim.control.now() - 605 < created < sim.control.now() - 595
    assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - created) <= 2


def test_the_official_sdk_retrieves_every_kind_of_record(monkeypatch: pytest.MonkeyPatch) -> None:
    main = pytest.importorskip("chargebee.main")
    monkeypatch.setattr(main.Chargebee, "verify_ca_certs", False)
    with Simulator(SimulatorSettings(customers=80, rate_limit=0, job_seconds=0, profile="api")) as sim:
        client = main.Chargebee(KEY, "acme-test", protocol="http")
        client.env.api_endpoint = f"{sim.url}/api/v2"
        for resource in RESOURCES:
            name = "".join(part.title() for part in SINGULAR[resource].split("_"))
            truth = sim.control.records(resource)[0]
            identity = truth["id"]
            more = []
            if resource in ASKS_FOR:
                more = [{ASKS_FOR[resource]: beside_of(sim, Caller(sim), resource, identity, ASKS_FOR[resource])}]
            answer = getattr(client, name).retrieve(identity, *more)
            record = getattr(answer, SINGULAR[resource])
            assert record.id == identity and record.resource_version
            assert getattr(record, "updated_at", None) == truth.get("updated_at")
