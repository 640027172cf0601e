"""What is found out about the Chargebee site itself: its key, its clock, its Product Catalog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_1, PRODUCT_CATALOG_2, get_resource
from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.common.foreign_text import listed
from chargebee_operators.doctor.findings import Report
from chargebee_operators.hooks import ChargebeeHook

# Seconds that two clocks may differ.
_SKEW = 30


def check_connection(hook: ChargebeeHook, resources: Sequence[str], report: Report) -> bool:
    """Find out whether the site accepts the key, which Product Catalog it has, and how its clock differs.

    :param resources: names of those that are exported; each must be in the site's Product Catalog.
    :return: whether the key is accepted.
    """
    settings = hook.settings
    host = urlsplit(settings.base_url).hostname or ""
    report.facts["connection"] = {
        "site": settings.site,
        "domain": settings.domain,
        "host": host,
        "endpoint_is_overridden": settings.custom_endpoint,
        "business_entity_id": settings.business_entity_id,
    }
    accepted, says = hook.test_connection()
    if not accepted:
        report.wrong("connection", says, f"Correct the connection {hook.chargebee_conn_id!r}.")
        return False
    report.ok("connection", f"{says}. Its API is at {host}.")
    if settings.custom_endpoint:
        report.attention(
            "connection",
            "The connection's host leads to another endpoint than Chargebee's own, so this report is about that one.",
            "Leave the host empty for the real site.",
        )
    _check_catalog(hook, resources, report)
    _check_clock(hook, report)
    return True


def _check_catalog(hook: ChargebeeHook, resources: Sequence[str], report: Report) -> None:
    try:
        catalog = hook.product_catalog()
    except ChargebeeExportError as error:
        report.attention("connection", f"The site's Product Catalog is not known: {error}")
        return
    report.facts["connection"]["product_catalog"] = catalog
    if catalog is None:
        report.attention("connection", "Chargebee does not say which Product Catalog the site has.")
        return
    report.ok("connection", f"The site has Product Catalog {catalog}.")
    others = [each for each in resources if get_resource(each).catalog not in ("", catalog)]
    if not others:
        return
    right = PRODUCT_CATALOG_1 if catalog == "1.0" else PRODUCT_CATALOG_2
    report.wrong(
        "connection",
        f"These exports belong to another Product Catalog than the site's {catalog}: {listed(others)}.",
        "Export the resources of the site's own catalog. The settings at the end name them. Give the same list to the doctor, as "
        "resource_names.",
    )
    report.settings += ["resources=[", *(f'    "{each}",' for each in right), "],"]


def _check_clock(hook: ChargebeeHook, report: Report) -> None:
    theirs = hook.chargebee_time()
    if theirs is None:
        return
    ahead = (datetime.now(UTC) - theirs).total_seconds()
    report.facts["connection"]["clock_ahead_seconds"] = round(ahead)
    if abs(ahead) > _SKEW:
        report.attention(
            "connection",
            f"This machine's clock is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} Chargebee's.",
            "Synchronize the clock of the workers (NTP).",
        )
    else:
        report.ok("connection", "The clocks of Chargebee and of this machine agree.")
