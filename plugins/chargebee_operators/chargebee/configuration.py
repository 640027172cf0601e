"""How a site is set up, as Chargebee's API reports it. Pure.

Source: ``Configuration.list`` of the official SDK (chargebee 3.29), and Chargebee's answer to "How can I check if my site is
on PC 1.0 or PC 2.0?" in its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping

from chargebee_operators.chargebee.calls import ApiAnswer, ApiRequest, success, unusable
from chargebee_operators.chargebee.connection import SiteSettings

# What the API calls a Product Catalog -> its version in the documentation.
_CATALOGS = {"v1": "1.0", "v2": "2.0"}


def configuration_request() -> ApiRequest:
    """Build the GET of the site's configuration."""
    return ApiRequest("GET", "/configurations")


def read_product_catalog(settings: SiteSettings, answer: ApiAnswer) -> str | None:
    """Return the version of the site's Product Catalog, ``1.0`` or ``2.0``; None when the answer does not say it.

    :raises ChargebeeApiError: one of its children, for everything but a 2xx with a list of configurations.
    """
    payload = success(settings, answer)
    found = payload.get("configurations") if isinstance(payload, Mapping) else None
    if not isinstance(found, list):
        raise unusable(settings, answer, "with JSON that holds no configurations.")
    named = (each.get("product_catalog_version") for each in found if isinstance(each, Mapping))
    return next((_CATALOGS[each] for each in named if isinstance(each, str) and each in _CATALOGS), None)
