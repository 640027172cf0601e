"""The call that tells how a site is set up: GET /configurations."""

from __future__ import annotations

from aiohttp import web

from .errors import ApiError
from .knobs import Knobs
from .state import Site
from .wire import json_answer


def configurations_answer(method: str, site: Site, knobs: Knobs) -> web.Response:
    """Answer with the site's Product Catalog. Raises ApiError."""
    if method != "GET":
        raise ApiError(405, f"The method {method} is not supported here")
    shown = {"domain": site.name, "product_catalog_version": knobs.catalog, "object": "configuration"}
    return json_answer(200, {"configurations": [shown]})
