"""The simulator's events over real HTTP: deletions, filters and their trap, pages, and what is forgotten."""

from __future__ import annotations

import pytest

from chargebee_simulator import ControlError, Simulator, SimulatorSettings
from chargebee_simulator.catalogue import CATALOGS, REPORTS, SINGULAR
from chargebee_simulator.event_catalogue import event_type, event_types
from support.simulator_calls import FORBIDDEN_KEY, KEY, OTHER_KEY, Caller, error_of

RESOURCES = [resource for resource in SINGULAR if resource not in REPORTS | CATALOGS["v1"]]
DAY = 86400
START = 1717200000  # 2024-06-01, the company's present, at midnight
DELETED = [event_type(resource, "deleted") for resource in RESOURCES]


@pytest.fixture
def sim() -> Simulator:
    with Simulator(SimulatorSettings(customers=80, now="2024-06-01T12:00:00Z", rate_limit=0)) as running:
        yield running


@pytest.fixture
def acme(sim: Simulator) -> Caller:
    return Caller(sim)


def of_deletions(first: int, last: int) -> dict[str, str]:
    return {"event_type[in]": f"[{','.join(DELETED)}]", "occurred_at[between]": f"[{first},{last}]", "limit": "100"}


def test_the_names_of_the_events_are_chargebees() -> None:
    assert event_type("ramps", "deleted") == "subscription_ramp_deleted"
    assert event_type("customers", "changed") == "customer_changed"
    assert event_type("invoices", "created") == "invoice_generated"
    enums = pytest.importorskip("chargebee.models.enums")
    known = {str(each) for each in enums.EventType}
    assert all(set(event_types(catalog)) <= known for catalog in CATALOGS)


@pytest.mark.parametrize(
    ("catalog", "kinds"),
    [
        ("v1", ["plan_deleted", "addon_deleted", "customer_deleted", "coupon_deleted", "subscription_ramp_deleted"]),
        (
            "v2",
            [
                "item_deleted",
                "item_price_deleted",
                "price_variant_deleted",
                "coupon_deleted",
                "subscription_ramp_deleted",
            ],
        ),
    ],
)
def test_a_site_knows_the_events_of_its_own_product_catalog_only(
    sim: Simulator, acme: Caller, catalog: str, kinds: list[str]
) -> None:
    sim.control.settings(catalog=catalog)
    for resource in ("plans", "items", "customers"):
        sim.control.remove(resource, at=START + 5)
    events = acme.all_events(**{"event_type[in]": f"[{','.join(kinds)}]", "occurred_at[after]": str(START)})
    assert {event["event_type"] for event in events} == {"plan_deleted", "customer_deleted", "item_deleted"} & set(
        kinds
    )
    for other in {"v1": ("item_deleted", "differential_price_deleted"), "v2": ("plan_deleted", "addon_deleted")}[
        catalog
    ]:
        refused = acme.events(**{"event_type[in]": f"[customer_deleted,{other}]"})
        assert error_of(refused) == (400, "param_wrong_value", "event_type[in]")


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_removal_is_an_event(sim: Simulator, acme: Caller, resource: str) -> None:
    truth = sim.control.records(resource)[0]
    sim.control.remove(resource, [truth["id"]], at=START + 5)
    (event,) = acme.all_events(**of_deletions(START, START + DAY - 1))
    assert event["event_type"] == event_type(resource, "deleted") and event["occurred_at"] == START + 5
    assert event["id"].startswith("ev_") and event["source"] and event["object"] == "event"
    (name, record), *_ = event["content"].items()
    assert name == SINGULAR[resource] and record["id"] == truth["id"] and record["deleted"] is True
    assert event.get("user") == {"admin_console": "someone@example.com"}.get(event["source"])
    assert record["resource_version"] >= 1000 * (START + 5)
    assert acme.http.get(f"{acme.base}/events/{event['id']}").json()["event"] == event


def test_a_removal_without_an_event_is_told_by_nobody(sim: Simulator, acme: Caller) -> None:
    gone = sim.control.remove("customers", count=2, at=START + 5, event=False)
    told = sim.control.remove("customers", count=1, at=START + 5)
    events = acme.all_events(**of_deletions(START, START + DAY))
    assert [event["content"]["customer"]["id"] for event in events] == told
    assert {*gone, *told}.isdisjoint(record["id"] for record in sim.control.records("customers"))


