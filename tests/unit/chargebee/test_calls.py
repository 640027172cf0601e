"""Requests and answers as data: what leaves, and what each refusal is taken for."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.calls import (
    NOT_JSON,
    ApiAnswer,
    ApiRequest,
    entity_header,
    object_of,
    parse_json,
    read_instant,
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
from support.json_values import json_values

KEY = "test_Key0123456789"
ACME = SiteSettings(site="acme-test", api_key=KEY, base_url="https://acme-test.chargebee.com/api/v2")
URL = "https://cdn.example/export.zip?signature=s3cr3t"


def object_or_error(answer: ApiAnswer) -> Any:
    try:
        return object_of(ACME, answer, "export")
    except ChargebeeApiError as error:
        return error


def refused(status: int, payload: Any, headers: dict[str, str] | None = None) -> ChargebeeApiError:
    """Return the error that an answer is taken for."""
    with pytest.raises(ChargebeeApiError) as caught:
        object_of(ACME, ApiAnswer.of(status, headers or {}, payload), "export")
    return caught.value


def test_the_fields_of_a_get_are_its_query_and_those_of_a_post_its_body():
    fields = (("customer[id][is]", "ü &"), ("limit", "1"))
    encoded = "customer%5Bid%5D%5Bis%5D=%C3%BC+%26&limit=1"
    get, post = ApiRequest("GET", "/events", fields), ApiRequest("POST", "/exports/customers", fields)
    assert (get.target, get.body) == (f"/events?{encoded}", b"")
    assert (post.target, post.body) == ("/exports/customers", encoded.encode())
    assert (ApiRequest("GET", "/x").target, ApiRequest("POST", "/x").body) == ("/x", b"")


@pytest.mark.parametrize(("own", "given_one", "sent"), [(None, None, None), ("a", None, "a"), ("a", "b", "b")])
def test_a_business_entity_of_the_call_goes_before_the_connections(own, given_one, sent):
    settings = SiteSettings(site="a", api_key=KEY, base_url="", business_entity_id=own)
    assert entity_header(settings, given_one).get("chargebee-business-entity-id") == sent


@pytest.mark.parametrize("entity", ["a\nb", "a\r\nX-Other: 1", "ü", "a\u2028b", "\x00", 5])
def test_a_business_entity_that_no_header_can_carry_is_named(entity):
    with pytest.raises(SettingsError, match="business_entity_id is") as caught:
        entity_header(ACME, entity)
    assert repr(entity) in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "permanent", "sentence"),
    [
        (302, RequestRejectedError, True, "refused the request"),
        (400, RequestRejectedError, True, "refused the request"),
        (401, AuthenticationError, True, "Check the connection's password, and that its login names the site"),
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
def test_each_refusal_is_the_right_error(status, kind, permanent, sentence, text):
    envelope = {"message": "Sorry, no.", "api_error_code": "the_code", "param": "customer[id]"}
    error = refused(status, NOT_JSON if text else envelope)
    said = str(error)
    assert (type(error), error.permanent, error.status) == (kind, permanent, status)
    assert error.code == (None if text else "the_code")
    assert all(part in said for part in ["acme-test", str(status), sentence]), said
    assert ("without Chargebee's error code" in said) is text
    assert text or "the_code (parameter customer[id]): Sorry, no." in said
    assert said.endswith((".", "?")) and ".." not in said


@pytest.mark.parametrize(
    ("status", "payload", "advice"),
    [
        (302, NOT_JSON, "whether a proxy wants a login"),
        (404, NOT_JSON, "check the connection's host and domain"),
        (404, {"message": "x", "api_error_code": "site_not_found"}, "Check the site's name, the connection's login"),
        (400, {"error": "bad gateway configuration"}, "check the connection's host and domain"),
        (
            403,
            {"message": "x", "api_error_code": "request_blocked"},
            "Chargebee has blocked this call for site acme-test",
        ),
    ],
    ids=[
        "redirect",
        "not Chargebee's 404",
        "no such site",
        "not Chargebee's envelope",
        "a block, whatever the key may do",
    ],
)
def test_a_refusal_that_has_one_known_cause_says_what_to_check(status, payload, advice):
    assert advice in str(refused(status, payload))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_the_wait_that_is_requested_comes_along(status, name):
    assert refused(status, None, {name: "7"}).retry_after == 7.0  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", ["message", "api_error_code", "param"])
@given(padding=st.integers(0, 320))
def test_no_answer_can_put_a_secret_into_an_error(place, padding):
    said = f"{'x' * padding} {KEY} {URL}"
    error = refused(400, {"message": "m", "api_error_code": "c", place: said})
    assert KEY[:9] not in f"{error} {error.code}"
    assert "cdn.example" not in str(error)


@pytest.mark.parametrize("place", ["message", "api_error_code", "param"])
@given(st.text(st.characters(codec="utf-8"), max_size=2000))
def test_no_answer_can_forge_a_line_of_a_log(place, text):
    error = refused(400, {"message": "m", "api_error_code": "c", place: f"a{text}b"})
    said = str(error)
    assert len(said) < 1200
    assert len(said.splitlines()) == 1 and "\x1b" not in said and "\u202e" not in said


@pytest.mark.parametrize("payload", [NOT_JSON, None, [], {}, "x", 5, {"export": None}, {"export": [{}]}], ids=repr)
def test_a_success_without_the_object_is_an_outage_that_says_what_came(payload):
    error = refused(200, payload)
    assert isinstance(error, UnavailableError) and error.status == 200
    came = "but not with JSON" if payload is NOT_JSON else "with JSON that holds no export"
    assert str(error) == (
        f"Site acme-test answered 200 {came}. A proxy or gateway may have answered in Chargebee's place."
    )


@given(st.integers(100, 599), json_values, st.dictionaries(st.text(), st.text()))
def test_whatever_is_answered_is_an_object_or_one_of_our_errors(status, payload, headers):
    found = object_or_error(ApiAnswer.of(status, headers, payload))
    if isinstance(found, ChargebeeApiError):
        assert found.status == status
        assert str(found).startswith(("Site acme-test", "Chargebee refused", "The API key for site acme-test"))
    else:
        assert found == payload["export"]


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ('{"a": 1}', {"a": 1}),
        ("null", None),
        ("<html>", NOT_JSON),
        ("", NOT_JSON),
        ("[", NOT_JSON),
        ("[" * 200_000, NOT_JSON),
        ('{"a": ' + "9" * 5000 + "}", NOT_JSON),
    ],
    ids=["object", "null", "html", "empty", "cut", "deep", "long number"],
)
def test_a_body_that_is_not_json_is_told_apart(text, parsed):
    assert parse_json(text) == parsed


@given(json_values)
def test_a_time_is_a_ten_digit_number_or_nothing(value):
    read = read_instant(value)
    if read is None:
        assert isinstance(value, bool) or not (isinstance(value, int | float) and 10**9 <= value <= 10**10 - 1)
    else:
        assert read == datetime.fromtimestamp(math.floor(value), UTC)


@pytest.mark.parametrize("value", [10**18, -5, 0, float("nan"), float("inf"), True, "1795392000", None])
def test_what_is_no_time_of_chargebees(value):
    assert read_instant(value) is None


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(lambda value: value.replace(microsecond=0)))
def test_the_date_of_an_answer_is_the_servers_clock(at):
    aware = at.replace(tzinfo=UTC)
    assert ApiAnswer.of(200, {"DATE": format_datetime(aware, usegmt=True)}, None).date == aware


@given(st.text())
def test_any_other_date_is_no_clock(value):
    date = ApiAnswer.of(200, {"Date": value}, None).date
    assert date is None or date.tzinfo is UTC


def test_an_answer_shows_nothing_of_its_body():
    assert "s3cr3t" not in repr(ApiAnswer.of(200, {}, {"export": {"download": {"download_url": URL}}}))
