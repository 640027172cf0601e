"""Requests and answers as data: what leaves, and what each answer is taken for."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chargebee_operators.chargebee.api import (
    ExportStatus,
    create_export_request,
    get_export_request,
    parse_json,
    read_answer,
)
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    ChargebeeApiError,
    RequestRejectedError,
    SettingsError,
    ThrottledError,
    UnavailableError,
)
from chargebee_operators.common.polling import retry_after

KEY = "test_Key0123456789"
ACME = SiteSettings(site="acme-test", api_key=KEY, base_url="https://acme-test.chargebee.com/api/v2")
URL = "https://cdn.example/export.zip?signature=s3cr3t"
EXPORT = {"id": "AbC123", "status": "in_process", "created_at": 1795392000, "object": "export"}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_the_request_for_an_export():
    fields = (("customer[id][is]", "ü &"), ("customer[updated_at][between]", "[1,2]"))
    request = create_export_request(ACME, "customers", fields, idempotency_key="k", business_entity_id="e")
    assert (request.method, request.path, request.fields) == ("POST", "/exports/customers", fields)
    body = b"customer%5Bid%5D%5Bis%5D=%C3%BC+%26&customer%5Bupdated_at%5D%5Bbetween%5D=%5B1%2C2%5D"
    assert request.body == body
    assert request.headers == {"chargebee-idempotency-key": "k", "chargebee-business-entity-id": "e"}


def test_the_request_for_a_look():
    request = get_export_request(ACME, "AbC_-9")
    assert (request.method, request.path, request.body, request.headers) == ("GET", "/exports/AbC_-9", b"", {})


@pytest.mark.parametrize(("own", "given_one", "sent"), [(None, None, None), ("a", None, "a"), ("a", "b", "b")])
def test_a_business_entity_of_the_call_goes_before_the_connections(own, given_one, sent):
    settings = SiteSettings(site="a", api_key=KEY, base_url="", business_entity_id=own)
    assert get_export_request(settings, "x", given_one).headers.get("chargebee-business-entity-id") == sent


@pytest.mark.parametrize("export_id", ["", "a/b", "../x", "a b", "a\n", "x" * 51, None, 5.5])
def test_what_is_no_export_id_is_not_sent(export_id):
    with pytest.raises(SettingsError, match="is not an id of a Chargebee export: pass the record") as caught:
        get_export_request(ACME, export_id)
    assert repr(export_id) in str(caught.value)


def test_an_export_in_process():
    export = read_answer(ACME, 200, {}, {"export": EXPORT})
    assert (export.id, export.status, export.replayed) == ("AbC123", ExportStatus.IN_PROCESS, False)
    assert export.created_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert (export.download_url, export.valid_till) == (None, None)


def test_a_completed_export_keeps_its_url_out_of_repr():
    download = {"download_url": URL, "valid_till": 1795406400, "mime_type": "zip"}
    export = read_answer(ACME, 200, {}, {"export": {**EXPORT, "status": "completed", "download": download}})
    assert (export.download_url, export.valid_till) == (URL, datetime(2026, 11, 23, 4, tzinfo=UTC))
    assert "s3cr3t" not in repr(export)


@pytest.mark.parametrize("name", ["chargebee-idempotency-replayed", "Chargebee-Idempotency-Replayed"])
@pytest.mark.parametrize(("value", "replayed"), [("true", True), ("True", True), ("false", False)])
def test_a_replayed_answer_is_told_apart(name, value, replayed):
    assert read_answer(ACME, 200, {name: value}, {"export": EXPORT}).replayed is replayed


@pytest.mark.parametrize(
    ("status", "kind", "permanent", "mend"),
    [
        (302, RequestRejectedError, True, "refused the request"),
        (400, RequestRejectedError, True, "refused the request"),
        (401, AuthenticationError, True, "Check the connection's password and that its login names the site"),
        (403, AccessDeniedError, True, "Give it a full-access key, or a read-only key"),
        (404, RequestRejectedError, True, "refused the request"),
        (405, RequestRejectedError, True, "refused the request"),
        (408, UnavailableError, False, "could not answer"),
        (422, RequestRejectedError, True, "refused the request"),
        (429, ThrottledError, False, "is busy"),
        (500, UnavailableError, False, "could not answer"),
        (503, UnavailableError, False, "could not answer"),
        (599, UnavailableError, False, "could not answer"),
    ],
)
@pytest.mark.parametrize("text", [True, False], ids=["text", "envelope"])
def test_each_refusal_is_the_right_error(status, kind, permanent, mend, text):
    payload = None if text else {"message": "Sorry, no.", "api_error_code": "the_code", "param": "customer[id]"}
    with pytest.raises(ChargebeeApiError) as caught:
        read_answer(ACME, status, {}, payload)
    error, told = caught.value, str(caught.value)
    assert (type(error), error.permanent, error.status) == (kind, permanent, status)
    assert error.code == (None if text else "the_code")
    assert all(part in told for part in ["acme-test", str(status), mend]), told
    assert text or all(part in told for part in ["the_code", "Sorry, no.", "(parameter customer[id])"])


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_the_wait_that_was_asked_for_comes_along(status, name):
    with pytest.raises((ThrottledError, UnavailableError)) as caught:
        read_answer(ACME, status, {name: "7"}, None)
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("place", ["message", "api_error_code", "param"])
@given(padding=st.integers(0, 320))
def test_no_answer_can_put_a_secret_into_an_error(place, padding):
    said = f"{'x' * padding} {KEY} {URL}"
    with pytest.raises(ChargebeeApiError) as caught:
        read_answer(ACME, 400, {}, {"message": "m", "api_error_code": "c", place: said})
    told = f"{caught.value} {caught.value.code}"
    assert KEY[:9] not in told
    assert "cdn.example" not in told


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"export": None},
        {"export": [EXPORT]},
        {"export": {**EXPORT, "status": "paused", "download": {"download_url": URL}}},
        {"export": {**EXPORT, "status": ["completed"]}},
        {"export": {**EXPORT, "created_at": "soon"}},
        {"export": {**EXPORT, "created_at": 10**30}},
        {"export": {**EXPORT, "created_at": None}},
        {"export": {**EXPORT, "download": URL}},
        {"export": {**EXPORT, "download": [URL]}},
        {"export": {"status": "completed"}},
    ],
    ids=str,
)
def test_a_success_without_an_export_is_an_outage_and_is_not_quoted(payload):
    with pytest.raises(UnavailableError, match="acme-test answered 200, but not with an export: a proxy") as caught:
        read_answer(ACME, 200, {}, payload)
    assert URL not in str(caught.value)
    assert caught.value.__cause__ is None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*EXPORT, "download", "message", "param"]), inner),
    max_leaves=8,
)


@given(st.integers(100, 599), json_values, st.fixed_dictionaries(dict.fromkeys(EXPORT, json_values)))
def test_whatever_is_answered_is_an_export_or_one_of_our_errors(status, payload, export):
    for body in (payload, {"export": export}, {"export": {**EXPORT, "download": payload}}):
        with contextlib.suppress(ChargebeeApiError):
            assert read_answer(ACME, status, {}, body).status in ExportStatus


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 13:00:30 +0100", 30.0),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("1e9", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value, seconds):
    assert retry_after({"retry-after": value}, NOW) == seconds


@given(st.text())
@example("Tue, 24 Nov 2026 12:00:30 +9999999999")
@example("Tue, 24 Nov 0000 12:00:30 GMT")
def test_any_retry_after_is_a_number_of_seconds_or_nothing(value):
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or 0 <= seconds < math.inf


@given(st.datetimes(datetime(2026, 11, 24, 12), datetime(2200, 1, 1)).map(lambda value: value.replace(microsecond=0)))
def test_a_date_is_waited_for_to_the_second(until):
    aware = until.replace(tzinfo=UTC)
    assert retry_after({"retry-after": format_datetime(aware, usegmt=True)}, NOW) == (aware - NOW).total_seconds()


def test_without_the_header_nothing_was_asked_for():
    assert retry_after({}) is None


@pytest.mark.parametrize(("text", "parsed"), [('{"a": 1}', {"a": 1}), ("<html>", None), ("", None), ("[", None)])
def test_a_body_that_is_not_json_is_none(text, parsed):
    assert parse_json(text) == parsed
