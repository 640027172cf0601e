"""How a site is set up, as Chargebee's API reports it. Pure.

Source: ``Configuration.list`` of the official SDK (chargebee 3.29), and Chargebee's answer to "How can I check if my site is
on PC 1.0 or PC 2.0?" in its documentation. The list has a configuration for each of the account's sites, such as its live and
its test site, so singer-io/tap-chargebee looks for the one whose ``domain`` is the site's name, in any case.
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

    If no configuration names the site, but all have the same catalog, it is that one.

    :raises ChargebeeApiError: one of its children, for everything but a 2xx with a list of configurations.
    """
    payload = success(settings, answer)
    found = payload.get("configurations") if isinstance(payload, Mapping) else None
    if not isinstance(found, list):
        raise unusable(settings, answer, "with JSON that holds no configurations.")
    configurations = [each for each in found if isinstance(each, Mapping)]
    own = [each for each in configurations if str(each.get("domain")).lower() == settings.site.lower()]
    versions = {str(each.get("product_catalog_version")) for each in own or configurations}
    return _CATALOGS.get(versions.pop()) if len(versions) == 1 else None
