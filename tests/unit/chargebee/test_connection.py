"""What is read from a connection, in every form that Airflow stores one in."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators import ChargebeeHook
from chargebee_operators.chargebee.connection import SiteSettings, settings_from_connection
from chargebee_operators.common.exceptions import SettingsError

KEY = "test_Key0123456789"
SITES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}", fullmatch=True)
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
NUMBERS = st.floats(0.01, 10_000)


def read(**changes: Any) -> SiteSettings:
    """Read a connection with these fields, as Airflow hands it over."""
    fields: dict[str, Any] = {"login": "acme-test", "password": KEY, "host": None, "schema": None, "port": None}
    extra = changes.pop("extra", None)
    extra = extra if isinstance(extra, str | None) else json.dumps(extra)
    return settings_from_connection(SimpleNamespace(conn_id="chargebee_acme", extra=extra, **{**fields, **changes}))


def through_airflow(stored: str) -> SiteSettings:
    """Read a connection out of the environment, by way of Airflow's own lookup."""
    with mock.patch.dict(os.environ, AIRFLOW_CONN_CHARGEBEE_ACME=stored):
        return ChargebeeHook("chargebee_acme").settings


@given(SITES, KEYS, NUMBERS, st.sampled_from(["generic", "http", "chargebee"]))
@settings(max_examples=50)
def test_the_json_and_the_uri_form_say_the_same(site, key, seconds, kind):
    extra = {"read_timeout": seconds, "ca_bundle": "/etc/ca & co.pem", "allowed_download_hosts": ["a.com", "b.com"]}
    as_json = {"conn_type": kind, "login": site, "password": key, "extra": extra}
    as_uri = f"{kind}://{site}:{quote(key, safe='')}@/?{urlencode({'__extra__': json.dumps(extra)})}"
    expected = SiteSettings(
        site=site,
        api_key=key,
        base_url=f"https://{site}.chargebee.com/api/v2",
        read_timeout=seconds,
        ca_bundle="/etc/ca & co.pem",
        allowed_download_hosts=("a.com", "b.com"),
    )
    assert through_airflow(json.dumps(as_json)) == expected
    assert through_airflow(as_uri) == expected


@pytest.mark.parametrize("kind", ["generic", "http"])
def test_the_fields_of_the_form_one_by_one(kind):
    from airflow.models import Connection

    fields = {"login": " acme-test ", "password": KEY, "host": "", "schema": "", "extra": '{"read_timeout": 5}'}
    found = settings_from_connection(Connection(conn_id="chargebee_acme", conn_type=kind, **fields))
    assert (found.site, found.api_key, found.read_timeout) == ("acme-test", KEY, 5.0)
    assert found.base_url == "https://acme-test.chargebee.com/api/v2"


def test_extras_of_a_uri_may_be_plain_parameters():
    found = through_airflow(f"generic://acme:{KEY}@/?poll_interval=20&allowed_download_hosts=a.com,B.com")
    assert (found.poll_interval, found.allowed_download_hosts) == (20.0, ("a.com", "b.com"))


