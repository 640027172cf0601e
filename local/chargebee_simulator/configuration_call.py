"""The call that tells how a site is set up: GET /configurations."""

from __future__ import annotations

from aiohttp import web

from .errors import ApiError
from .knobs import Knobs
from .state import Site
from .wire import json_answer


def configurations_answer(method: str, site: Site, knobs: Knobs) -> web.Response:
    """Answer with the Product Catalog of each site of the account: the site, and its live or test site. Raises ApiError."""
    if method != "GET":
        raise ApiError(405, f"The method {method} is not supported here")
    live = site.name.removesuffix("-test")
    sister = f"{live}-test" if live == site.name else live
    # A site of its own, so it may have the other catalog.
    catalogs = {sister: "v1" if knobs.catalog == "v2" else "v2", site.name: knobs.catalog}
    shown = [
        {"domain": domain, "product_catalog_version": catalog, "object": "configuration"}
        for domain, catalog in catalogs.items()
    ]
    return json_answer(200, {"configurations": shown})
