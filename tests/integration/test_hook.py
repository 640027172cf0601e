"""ChargebeeHook: the worker's side and the triggerer's side against the simulator, with the official SDK as the measure."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import chargebee_operators
from chargebee_operators import ChargebeeHook
from chargebee_operators.chargebee.api import IDEMPOTENCY_HEADER
from chargebee_operators.chargebee.calls import BUSINESS_ENTITY_HEADER
from chargebee_operators.chargebee.filters import export_fields
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.chargebee.windows import Window, parse_instant
from chargebee_operators.common.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    ChargebeeApiError,
    RequestRejectedError,
    SettingsError,
    ThrottledError,
    UnavailableError,
)
from support.http_server import send, server

PLUGINS = str(Path(chargebee_operators.__file__).parents[1])
TESTS = str(Path(__file__).parents[1])
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


def create_with_the_sdk(resource: str, fields: Any, headers: dict[str, str]) -> None:
    """Ask for an export with the official SDK, as its users do."""
    getattr(ChargebeeHook().get_conn().Export, resource)(dict(fields), headers)


def on_the_wire(request: dict[str, Any]) -> dict[str, Any]:
    # The SDK writes its own User-Agent, whatever it is asked.
    headers = {name: value for name, value in request["headers"].items() if name.lower() != "user-agent"}
    return {**{name: request[name] for name in ("method", "path", "body", "fields")}, "headers": headers}


@pytest.mark.parametrize("resource", RESOURCE_NAMES)
def test_both_sides_put_the_bytes_of_the_official_sdk_on_the_wire(connected, resource):
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
    headers = {IDEMPOTENCY_HEADER: "one-key", BUSINESS_ENTITY_HEADER: "entity-1"}
    create_with_the_sdk(resource, fields, headers)
    worker, triggerer, sdk = connected.control.requests(method="POST")
    assert on_the_wire(worker) == on_the_wire(triggerer) == on_the_wire(sdk)
    assert worker["headers"]["authorized"]
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


EXPORT = {"id": "one", "status": "in_process", "created_at": 1795392000}
NO_JSON, NO_EXPORT = "answered 200 but not with JSON", "answered 200 with JSON that holds no export"
BAD_ANSWERS = {
    "html": ("<html>maintenance</html>", NO_JSON),
    "empty": ("", NO_JSON),
    "deep": ("[" * 100_000, NO_JSON),
    "list": ("[1]", NO_EXPORT),
    "number": ("5", NO_EXPORT),
    "null": ("null", NO_EXPORT),
    "list of exports": (json.dumps({"list": [{"export": EXPORT}]}), NO_EXPORT),
    "text as export": (json.dumps({"export": "one"}), NO_EXPORT),
    "no id": (json.dumps({"export": {**EXPORT, "id": None}}), "an id that is not one of an export"),
    "no status": (json.dumps({"export": {**EXPORT, "status": None}}), "a status that is not known"),
    "no download": (json.dumps({"export": {**EXPORT, "status": "completed"}}), "the status completed, but no download"),
    "far time": (json.dumps({"export": {**EXPORT, "created_at": 10**18}}), "a created_at that is not a time"),
}


@pytest.mark.parametrize("side", ["worker", "triggerer"])
@pytest.mark.parametrize("call", ["create", "look"])
@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_each_bad_answer_gets_its_own_sentence_on_both_sides(connect, side, call, name):
    body, sentence = BAD_ANSWERS[name]
    with server(lambda handler, _: send(handler, body.encode())) as base:
        connect(base)
        with pytest.raises(UnavailableError) as caught:
            create(side) if call == "create" else look(side, "one")
    assert sentence in str(caught.value)
    assert caught.value.status == 200


@pytest.mark.parametrize("side", ["worker", "triggerer"])
@pytest.mark.parametrize("status", [401, 403, 429, 404])
@pytest.mark.parametrize("body", ["<html>", "[]", '{"error": "no"}'])
def test_a_refusal_in_another_shape_keeps_its_status_and_its_wait(connect, side, status, body):
    with server(lambda handler, _: send(handler, body.encode(), status, Retry_After="7")) as base:
        connect(base)
        with pytest.raises(ChargebeeApiError) as caught:
            create(side)
    assert caught.value.status == status
    assert status != 429 or caught.value.retry_after == 7


@pytest.mark.parametrize("side", ["worker", "triggerer"])
def test_an_answer_for_another_export_is_refused_on_both_sides(connect, side):
    with server(lambda handler, _: send(handler, json.dumps({"export": EXPORT}).encode())) as base:
        connect(base)
        assert look(side, "one").id == "one"
        with pytest.raises(UnavailableError, match="for export two with another export, one"):
            look(side, "two")


@pytest.mark.parametrize("side", ["worker", "triggerer"])
@pytest.mark.parametrize("call", ["create", "look"])
def test_a_line_break_in_the_business_entity_is_named_before_anything_is_sent(connected, connect, side, call):
    connect(connected, extra={"business_entity_id": "a\nb"})
    with pytest.raises(SettingsError, match="business_entity_id"):
        create(side) if call == "create" else look(side, "one")
    assert not connected.control.requests()


def test_no_task_imports_the_sdk(connected):
    """Airflow 2 imports requests by itself, so what counts is what this package imports."""
    code = """