def test_changes_and_creations_are_events_too(sim: Simulator, acme: Caller) -> None:
    (changed,) = sim.control.touch("subscriptions", at=START + 1)
    sim.control.create("invoices", ["new"], at=START + 2)
    events = acme.all_events(**{"occurred_at[between]": f"[{START},{START + 9}]"})
    assert [event["event_type"] for event in events] == ["invoice_generated", "subscription_changed"]
    assert events[1]["content"]["subscription"]["id"] == changed


def test_the_window_includes_both_ends(sim: Simulator, acme: Caller) -> None:
    ids = {at: sim.control.remove("customers", at=at)[0] for at in (START - 1, START, START + 9, START + 10)}
    found = [event["content"]["customer"]["id"] for event in acme.all_events(**of_deletions(START, START + 9))]
    assert found == [ids[START + 9], ids[START]], "newest first"


@pytest.mark.parametrize(
    "window",
    [
        {"occurred_at[between][0]": str(START), "occurred_at[between][1]": str(START + 9)},
        {"occurred_at[between]": f"['{START}', '{START + 9}']"},
        {"occurred_at[between]": f"[{START}, {START + 9}]"},
        {"occurred_at[since]": str(START)},
        {"event[occurred_at][between]": f"[{START},{START + 9}]"},
        {"event_type[in]": ",".join(DELETED)},
        {"event_type": "customer_deleted"},
        {"start_at": str(START)},
    ],
)
def test_a_filter_in_another_shape_is_silently_ignored(acme: Caller, window: dict[str, str]) -> None:
    everything = [event["id"] for event in acme.all_events()]
    assert len(everything) > 10
    assert [event["id"] for event in acme.all_events(**window)] == everything


def test_a_server_can_ignore_well_formed_filters_too(sim: Simulator, acme: Caller) -> None:
    window = of_deletions(START, START + 9)
    assert acme.all_events(**window) == []
    sim.control.settings(ignore_event_filters=True)
    assert acme.all_events(**window) == acme.all_events(limit=100) != []


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"event_type[in]": "[ramp_deleted]"}, "event_type[in]"),
        ({"event_type[is]": "customer_vanished"}, "event_type[is]"),
        ({"source[is]": "nobody"}, "source[is]"),
        ({"occurred_at[after]": "yesterday"}, "occurred_at[after]"),
        ({"limit": "101"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"offset": "2"}, "offset"),
        ({"sort_by[asc]": "id"}, "sort_by[asc]"),
    ],
)
def test_a_wrong_value_is_refused(acme: Caller, params: dict[str, str], param: str) -> None:
    assert error_of(acme.events(**params)) == (400, "param_wrong_value", param)


@pytest.mark.parametrize(("limit", "sizes"), [(None, [10, 10, 5]), ("25", [25]), ("100", [25]), ("13", [13, 12])])
@pytest.mark.parametrize("order", [{}, {"sort_by[asc]": "occurred_at"}])
def test_pages(sim: Simulator, acme: Caller, limit: str | None, sizes: list[int], order: dict[str, str]) -> None:
    # Several in one second, some before and some behind.
    ids = [identity for at in (5, 5, 6, 7, 7) for identity in sim.control.remove("invoices", count=5, at=START + at)]
    params = {"event_type[is]": "invoice_deleted", **order, **({"limit": limit} if limit else {})}
    page = acme.events(**params).json()
    seen, got = [len(page["list"])], page["list"]
    while "next_offset" in page:
        page = acme.events(**params, offset=page["next_offset"]).json()
        seen.append(len(page["list"]))
        got += page["list"]
    assert seen == sizes
    found = [each["event"]["content"]["invoice"]["id"] for each in got]
    assert found == (ids if order else ids[::-1])