def test_an_extra_may_be_a_text_within_the_json():
    stored = {"conn_type": "http", "login": "acme", "password": KEY, "extra": '{"domain": "chargebee.example"}'}
    assert through_airflow(json.dumps(stored)).base_url == "https://acme.chargebee.example/api/v2"


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        (f"generic://acme:{KEY}@127.0.0.1:8090/http", "http://127.0.0.1:8090/api/v2"),
        (f"generic://acme:{KEY}@proxy.example/https", "https://proxy.example/api/v2"),
        (f"generic://acme:{KEY}@proxy.example", "https://proxy.example/api/v2"),
        (f"generic://acme:{KEY}@http%3A%2F%2F127.0.0.1:8090/", "http://127.0.0.1:8090/api/v2"),
    ],
)
def test_a_uri_may_name_another_endpoint(uri, address):
    found = through_airflow(uri)
    assert (found.base_url, found.custom_endpoint) == (address, True)


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"host": "http://127.0.0.1:8090"}, "http://127.0.0.1:8090/api/v2"),
        ({"host": "http://127.0.0.1:8090/"}, "http://127.0.0.1:8090/api/v2"),
        ({"host": "http://127.0.0.1:8090/acme/api/v2/"}, "http://127.0.0.1:8090/acme/api/v2"),
        ({"host": "http://127.0.0.1", "port": 8090}, "http://127.0.0.1:8090/api/v2"),
        ({"host": "http://127.0.0.1:8090", "port": 1}, "http://127.0.0.1:8090/api/v2"),
        ({"host": "127.0.0.1:8090", "schema": "http"}, "http://127.0.0.1:8090/api/v2"),
        ({"host": "127.0.0.1:8090", "schema": "public"}, "https://127.0.0.1:8090/api/v2"),
        ({"host": "[::1]:8090"}, "https://[::1]:8090/api/v2"),
    ],
)
def test_the_host_stands_for_the_whole_endpoint(fields, address):
    found = read(**fields)
    assert (found.base_url, found.custom_endpoint) == (address, True)


def test_a_site_behind_another_endpoint_has_the_domain_that_the_extra_names_or_none():
    host = "http://127.0.0.1:8090"
    assert (read(host=host).domain, read(host=host, extra={"domain": "chargebee.com"}).domain) == ("", "chargebee.com")


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_without_a_host_it_is_chargebee_itself(empty):
    found = read(host=empty, schema="http", port=80)
    assert (found.base_url, found.custom_endpoint) == ("https://acme-test.chargebee.com/api/v2", False)


@pytest.mark.parametrize("host", ["acme-test.chargebee.com", "https://acme-test.chargebee.com/api/v2/"])
def test_chargebee_s_own_address_as_host_is_chargebee_itself(host):
    assert read(host=host) == read()


def test_every_extra_is_read():
    extra = {
        "connect_timeout": 1,
        "read_timeout": "2.5",
        "poll_interval": 30,
        "max_poll_interval": 300,
        "business_entity_id": " entity ",
        "ca_bundle": "/ca.pem",
        "domain": "eu.chargebee.example",
        "window_timezone": " America/New_York ",
        "allowed_download_hosts": "A.com, b.com,",
    }
    assert read(extra=extra) == SiteSettings(
        site="acme-test",
        api_key=KEY,
        base_url="https://acme-test.eu.chargebee.example/api/v2",
        connect_timeout=1.0,
        read_timeout=2.5,
        ca_bundle="/ca.pem",
        business_entity_id="entity",
        poll_interval=30.0,
        max_poll_interval=300.0,
        allowed_download_hosts=("a.com", "b.com"),
        domain="eu.chargebee.example",
        window_timezone="America/New_York",
    )


