"""The API listener: creating and retrieving exports."""

from __future__ import annotations

import json
import math
from typing import Any

from aiohttp import web

from .calls import Call
from .catalogue import SINGULAR
from .errors import ApiError
from .faults import API, Fault, Target
from .filters import Selection, WrongValue, judge
from .jobs import COMPLETED, FAILED, IN_PROCESS, Export
from .state import Site, State
from .wire import delay, hang_up, is_gone, json_answer, redirection

_KEY = "chargebee-idempotency-key"
_REPLAYED = "chargebee-idempotency-replayed"
_ENTITY = "chargebee-business-entity-id"
_NOT_FOUND = "Sorry, we couldn't find that resource"
_BUCKET = "chargebee-exports-simulator"


class Api:
    """Answers everything under /api/v2."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and write it down."""
        call = await Call.of(request)
        site = self._site(call)
        target = Target(API, request.method, site.name if site else None, self._resource(site, call.name))
        entry = self._state.journal.open(request, target, self._state.clock.now(), body=call.body, fields=call.fields)
        answer = await self._with_faults(request, call, target, site)
        entry["status"] = None if is_gone(request) else answer.status
        entry["replayed"] = _REPLAYED in answer.headers
        if site and answer.status == 429:
            site.counts["refused_429"] += 1
        return answer

    async def _with_faults(
        self, request: web.Request, call: Call, target: Target, site: Site | None
    ) -> web.StreamResponse:
        faults = self._state.faults
        await delay(faults.take("slow", target), self._state.stopping)
        if faults.take("drop_before", target):
            return hang_up(request)
        if fault := faults.take("status", target):
            return _asked_for(fault)
        if fault := faults.take("redirect", target):
            return redirection(request, fault)
        try:
            answer = await self._answer(request, call, target, site)
        except ApiError as error:
            answer = json_answer(error.status, error.envelope(), error.headers)
        await delay(faults.take("slow_after", target), self._state.stopping)
        return hang_up(request) if faults.take("drop_after", target) else answer

    async def _answer(self, request: web.Request, call: Call, target: Target, site: Site | None) -> web.Response:
        if not call.known:
            raise ApiError(404, _NOT_FOUND)
        if site is None:
            raise ApiError(404, "There is no such site", "site_not_found")
        if call.key not in site.keys or call.password:
            raise ApiError(401, "Sorry, authentication failed. Invalid api key")
        if wait := site.rate.admit(self._state.clock.now(), self._state.knobs.rate_limit):
            raise self._too_many("Sorry, you have made too many requests in a minute", wait)
        if call.name is None:
            raise ApiError(404, _NOT_FOUND)
        if not site.keys[call.key]:
            raise ApiError(403, "The API key is not permitted to carry out this operation")
        # Jobs end here, before the request is looked at: from now on nothing awaits, so that two requests
        # at a time can neither take the same slot nor use the same idempotency key.
        await self._state.settle()
        export = self._state.jobs.get(site.name, call.name)
        if (request.method != "GET" and export) or (request.method != "POST" and call.name in SINGULAR):
            raise ApiError(405, f"The method {request.method} is not supported here")
        if call.name in SINGULAR:
            return self._create(request, call, target, site)
        if export is None:
            raise ApiError(404, f"{call.name} not found")
        return json_answer(200, {"export": self._shown(request, export)})

    def _create(self, request: web.Request, call: Call, target: Target, site: Site) -> web.Response:
        now, resource = self._state.clock.now(), call.name or ""
        key = request.headers.get(_KEY)
        if key:
            window = self._state.knobs.idempotency_window
            first = site.answers.replay(key, resource, call.fields, now, window)
            if first is not None:
                site.counts["replays"] += 1
                return json_answer(200, first, {_REPLAYED: "true"})
        try:
            selection = judge(resource, call.fields)
        except WrongValue as error:
            raise ApiError(400, str(error), "param_wrong_value", error.param) from None
        export = self._start(site, target, selection)
        export.idempotency_key = key
        export.business_entity_id = request.headers.get(_ENTITY)
        body = json.dumps({"export": self._shown(request, export)}).encode()
        if key:
            site.answers.remember(key, resource, call.fields, body, now)
        return json_answer(200, body)

    def _start(self, site: Site, target: Target, selection: Selection) -> Export:
        jobs = self._state.jobs
        running = jobs.in_process(site.name)
        if len(running) >= self._state.knobs.max_jobs:
            soonest = min(export.due_at for export in running) - self._state.clock.now()
            raise self._too_many("the API request limit has been reached", soonest)
        ending = COMPLETED
        if self._state.faults.take("fail_job", target):
            ending = FAILED
        elif self._state.faults.take("hang_job", target):
            ending = IN_PROCESS
        export = jobs.start(site.name, target.resource or "", selection, ending)
        site.counts["created"] += 1
        site.most_in_process = max(site.most_in_process, len(running) + 1)
        return export

    def _too_many(self, message: str, wait: float) -> ApiError:
        """Return a 429; `wait` is the seconds until another try may do better."""
        headers = {"Retry-After": str(max(1, math.ceil(wait)))} if self._state.knobs.retry_after else {}
        return ApiError(429, message, headers=headers)

    def _shown(self, request: web.Request, export: Export) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": export.id,
            "operation_type": export.resource.replace("_", " ").title(),
            "mime_type": "zip",
            "status": export.status,
            "created_at": int(export.created_at),
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
            "valid_till": int(now) + int(lifetime),
            "mime_type": "zip",
            "object": "download",
        }

    def _download_base(self, request: web.Request) -> str:
        """Return where the caller finds the download listener: on the host by which it found this one."""
        host = request.url.host or self._state.settings.host
        if host.partition(".")[0] in self._state.sites:
            host = self._state.settings.host
        return self._state.address(host, self._state.download_port)

    def _site(self, call: Call) -> Site | None:
        """Return the site meant by the path, else by the host's first label, else by the key, else the first."""
        sites = self._state.sites
        if call.site is not None:
            return sites.get(call.site)
        if call.label in sites:
            return sites[call.label]
        return next((site for site in sites.values() if call.key in site.keys), next(iter(sites.values())))

    def _resource(self, site: Site | None, name: str | None) -> str | None:
        export = self._state.jobs.get(site.name, name) if site and name else None
        return export.resource if export else name if name in SINGULAR else None


def _asked_for(fault: Fault) -> web.Response:
    status = fault.options["status"]
    headers = {"Retry-After": str(fault.options["retry_after"])} if "retry_after" in fault.options else {}
    if fault.options.get("text"):
        return web.Response(status=status, text=f"{status} upstream request failed", headers=headers)
    return json_answer(status, ApiError(status, "An error that a test asked for").envelope(), headers)
