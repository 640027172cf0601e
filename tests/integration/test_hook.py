"""ChargebeeHook: the SDK's side and the triggerer's side against the simulator."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from chargebee_operators import ChargebeeHook
from chargebee_operators.chargebee import async_client as async_module
from chargebee_operators.chargebee.filters import export_fields
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.chargebee.windows import Window, parse_instant
from chargebee_operators.common.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    RequestRejectedError,
    ThrottledError,
    UnavailableError,
)

WINDOW = Window(parse_instant("2026-11-23", "start"), parse_instant("2026-11-24", "end"))


def create(side: str, **arguments: Any) -> Any:
    """Ask for an export from the worker's side or the triggerer's."""
    arguments = {"resource": "customers", "fields": (), "idempotency_key": f"key-{side}", **arguments}
    if side == "worker":
        return ChargebeeHook().create_export(**arguments)
    return asyncio.run(ChargebeeHook().acreate_export(**arguments))


def look(side: str, export_id: str) -> Any:
    """Look at an export from the worker's side or the triggerer's."""
    if side == "worker":
        return ChargebeeHook().get_export(export_id)
    return asyncio.run(ChargebeeHook().aget_export(export_id))


def on_the_wire(request: dict[str, Any]) -> dict[str, Any]:
    # The SDK writes its own User-Agent, whatever it is asked.
    headers = {name: value for name, value in request["headers"].items() if name.lower() != "user-agent"}
    return {**{name: request[name] for name in ("method", "path", "body", "fields")}, "headers": headers}


@pytest.mark.parametrize("resource", RESOURCE_NAMES)
def test_both_sides_put_the_same_bytes_on_the_wire(connected, resource):
    kind = get_resource(resource)
    filters = {
        "customers": {
            "customer[first_name][starts_with]": "Ünï & co=[x]",
            "customer[id][in]": ["a", "b c", '"q"'],
            "customer[auto_collection][is]": "on",
            "customer[email][is_present]": True,
        },
        "deferred_revenue": {"report_by": "invoice"},
        "revenue_recognition": {"report_by": "product", "include_discounts": False},
    }.get(resource, {})
    field = kind.default_window_field
    fields = export_fields(
        kind, window=WINDOW if field or kind.is_report else None, window_field=field, filters=filters
    )
    for side in ("worker", "triggerer"):
        create(side, resource=resource, fields=fields, idempotency_key="one-key", business_entity_id="entity-1")
    first, second = connected.control.requests(method="POST")
    assert on_the_wire(first) == on_the_wire(second)
    assert first["headers"]["authorized"]
    (export,) = connected.control.exports()
    assert not export["ignored"]


def test_both_sides_look_the_same_on_the_wire(connected):
    export = create("worker")
    for side in ("worker", "triggerer"):
        assert look(side, export.id).download_url
    first, second = connected.control.requests(method="GET")
    assert on_the_wire(first) == on_the_wire(second)


@pytest.mark.parametrize("side", ["worker", "triggerer"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 401}, AuthenticationError),
        ({"status": 403}, AccessDeniedError),
        ({"status": 404}, RequestRejectedError),
        ({"status": 405}, RequestRejectedError),
        ({"status": 422}, RequestRejectedError),
        ({"status": 429}, ThrottledError),
        ({"status": 500}, UnavailableError),
        ({"status": 503}, UnavailableError),
        ({"status": 503, "text": True}, UnavailableError),
    ],
    ids=str,
)
def test_both_sides_tell_the_same_story(connected, side, fault, error):
    connected.control.fault("status", times=None, **fault)
    with pytest.raises(error) as caught:
        create(side)
    assert "acme-test" in str(caught.value)
    assert caught.value.status == fault["status"]


@pytest.mark.parametrize("side", ["worker", "triggerer"])
@pytest.mark.parametrize("wait", [7, "Tue, 24 Nov 2099 12:00:00 GMT"])
def test_retry_after_is_read_on_both_sides(connected, side, wait):
    connected.control.fault("status", status=429, retry_after=wait)
    with pytest.raises(ThrottledError) as caught:
        create(side)
    assert caught.value.retry_after == 7 if wait == 7 else caught.value.retry_after > 10**6


@pytest.mark.parametrize("side", ["worker", "triggerer"])
@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_a_dropped_connection_is_unavailable(connected, side, fault):
    connected.control.fault(fault, times=None)
    with pytest.raises(UnavailableError, match="could not be reached"):
        create(side)


@pytest.mark.parametrize("side", ["worker", "triggerer"])
def test_nobody_there_is_unavailable(connect, make_simulator, side):
    simulator = make_simulator()
    connect(simulator, host="http://127.0.0.1:9")
    with pytest.raises(UnavailableError):
        create(side)


@pytest.mark.parametrize("side", ["worker", "triggerer"])
def test_a_slow_answer_is_unavailable(connected, connect, side):
    connect(connected, extra={"read_timeout": 0.2})
    connected.control.fault("slow", delay=5)
    with pytest.raises(UnavailableError):
        create(side)


@pytest.mark.parametrize("side", ["worker", "triggerer"])
def test_tls_with_a_ca_of_ones_own(make_simulator, connect, tmp_path, side):
    simulator = make_simulator(tls=True, tls_dir=tmp_path)
    connect(simulator)
    assert create(side).id


@pytest.mark.parametrize("side", ["worker", "triggerer"])
def test_tls_with_an_unknown_ca_is_refused(make_simulator, connect, tmp_path, side):
    simulator = make_simulator(tls=True, tls_dir=tmp_path)
    connect(simulator, extra={"ca_bundle": ""})
    with pytest.raises(UnavailableError):
        create(side)


@pytest.mark.parametrize("side", ["worker", "triggerer"])
def test_a_replayed_answer_is_told_apart(connected, side):
    assert not create(side).replayed
    assert create(side).replayed


def test_the_connection_test_says_yes(connected):
    assert ChargebeeHook().test_connection() == (True, "Site acme-test accepted the key")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "wrong"}, "refused the API key"),
        ({"login": ""}, "has no login"),
        ({"host": "http://127.0.0.1:9"}, "reached"),
    ],
)
def test_the_connection_test_says_what_to_mend(connected, connect, changes, message):
    connect(connected, **changes)
    works, told = ChargebeeHook().test_connection()
    assert (works, message in told) == (False, True)


def test_get_conn_is_the_official_client(connected):
    answer = ChargebeeHook().get_conn().Export.customers({})
    assert answer.export.status == "in_process"


def test_triggers_of_one_site_share_a_client_and_the_last_one_closes_it(connected):
    async def many() -> tuple[int, bool]:
        hook = ChargebeeHook()
        async with hook.async_client() as first, hook.async_client() as second:
            shared = len({id(first), id(second)})
            session = first._session
        return shared, session.closed

    assert asyncio.run(many()) == (1, True)


def test_each_event_loop_has_a_client_of_its_own(connected):
    async def once() -> None:
        await ChargebeeHook().acreate_export("customers", (), idempotency_key="loops")

    asyncio.run(once())
    asyncio.run(once())
    gc.collect()
    assert not [shared for shared in async_module._loops.values() if shared.clients]
