"""Buttons in the UI: the right address, or none; never an error."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators import links
from chargebee_operators.links import SITE, ChargebeeSiteLink, S3PartitionLink

KEY = SimpleNamespace(dag_id="d", task_id="t", run_id="r", try_number=1, map_index=-1)
BOTH = pytest.mark.parametrize("link", [ChargebeeSiteLink(), S3PartitionLink()], ids=lambda link: link.name)


@pytest.fixture
def returned(monkeypatch):
    """Let the task have returned something."""
    return lambda value, key="return_value": monkeypatch.setattr(
        links, "xcom_of", lambda ti_key, asked="return_value": value if asked == key else None
    )


@pytest.mark.parametrize(
    ("link", "result", "address"),
    [
        (ChargebeeSiteLink(), {"site": "acme-test"}, "https://acme-test.chargebee.com/"),
        (ChargebeeSiteLink(), {"site": "acme", "domain": "eu.example:8443"}, "https://acme.eu.example:8443/"),
        (ChargebeeSiteLink(), {"site": "acme", "domain": ""}, ""),
        (ChargebeeSiteLink(), {"site": "a/../b"}, "https://a%2F..%2Fb.chargebee.com/"),
        (
            S3PartitionLink(),
            {"console_url": "https://console.aws.amazon.com/s3/x"},
            "https://console.aws.amazon.com/s3/x",
        ),
        (S3PartitionLink(), {"console_url": ""}, ""),
    ],
)
def test_the_address(returned, link, result, address):
    returned(result)
    assert link.get_link(None, ti_key=KEY) == address


def test_a_task_that_waits_has_the_link_to_the_site_already(returned):
    returned({"site": "acme-test", "domain": "chargebee.com"}, key=SITE)
    assert ChargebeeSiteLink().get_link(None, ti_key=KEY) == "https://acme-test.chargebee.com/"
    assert S3PartitionLink().get_link(None, ti_key=KEY) == ""


@BOTH
@pytest.mark.parametrize("value", [None, "", [], 5, {}, {"site": None, "bucket": 5}, {"site": ["acme"]}], ids=repr)
def test_a_result_of_another_kind_makes_no_link(returned, link, value):
    returned(value)
    assert link.get_link(None, ti_key=KEY) == ""


@given(st.text(), st.text(min_size=1))
def test_no_domain_opens_anything_but_a_site_of_its_own(site, domain):
    url = urlsplit(ChargebeeSiteLink().address({"site": site, "domain": domain}))
    assert url.netloc.startswith(f"{quote(site, safe='')}.")
    assert (url.path, url.query, url.fragment) == ("/", "", "")


@given(st.text())
def test_no_site_leads_to_another_host(site):
    url = urlsplit(ChargebeeSiteLink().address({"site": site}))
    assert url.netloc.endswith(".chargebee.com")
    assert (url.path, url.query, url.fragment) == ("/", "", "")


@BOTH
def test_a_lookup_that_fails_makes_no_link_and_is_told_by_its_kind_alone(monkeypatch, caplog, link):
    def fail(ti_key, key=None):
        raise RuntimeError("postgresql://airflow:s3cr3t@db/")

    monkeypatch.setattr(links, "xcom_of", fail)
    with caplog.at_level(logging.DEBUG):
        assert link.get_link(None, ti_key=KEY) == ""
    assert "RuntimeError" in caplog.text
    assert "s3cr3t" not in caplog.text


@BOTH
def test_without_airflows_database_there_is_no_link(link):
    assert link.get_link(None, ti_key=KEY) == ""


def test_the_names_that_the_plugin_shows():
    assert (ChargebeeSiteLink.name, S3PartitionLink.name) == ("Chargebee", "S3 partition")
