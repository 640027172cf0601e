"""The API listener: who may call, and what answers."""

from __future__ import annotations

from email.utils import formatdate

from aiohttp import web

from .calls import Call
from .catalogue import SINGULAR
from .configuration_call import configurations_answer
from .errors import ApiError
from .event_calls import events_answer
from .export_calls import REPLAYED, ExportCalls, entity_of
from .faults import API, EVENTS, EXPORT, RECORD, Fault, Target
from .limits import too_many
from .record_calls import RESOURCES, record_answer
from .state import Site, State
from .wire import delay, hang_up, is_gone, json_answer, redirection

# Bytes up to which an answer is not compressed.
_SHORT = 1000
_NOT_FOUND = "Sorry, we couldn't find that resource"


class Api:
    """Answers everything under /api/v2."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._exports = ExportCalls(state)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and write it down."""
        call = await Call.of(request)
        site = self._site(call)
        target = self._target(request.method, call, site)
        entry = self._state.journal.open(request, target, self._state.clock.now(), body=call.body, fields=call.fields)
        answer = await self._with_faults(request, call, target, site)
        entry["status"] = None if is_gone(request) else answer.status
        entry["replayed"] = REPLAYED in answer.headers
        # The server's own clock, which a test moves.
        answer.headers["Date"] = formatdate(self._state.clock.now() + self._state.knobs.clock_skew, usegmt=True)
        if "gzip" in request.headers.get("Accept-Encoding", "") and len(getattr(answer, "body", b"") or b"") > _SHORT:
            answer.enable_compression(web.ContentCoding.gzip)
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
            return _fault_answer(fault)
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
        knobs = self._state.knobs
        if wait := site.rate.admit(self._state.clock.now(), knobs.rate_limit):
            raise too_many("Sorry, you have made too many requests in a minute", wait, knobs.retry_after)
        if not site.keys[call.key]:
            raise ApiError(403, "The API key is not permitted to carry out this operation")
        if call.kind == "exports" and call.name:
            return await self._exports.answer(request, call, target, site)
        if call.kind == "events" and (call.name or len(call.path) == 1):
            return events_answer(request.method, call, site, self._state)
        if call.kind == "configurations" and len(call.path) == 1:
            return configurations_answer(request.method, site, knobs)
        if call.kind in RESOURCES and call.name:
            return record_answer(request.method, call, site, entity_of(request, knobs))
        raise ApiError(404, _NOT_FOUND)

    def _site(self, call: Call) -> Site | None:
        """Return the site meant by the path, else by the host's first label, else by the key, else the first."""
        sites = self._state.sites
        if call.site is not None:
            return sites.get(call.site)
        if call.label in sites:
            return sites[call.label]
        return next((site for site in sites.values() if call.key in site.keys), next(iter(sites.values())))

    def _target(self, method: str, call: Call, site: Site | None) -> Target:
        """Return what faults look at; an export is of its resource, by whichever way it is named."""
        name = site.name if site else None
        if call.kind == "events":
            return Target(API, method, name, None, EVENTS)
        if call.kind in RESOURCES:
            return Target(API, method, name, call.kind, RECORD)
        export = self._state.jobs.get(site.name, call.name) if site and call.name else None
        known = call.name if call.name in SINGULAR else None
        return Target(API, method, name, export.resource if export else known, EXPORT)


def _fault_answer(fault: Fault) -> web.Response:
    status = fault.options["status"]
    headers = {"Retry-After": str(fault.options["retry_after"])} if "retry_after" in fault.options else {}
    if fault.options.get("text"):
        return web.Response(status=status, text=f"{status} upstream request failed", headers=headers)
    return json_answer(status, ApiError(status, "An error that a test requested").envelope(), headers)