import builtins, sys
plain, heavy = builtins.__import__, set()
def watched(name, globals=None, *rest, **named):
    importer = (globals or {}).get("__name__") or ""
    if importer.startswith("chargebee_operators") and name.split(".")[0] in ("chargebee", "requests"):
        heavy.add(f"{importer} imports {name}")
    return plain(name, globals, *rest, **named)
builtins.__import__ = watched
from chargebee_operators import ChargebeeExportOperator, ChargebeeHook, ExportReadySensor
from support.tasks import run
job = run(ChargebeeExportOperator(task_id="start", resource="customers"))
assert run(ExportReadySensor(task_id="ready", job=job)) == job
hook = ChargebeeHook()
assert hook.get_export(job["export_id"]).download_url and hook.chargebee_time()
assert hook.test_connection()[0]
assert not heavy and "chargebee" not in sys.modules, heavy
hook.get_conn()
assert heavy, "the watch sees nothing"
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([PLUGINS, TESTS])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_chargebees_clock_is_that_of_its_answers(connected):
    connected.control.advance(500)
    now = connected.control.now()
    assert abs(ChargebeeHook().chargebee_time().timestamp() - now) < 5


@pytest.mark.parametrize("fault", [{"status": 401}, {"status": 503, "text": True}, {"status": 429}], ids=str)
def test_any_answer_shows_chargebees_clock(connected, fault):
    connected.control.fault("status", **fault)
    assert ChargebeeHook().chargebee_time().timestamp() == pytest.approx(connected.control.now(), abs=5)


def test_without_an_answer_chargebees_clock_is_unknown(connected):
    connected.control.fault("drop_before", method="GET")
    assert ChargebeeHook().chargebee_time() is None


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
    with pytest.raises(UnavailableError, match="gave no complete answer"):
        create(side)


@pytest.mark.parametrize("side", ["worker", "triggerer"])
def test_nobody_there_is_unavailable(connect, make_simulator, side):
    simulator = make_simulator()
    connect(simulator, host="http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match="could not be reached") as caught:
        create(side)
    assert not caught.value.reached


@pytest.mark.parametrize("side", ["worker", "triggerer"])
def test_a_slow_answer_is_unavailable(connected, connect, side):
    connect(connected, extra={"read_timeout": 0.2})
    connected.control.fault("slow", delay=5)
    with pytest.raises(UnavailableError, match="gave no complete answer") as caught:
        create(side)
    assert caught.value.reached


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
