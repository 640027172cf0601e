"""The calls of the Exports API as data: what leaves, and what each answer is taken for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.api import (
    Export,
    ExportStatus,
    create_export_request,
    get_export_request,
    read_export,
)
from chargebee_operators.chargebee.calls import NOT_JSON, ApiAnswer
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import (
    ChargebeeApiError,
    RequestRejectedError,
    SettingsError,
    UnavailableError,
)
from support.json_values import json_values

KEY = "test_Key0123456789"
ACME = SiteSettings(site="acme-test", api_key=KEY, base_url="https://acme-test.chargebee.com/api/v2")
URL = "https://cdn.example/export.zip?signature=s3cr3t"
EXPORT = {"id": "AbC123", "status": "in_process", "created_at": 1795392000, "object": "export"}
DOWNLOAD = {"download_url": URL, "valid_till": 1795406400, "mime_type": "zip"}
COMPLETED = {**EXPORT, "status": "completed", "download": DOWNLOAD}


def read(payload: Any, status: int = 200, export_id: str | None = None, **headers: str) -> Export:
    return read_export(ACME, ApiAnswer.of(status, headers, payload), export_id)


def export_or_error(payload: Any, status: int, export_id: str | None) -> Export | ChargebeeApiError:
    try:
        return read(payload, status, export_id)
    except ChargebeeApiError as error:
        return error


def test_the_request_for_an_export():
    fields = (("customer[id][is]", "ü &"), ("customer[updated_at][between]", "[1,2]"))
    request = create_export_request(ACME, "customers", fields, idempotency_key="k", business_entity_id="e")
    assert (request.method, request.target, request.fields) == ("POST", "/exports/customers", fields)
    body = b"customer%5Bid%5D%5Bis%5D=%C3%BC+%26&customer%5Bupdated_at%5D%5Bbetween%5D=%5B1%2C2%5D"
    assert request.body == body
    assert request.headers == {"chargebee-idempotency-key": "k", "chargebee-business-entity-id": "e"}


def test_the_request_for_a_look():
    request = get_export_request(ACME, "AbC_-9")
    assert (request.method, request.target, request.body, request.headers) == ("GET", "/exports/AbC_-9", b"", {})


@pytest.mark.parametrize("export_id", ["", "a/b", "../x", "a b", "a\n", "x" * 51, None, 5.5])
def test_what_is_no_export_id_is_not_sent(export_id):
    with pytest.raises(SettingsError, match="is not an id of a Chargebee export: pass the record") as caught:
        get_export_request(ACME, export_id)
    assert repr(export_id) in str(caught.value)


def test_a_business_entity_with_a_line_break_is_refused_before_either_call():
    for build in (
        lambda: create_export_request(ACME, "customers", (), idempotency_key="k", business_entity_id="a\nb"),
        lambda: get_export_request(ACME, "AbC", "a\nb"),
    ):
        with pytest.raises(SettingsError, match=r"business_entity_id is 'a\\nb': give the entity's id"):
            build()


def test_an_export_in_process():
    export = read({"export": EXPORT})
    assert (export.id, export.status, export.replayed) == ("AbC123", ExportStatus.IN_PROCESS, False)
    assert export.created_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert (export.download_url, export.valid_till) == (None, None)


def test_a_completed_export_keeps_its_url_out_of_repr():
    export = read({"export": COMPLETED})
    assert (export.download_url, export.valid_till) == (URL, datetime(2026, 11, 23, 4, tzinfo=UTC))
    assert "s3cr3t" not in repr(export)


@pytest.mark.parametrize("name", ["chargebee-idempotency-replayed", "Chargebee-Idempotency-Replayed"])
@pytest.mark.parametrize(("value", "replayed"), [("true", True), ("True", True), ("false", False)])
def test_a_replayed_answer_is_told_apart(name, value, replayed):
    assert read({"export": EXPORT}, **{name: value}).replayed is replayed


def test_the_age_of_an_export_is_by_chargebees_clock():
    export = read({"export": EXPORT}, Date="Mon, 23 Nov 2026 00:10:00 GMT")
    assert (export.answered_at, export.age) == (datetime(2026, 11, 23, 0, 10, tzinfo=UTC), 600)


def test_without_chargebees_clock_the_age_is_by_our_own(monkeypatch):
    monkeypatch.setattr("time.time", lambda: EXPORT["created_at"] + 77.0)
    assert read({"export": EXPORT}).age == 77
    monkeypatch.setattr("time.time", lambda: EXPORT["created_at"] - 77.0)
    assert read({"export": EXPORT}).age == 0


def test_an_answer_for_another_export_is_refused():
    assert read({"export": EXPORT}, export_id="AbC123").id == "AbC123"
    with pytest.raises(UnavailableError, match="answered 200 for export XyZ with another export, AbC123"):
        read({"export": EXPORT}, export_id="XyZ")


def test_an_export_that_chargebee_no_longer_has_says_what_to_clear():
    gone = {"message": "AbC123 not found", "api_error_code": "resource_not_found"}
    with pytest.raises(RequestRejectedError, match=r"has no export AbC123 .404.: clear the start task") as caught:
        read(gone, 404, export_id="AbC123")
    assert (caught.value.status, caught.value.code) == (404, "resource_not_found")
    with pytest.raises(RequestRejectedError) as caught:
        read(gone, 404)
    assert "clear the start task" not in str(caught.value)
    with pytest.raises(RequestRejectedError, match="check the connection's host") as caught:
        read(NOT_JSON, 404, export_id="AbC123")
    assert "clear the start task" not in str(caught.value)


@pytest.mark.parametrize(
    ("export", "sentence"),
    [
        ({**EXPORT, "id": None}, "an export that has an id that is not one of an export"),
        ({**EXPORT, "id": 7}, "an id that is not one of an export"),
        ({**EXPORT, "id": "a/b"}, "an id that is not one of an export"),
        ({"status": "completed"}, "an id that is not one of an export"),
        ({**EXPORT, "created_at": "soon"}, "a created_at that is not a time in epoch seconds"),
        ({**EXPORT, "created_at": 10**18}, "a created_at that is not a time in epoch seconds"),
        ({**EXPORT, "created_at": 10**30}, "a created_at that is not a time in epoch seconds"),
        ({**EXPORT, "created_at": 1795392000000}, "a created_at that is not a time in epoch seconds"),
        ({**EXPORT, "created_at": None}, "a created_at that is not a time in epoch seconds"),
        ({**EXPORT, "created_at": True}, "a created_at that is not a time in epoch seconds"),
        ({**COMPLETED, "status": "paused"}, "a status that is not known: 'paused'"),
        ({**COMPLETED, "status": URL}, "a status that is not known: not one word"),
        ({**COMPLETED, "status": ["completed"]}, "a status that is not known: not one word"),
        ({**EXPORT, "status": "completed"}, "the status completed, but no download"),
        ({**COMPLETED, "download": None}, "the status completed, but no download"),
        ({**COMPLETED, "download": URL}, "the status completed, but no download"),
        ({**COMPLETED, "download": [URL]}, "the status completed, but no download"),
        ({**COMPLETED, "download": {}}, "a download_url that is no address"),
        ({**COMPLETED, "download": {"download_url": [URL]}}, "a download_url that is no address"),
        ({**COMPLETED, "download": {"download_url": 5}}, "a download_url that is no address"),
        ({**COMPLETED, "download": {"download_url": "/export.zip?signature=s3cr3t"}}, "that is no address"),
    ],
    ids=str,
)
def test_a_bad_export_is_an_outage_that_names_its_part_and_quotes_nothing(export, sentence):
    with pytest.raises(UnavailableError) as caught:
        read({"export": export})
    assert str(caught.value).startswith("Site acme-test answered 200 with an export that has ")
    assert sentence in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("valid_till", [None, 10**18, -1, "soon", [], float("nan")], ids=str)
def test_a_strange_valid_till_keeps_no_export_from_being_fetched(valid_till):
    export = read({"export": {**COMPLETED, "download": {**DOWNLOAD, "valid_till": valid_till}}})
    assert (export.download_url, export.valid_till) == (URL, None)


@given(
    st.integers(100, 599),
    st.fixed_dictionaries({}, optional={name: json_values | st.just(value) for name, value in COMPLETED.items()}),
    st.fixed_dictionaries({}, optional={name: json_values | st.just(value) for name, value in DOWNLOAD.items()}),
    st.sampled_from([None, "AbC123", "XyZ"]),
)
def test_whatever_is_answered_is_a_whole_export_or_one_of_our_errors(status, export, download, export_id):
    for body in (export, {"export": export}, {"export": {**export, "download": download}}, [export]):
        found = export_or_error(body, status, export_id)
        if isinstance(found, ChargebeeApiError):
            assert URL not in str(found)
            continue
        assert 200 <= status < 300
        assert found.id == export["id"] and export_id in (None, found.id)
        assert found.status == export["status"]
        assert found.created_at.timestamp() == int(export["created_at"])
        assert isinstance(found.download_url, str) is (found.status is ExportStatus.COMPLETED)