def test_a_long_answer_is_compressed_where_the_caller_takes_that(acme: Caller) -> None:
    plain = acme.http.get(f"{acme.base}/events", headers={"Accept-Encoding": "identity"})
    compressed = acme.events()
    assert (plain.headers.get("Content-Encoding"), compressed.headers["Content-Encoding"]) == (None, "gzip")
    assert int(compressed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    assert compressed.json() == plain.json()


def test_an_event_that_comes_between_two_pages_moves_no_other(sim: Simulator, acme: Caller) -> None:
    sim.control.remove("invoices", count=20, at=START + 5)
    params = {"event_type[is]": "invoice_deleted"}
    first = acme.events(**params).json()
    sim.control.remove("invoices", count=3, at=START + 6)
    second = acme.events(**params, offset=first["next_offset"]).json()
    ids = [each["event"]["id"] for page in (first, second) for each in page["list"]]
    assert len(set(ids)) == 20 and "next_offset" not in second


def test_old_events_are_forgotten(sim: Simulator, acme: Caller) -> None:
    sim.control.remove("customers", at=START - 10 * DAY)
    sim.control.remove("customers", at=START)
    oldest = {"sort_by[asc]": "occurred_at", "limit": "1"}
    assert acme.events(**oldest).json()["list"][0]["event"]["occurred_at"] >= START + DAY // 2 - 90 * DAY
    everything = of_deletions(START - 400 * DAY, START + DAY)
    assert len(acme.all_events(**everything)) == 2
    (old,) = acme.all_events(**of_deletions(START - 11 * DAY, START - 9 * DAY))
    sim.control.settings(event_days=5)
    assert [event["occurred_at"] for event in acme.all_events(**everything)] == [START]
    assert error_of(acme.http.get(f"{acme.base}/events/{old['id']}"))[0] == 404
    assert acme.events(**oldest).json()["list"][0]["event"]["occurred_at"] >= START + DAY // 2 - 5 * DAY
    sim.control.advance(6 * DAY)
    assert acme.all_events(**everything) == [], "time goes on, and the site forgets"


def test_a_reused_id_has_a_deletion_and_then_a_later_version(sim: Simulator, acme: Caller) -> None:
    (identity,) = sim.control.remove("customers", at=START)
    sim.control.create("customers", [identity], at=START)
    (event,) = acme.all_events(**of_deletions(START, START))
    assert (
        acme.record("customers", identity).json()["customer"]["resource_version"]
        > (event["content"]["customer"]["resource_version"])
    )


def test_who_may_ask_and_how_often(sim: Simulator, acme: Caller) -> None:
    assert error_of(Caller(sim, "wrong").events())[0] == 401
    assert error_of(acme.http.post(f"{acme.base}/events"))[0] == 405
    assert error_of(acme.http.get(f"{acme.base}/events/none"))[0] == 404
    sim.control.advance(60)
    sim.control.settings(rate_limit=2)
    assert [acme.events().status_code for _ in range(3)] == [200, 200, 429]
    sim.control.settings(rate_limit=0)
    sim.control.fault("status", status=429, call="events", retry_after=7)
    assert acme.create("coupons")
    assert acme.events().headers["Retry-After"] == "7"


def test_sites_have_events_of_their_own() -> None:
    sites = (f"acme-test:{KEY}", f"acme-test:{FORBIDDEN_KEY}:forbidden", f"other-test:{OTHER_KEY}")
    with Simulator(SimulatorSettings(sites=sites, customers=20)) as sim:
        sim.control.remove("customers", site="other-test")
        assert error_of(Caller(sim, FORBIDDEN_KEY).events())[0] == 403
        deleted = {"event_type[is]": "customer_deleted"}
        assert [len(Caller(sim, key).all_events(**deleted)) for key in (KEY, OTHER_KEY)] == [0, 1]


def test_misuse_of_the_control_endpoint_is_told(sim: Simulator) -> None:
    identity = sim.control.records("customers")[0]["id"]
    for call, sentence in [
        (lambda: sim.control.remove("customers", ["nobody"]), "There is no record 'nobody'"),
        (lambda: sim.control.remove("deferred_revenue"), "cannot be deleted"),
        (lambda: sim.control.create("customers", [identity]), "already"),
        (lambda: sim.control.create("customers", []), "'ids' is a list"),
        (lambda: sim.control.touch("customers", fields={"colour": 1}), "no field 'colour'"),
        (lambda: sim.control.fault("status", status=500, call="parties"), "'call' is one of"),
    ]:
        with pytest.raises(ControlError, match=sentence):
            call()


def test_the_official_sdk_lists_the_events(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    main = pytest.importorskip("chargebee.main")
    monkeypatch.setattr(main.Chargebee, "verify_ca_certs", False)
    client = main.Chargebee(KEY, "acme-test", protocol="http")
    client.env.api_endpoint = f"{sim.url}/api/v2"
    sim.control.remove("ramps", count=2, at=START)
    ready_made = {"event_type": {"in": "[subscription_ramp_deleted]"}, "occurred_at": {"between": f"[{START},{START}]"}}
    answer = client.Event.list({**ready_made, "limit": 1})
    assert len(answer.list) == 1 and answer.list[0].event.event_type == "subscription_ramp_deleted"
    rest = client.Event.list({**ready_made, "limit": 1, "offset": answer.next_offset})
    assert rest.list[0].event.content["ramp"]["deleted"] and rest.next_offset is None
