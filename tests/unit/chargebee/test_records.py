"""Retrieving one record, as data."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.calls import NOT_JSON, ApiAnswer
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.records import NEEDS_PARENT, RETRIEVABLE, get_record_request, read_record
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.common.exceptions import (
    ChargebeeApiError,
    RequestRejectedError,
    SettingsError,
    UnavailableError,
)
from support.json_values import json_values

ACME = SiteSettings(site="acme-test", api_key="key", base_url="")
GONE = {"message": "x not found", "api_error_code": "resource_not_found"}


def read(payload: Any, status: int = 200, resource: str = "customers", record_id: str = "one") -> Any:
    return read_record(ACME, ApiAnswer.of(status, {}, payload), resource, record_id)


@pytest.mark.parametrize("resource", [name for name in RESOURCE_NAMES if get_resource(name).record])
def test_which_records_can_be_retrieved_is_what_the_sdk_says(resource):
    chargebee = pytest.importorskip("chargebee")
    kind = getattr(chargebee, "".join(part.title() for part in get_resource(resource).record.split("_")))
    assert f'uri_path("{resource}", id)' in inspect.getsource(kind.retrieve)
    params = inspect.signature(kind.retrieve).parameters.get("params")
    needs_more = params is not None and params.default is inspect.Parameter.empty
    assert (resource in RETRIEVABLE, resource in NEEDS_PARENT) == (not needs_more, needs_more)
    if needs_more:
        assert re.search(rf"{NEEDS_PARENT[resource]}: Required", inspect.getsource(kind.RetrieveParams))


def test_the_revenue_reports_hold_no_records():
    assert not {"deferred_revenue", "revenue_recognition"} & {*RETRIEVABLE, *NEEDS_PARENT}


def test_the_request_for_a_record():
    request = get_record_request(ACME, "customers", "a b/ü", business_entity_id="e")
    assert (request.method, request.target, request.body) == ("GET", "/customers/a%20b%2F%C3%BC", b"")
    assert request.headers == {"chargebee-business-entity-id": "e"}


@pytest.mark.parametrize(("resource", "parent"), NEEDS_PARENT.items())
def test_some_records_need_a_second_id(resource, parent):
    assert get_record_request(ACME, resource, "x", parent_id="p&q").target == f"/{resource}/x?{parent}=p%26q"
    with pytest.raises(SettingsError, match=f"{resource} can't be retrieved by its id, only with its {parent}"):
        get_record_request(ACME, resource, "x")


@given(st.text(min_size=1))
def test_no_id_leads_anywhere_else(record_id):
    try:
        path = get_record_request(ACME, "customers", record_id).path
    except UnicodeEncodeError:
        assert not record_id.isprintable()
        return
    _, resource, name = path.split("/")
    assert resource == "customers" and name not in ("", ".", "..") and "?" not in name and "#" not in name


@pytest.mark.parametrize(
    ("resource", "record_id"), [("deferred_revenue", "x"), ("customer", "x"), ("customers", ""), ("customers", None)]
)
def test_what_can_not_be_retrieved_is_not_sent(resource, record_id):
    with pytest.raises(SettingsError):
        get_record_request(ACME, resource, record_id)


def test_a_record_is_returned_as_it_is():
    record = {"id": "one", "updated_at": 1795392000, "cf_x": [1]}
    assert read({"customer": record}) == record
    assert read({"subscription": {"id": "one"}, "customer": {"id": "c"}}, resource="subscriptions") == {"id": "one"}


def test_a_record_that_does_not_exist_is_none():
    assert read(GONE, 404) is None


@pytest.mark.parametrize("payload", [NOT_JSON, {"message": "x", "api_error_code": "site_not_found"}], ids=repr)
def test_another_404_is_not_taken_for_a_record_that_does_not_exist(payload):
    with pytest.raises(RequestRejectedError):
        read(payload, 404)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"customer": {"id": "two"}}, "for customer 'one' with another customer"),
        ({"customer": {}}, "for customer 'one' with another customer"),
        ({"customer": {"id": ["one"]}}, "for customer 'one' with another customer"),
        ({"invoice": {"id": "one"}}, "with JSON that holds no customer"),
        ({"list": [{"customer": {"id": "one"}}]}, "with JSON that holds no customer"),
    ],
    ids=str,
)
def test_an_answer_for_another_record_is_refused(payload, sentence):
    with pytest.raises(UnavailableError, match=sentence):
        read(payload)


@given(st.integers(100, 599), st.dictionaries(st.sampled_from(["customer", "list", "api_error_code"]), json_values))
def test_whatever_is_answered_is_the_record_or_one_of_our_errors(status, payload):
    try:
        found = read(payload, status)
    except ChargebeeApiError:
        return
    assert found["id"] == "one" if found is not None else status == 404
