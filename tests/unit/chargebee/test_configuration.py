"""Which Product Catalog a site has, among the configurations of its account."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from chargebee_operators.chargebee.calls import ApiAnswer
from chargebee_operators.chargebee.configuration import read_product_catalog
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import UnavailableError
from support.json_values import json_values

ACME = SiteSettings(site="Acme-test", api_key="k", base_url="https://acme-test.chargebee.com/api/v2")


def catalog_of(*configurations: Any) -> str | None:
    return read_product_catalog(ACME, ApiAnswer(200, {}, {"configurations": list(configurations)}))


def of(domain: Any, version: Any) -> dict[str, Any]:
    return {"domain": domain, "product_catalog_version": version, "object": "configuration"}


@pytest.mark.parametrize("order", [1, -1])
def test_of_an_accounts_sites_it_is_the_connections_own(order):
    live, test = of("acme", "v1"), of("acme-TEST", "v2")
    assert catalog_of(*[live, test][::order]) == "2.0"


@pytest.mark.parametrize(
    ("configurations", "version"),
    [
        ([], None),
        ([of("acme", "v1")], "1.0"),
        ([of("acme", "v2"), of("acme-eu", "v2"), {}], None),
        ([of("acme", "v2"), of("acme-eu", "v2")], "2.0"),
        ([of("acme", "v2"), of("acme-eu", "v1")], None),
        ([of("acme-test", "v3"), of("acme", "v2")], None),
        ([of(None, "v2"), "configuration"], "2.0"),
    ],
)
def test_where_none_names_the_site_it_is_what_all_have(configurations, version):
    assert catalog_of(*configurations) == version


@given(json_values)
def test_whatever_chargebee_answers_it_is_a_catalog_or_an_error(payload):
    try:
        assert read_product_catalog(ACME, ApiAnswer(200, {}, payload)) in (None, "1.0", "2.0")
    except UnavailableError:
        return
    assert read_product_catalog(ACME, ApiAnswer(200, {}, {"configurations": [payload]})) in (None, "1.0", "2.0")
