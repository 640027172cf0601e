"""The calls of exports: creating one, and retrieving one."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from .calls import Call
from .catalogue import CATALOGS, SINGULAR
from .errors import ApiError, wrong_value
from .faults import Target
from .filters import Selection, WrongValue, judge
from .jobs import COMPLETED, FAILED, IN_PROCESS, Export
from .knobs import Knobs
from .limits import too_many
from .state import Site, State
from .wire import json_answer

REPLAYED = "chargebee-idempotency-replayed"
_KEY = "chargebee-idempotency-key"
_ENTITY = "chargebee-business-entity-id"
_BUCKET = "chargebee-exports-simulator"


def entity_of(request: web.Request, knobs: Knobs) -> str | None:
    """Return the business entity that a call means; None for the whole site."""
    return None if knobs.ignore_business_entity else request.headers.get(_ENTITY)


class ExportCalls:
    """Answers /exports/<resource> and /exports/<id>."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def answer(self, request: web.Request, call: Call, target: Target, site: Site) -> web.Response:
        """Answer a call whose caller may make it. Raises ApiError."""
        # Jobs end here, before the request is looked at: from now on nothing awaits, so that two requests
        # at a time can neither take the same slot nor use the same idempotency key.
        await self._state.settle()
        name = call.name or ""
        export = self._state.jobs.get(site.name, name)
        if (request.method != "GET" and export) or (request.method != "POST" and name in SINGULAR):
            raise ApiError(405, f"The method {request.method} is not supported here")
        if name in SINGULAR:
            return self._create(request, call, target, site)
        if export is None:
            raise ApiError(404, f"{name} not found")
        return json_answer(200, {"export": self._shown(request, export)})

    def _create(self, request: web.Request, call: Call, target: Target, site: Site) -> web.Response:
        now, resource = self._state.clock.now(), call.name or ""
        key = request.headers.get(_KEY)
        if key:
            window = self._state.knobs.idempotency_window
            first = site.answers.replay(key, resource, call.fields, now, window)
            if first is not None:
                site.counts["replays"] += 1
                return json_answer(200, first, {REPLAYED: "true"})
        try:
            selection = judge(resource, call.fields)
        except WrongValue as error:
            raise wrong_value(error.param, str(error)) from None
        if self._state.knobs.ignore_filters:
            selection = selection.without_filters()
        self._check_catalog(resource)
        entity = entity_of(request, self._state.knobs)
        export = self._start(site, target, selection.of_entity(entity) if entity else selection)
        export.idempotency_key = key
        export.business_entity_id = request.headers.get(_ENTITY)
        body = json.dumps({"export": self._shown(request, export)}).encode()
        if key:
            site.answers.remember(key, resource, call.fields, body, now)
        return json_answer(200, body)

    def _check_catalog(self, resource: str) -> None:
        knobs = self._state.knobs
        is_of_other = any(resource in names for catalog, names in CATALOGS.items() if catalog != knobs.catalog)
        if knobs.refuse_other_catalog and is_of_other:
            raise ApiError(400, "This API operation is not enabled for this site", "configuration_incompatible")

    def _start(self, site: Site, target: Target, selection: Selection) -> Export:
        jobs, knobs = self._state.jobs, self._state.knobs
        running = jobs.in_process(site.name)
        if len(running) >= knobs.max_jobs:
            soonest = min(export.due_at for export in running) - self._state.clock.now()
            raise too_many("the API request limit has been reached", soonest, knobs.retry_after)
        ending = COMPLETED
        if self._state.faults.take("fail_job", target):
            ending = FAILED
        elif self._state.faults.take("hang_job", target):
            ending = IN_PROCESS
        export = jobs.start(site.name, target.resource or "", selection, ending)
        site.counts["created"] += 1
        site.most_in_process = max(site.most_in_process, len(running) + 1)
        return export

    def _shown(self, request: web.Request, export: Export) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": export.id,
            "operation_type": export.resource.replace("_", " ").title(),
            "mime_type": "zip",
            "status": export.status,
            "created_at": int(export.created_at + self._state.knobs.clock_skew),
            "object": "export",
        }
        if export.status == COMPLETED:
            shown["download"] = self._download(request, export)
        return shown

    def _download(self, request: web.Request, export: Export) -> dict[str, Any]:
        """Return a fresh download URL and how long it lives."""
        now, lifetime = self._state.clock.now(), self._state.knobs.url_ttl
        path = f"/{_BUCKET}/{export.site}/{export.id}/{export.resource}.zip"
        return {
            "download_url": f"{self._download_base(request)}{path}?{self._state.signer.query(path, now, lifetime)}",
            # In whole seconds, as the signature has it: the URL never dies before it says.
            "valid_till": int(now + self._state.knobs.clock_skew) + int(lifetime),
            "mime_type": "zip",
            "object": "download",
        }

    def _download_base(self, request: web.Request) -> str:
        """Return where the caller finds the download listener: on the host by which it found this one."""
        host = request.url.host or self._state.settings.host
        if host.partition(".")[0] in self._state.sites:
            host = self._state.settings.host
        return self._state.address(host, self._state.download_port)