@pytest.mark.parametrize(
    "extra", [None, "", "{}", {"ca_bundle": "", "window_timezone": " ", "business_entity_id": None}]
)
def test_without_extras_the_defaults_hold(extra):
    found = read(extra=extra)
    assert (found.connect_timeout, found.read_timeout, found.poll_interval, found.max_poll_interval) == (10, 60, 10, 60)
    assert (found.ca_bundle, found.business_entity_id, found.allowed_download_hosts) == (None, None, ())
    assert found.window_timezone is None


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"login": None}, ["has no login", "the Chargebee site's name", "'acme-test'"]),
        ({"login": "acme.test"}, ["login 'acme.test' is not a site's name", "Give only the name"]),
        ({"login": "https://acme.chargebee.com"}, ["'https://acme.chargebee.com'", "without https://"]),
        ({"password": " "}, ["has no password", "put a Chargebee API key there"]),
        ({"password": "***"}, ["shows in place of the stored API key", "trigger chargebee_doctor to test it"]),
        ({"password": "schlüssel"}, ["password is not a Chargebee API key", "non-ASCII"]),
        ({"host": "ftp://x"}, ["host 'ftp://x' is not an address", "Leave it empty", "http://127.0.0.1:8090"]),
        ({"host": "http://x:port"}, ["host 'http://x:port' is not an address"]),
        ({"host": "http://[::1"}, ["host 'http://[::1' is not an address"]),
        ({"host": "http://x/?a=b"}, ["is not an address"]),
        ({"host": "http://x/#a"}, ["is not an address"]),
        ({"host": "https://"}, ["is not an address"]),
        ({"extra": "not JSON"}, ["extra is not a JSON object", "Leave it empty"]),
        ({"extra": [1]}, ["extra is not a JSON object"]),
        ({"extra": {"read_timeout": "soon"}}, ["extra read_timeout is 'soon'", "give seconds above 0"]),
        ({"extra": {"connect_timeout": 0}}, ["extra connect_timeout is 0"]),
        ({"extra": {"poll_interval": "nan"}}, ["extra poll_interval is 'nan'"]),
        ({"extra": {"max_poll_interval": "inf"}}, ["extra max_poll_interval is 'inf'"]),
        (
            {"extra": {"window_timezone": "New York"}},
            ["extra window_timezone 'New York' is not known", "give an IANA name, for example 'Europe/Berlin'"],
        ),
        ({"extra": {"window_timezone": -5}}, ["extra window_timezone is -5", "give a text"]),
        ({"extra": {"ca_bundle": 1}}, ["extra ca_bundle is 1", "give a text"]),
        ({"extra": {"domain": "https://chargebee.com"}}, ["extra domain is 'https://chargebee.com'", "bare domain"]),
        ({"extra": {"domain": "chargebee.com/api"}}, ["extra domain", "bare domain"]),
        ({"extra": {"allowed_download_hosts": {"a": 1}}}, ["allowed_download_hosts", "give a list of host names"]),
        ({"extra": {"allowed_download_hosts": [1]}}, ["allowed_download_hosts is [1]"]),
        *(
            (
                {"extra": {"allowed_download_hosts": ["ok.com", host]}},
                ["allowed_download_hosts has", host, "bare names"],
            )
            for host in (
                *("*.amazonaws.com", ".amazonaws.com", "amazonaws.com.", "https://a.com", "a.com/b", "a.com:443"),
                *("::1", "münchen.de", "a b"),
            )
        ),
    ],
    ids=str,
)
def test_a_wrong_connection_names_itself_the_field_the_value_and_the_mend(fields, parts):
    with pytest.raises(SettingsError) as caught:
        read(**fields)
    assert all(part in str(caught.value) for part in ["Connection 'chargebee_acme'", *parts]), caught.value


@pytest.mark.parametrize(
    "fields",
    [
        {"login": KEY, "password": "acme-test"},
        {"login": f"https://{KEY}:@acme.chargebee.com"},
        {"host": f"https://{KEY}:@acme.chargebee.com"},
        {"host": f"https://{KEY}@acme.chargebee.com:x"},
    ],
    ids=["swapped", "login", "host", "host with a bad port"],
)
def test_a_key_in_the_wrong_field_is_not_quoted(fields):
    with pytest.raises(SettingsError, match="Connection 'chargebee_acme'") as caught:
        read(**fields)
    assert KEY not in str(caught.value)


def test_the_key_is_the_user_name_and_in_no_repr():
    found = read()
    assert b64decode(found.authorization.removeprefix("Basic ")).decode() == f"{KEY}:"
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    "host", ["amazonaws.com", "s3", "my_bucket.s3.eu-central-1.amazonaws.com", "10.0.0.9", "[::1]"]
)
def test_hosts_to_download_from_are_bare_names_and_addresses(host):
    assert read(extra={"allowed_download_hosts": [host]}).allowed_download_hosts == (host,)


@pytest.mark.parametrize(
    ("host", "wanted", "interval"),
    [
        (None, None, 10),
        (None, 1, 10),
        (None, 30, 30),
        ("http://127.0.0.1:1", None, 2),
        ("http://127.0.0.1:1", 0.1, 0.1),
    ],
)
def test_chargebee_itself_is_looked_at_every_ten_seconds_at_most(host, wanted, interval):
    assert read(host=host, extra={"poll_interval": 2}).checked_poll_interval(wanted) == interval
