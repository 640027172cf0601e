"""The control endpoint, /_control/ on the API listener: what happened, what is true, and what must go wrong."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from .catalogue import SINGULAR
from .event_catalogue import CHANGED, CREATED, DELETED, has_events
from .happenings import happening
from .jobs import Export
from .state import Site, State
from .times import parse_time
from .wire import json_answer

_Body = dict[str, Any]
_RECORDS_OF = ("site", "resource", "ids")


class Misuse(ValueError):
    """A control call that cannot be carried out; the message is one sentence."""


class Control:
    """Answers /_control/<name>."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._calls: dict[tuple[str, str], Callable[[Mapping[str, str], Any], Awaitable[Any]]] = {
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): self._forget_requests,
            ("GET", "stats"): self._stats,
            ("GET", "exports"): self._exports,
            ("GET", "records"): self._records,
            ("POST", "touch"): self._touch,
            ("POST", "remove"): self._remove,
            ("POST", "create"): self._create,
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._advance,
            ("GET", "settings"): self._settings,
            ("POST", "settings"): self._turn,
            ("DELETE", "settings"): self._reset,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._forget_faults,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one control call."""
        name = request.match_info["name"]
        call = self._calls.get((request.method, name))
        if call is None:
            known = ", ".join(f"{method} {path}" for method, path in self._calls)
            return json_answer(404, {"error": f"There is no {request.method} {name} here; choose from {known}."})
        try:
            body = json.loads(await request.read() or "{}")
            return json_answer(200, await call(request.query, body))
        except json.JSONDecodeError:
            return json_answer(400, {"error": "The body is not JSON."})
        except ValueError as error:
            return json_answer(400, {"error": str(error)})

    async def _requests(self, query: Mapping[str, str], body: Any) -> Any:
        return {"requests": self._state.journal.shown()}

    async def _forget_requests(self, query: Mapping[str, str], body: Any) -> Any:
        self._state.journal.clear()
        return {"requests": []}

    async def _stats(self, query: Mapping[str, str], body: Any) -> Any:
        await self._state.settle()
        return {"sites": {name: self._site_stats(site) for name, site in self._state.sites.items()}}

    def _site_stats(self, site: Site) -> _Body:
        counted = {name: site.counts[name] for name in ("created", "replays", "refused_429", "downloads")}
        running = len(self._state.jobs.in_process(site.name))
        return {"in_process": running, "most_in_process": site.most_in_process, **counted}

    async def _exports(self, query: Mapping[str, str], body: Any) -> Any:
        await self._state.settle()
        return {"exports": [_shown(export, query.get("ids") == "1") for export in self._state.jobs.all()]}

    async def _records(self, query: Mapping[str, str], body: Any) -> Any:
        site, resource = self._site(query), _resource(query)
        clocks = ("created_at", "updated_at", "date", "order_date")
        columns = ["id", *(name for name in clocks if name in site.company.snapshot(resource).columns)]
        found = [{name: record.get(name) for name in columns} for record in site.company.live(resource)]
        return {"site": site.name, "resource": resource, "count": len(found), "records": found}

    async def _touch(self, query: Mapping[str, str], body: Any) -> Any:
        fields = _object(body, {*_RECORDS_OF, "count", "at", "fields"})
        ids, count, values = _ids(fields), _count(fields), _values(fields)
        site, resource, at = await self._site_and_time(fields)
        changed = site.company.touch(resource, at, ids, count, values)
        self._report(site, resource, CHANGED, changed, at)
        return {"ids": [record["id"] for record in changed], "updated_at": at}

    async def _remove(self, query: Mapping[str, str], body: Any) -> Any:
        fields = _object(body, {*_RECORDS_OF, "count", "at", "event"})
        ids, count, makes_event = _ids(fields), _count(fields), fields.get("event", True)
        if not isinstance(makes_event, bool):
            raise Misuse("'event' is true or false.")
        site, resource, at = await self._site_and_time(fields)
        removed = site.company.remove(resource, at, ids, count)
        if makes_event:
            self._report(site, resource, DELETED, removed, at)
        return {"ids": [record["id"] for record in removed]}

    async def _create(self, query: Mapping[str, str], body: Any) -> Any:
        fields = _object(body, {*_RECORDS_OF, "at", "fields"})
        ids, values = _ids(fields), _values(fields)
        if not ids:
            raise Misuse("'ids' is a list of the new records' ids.")
        site, resource, at = await self._site_and_time(fields)
        created = site.company.create(resource, at, ids, values)
        self._report(site, resource, CREATED, created, at)
        return {"ids": [record["id"] for record in created]}

    def _report(self, site: Site, resource: str, what: str, records: Iterable[_Body], at: int) -> None:
        if not has_events(resource, self._state.knobs.catalog):
            return
        for record in records:
            site.events.add(happening(site.company, resource, what, record, at))

    async def _site_and_time(self, fields: Mapping[str, Any]) -> tuple[Site, str, int]:
        """Return whose records a call changes, which, and when that is, in seconds since the epoch."""
        site, resource = self._site(fields), _resource(fields)
        at = _time(fields.get("at", self._state.company_now()))
        # What is due ends first: a snapshot is of the moment its job was done.
        await self._state.settle()
        # History is made from the records as they were before the first change.
        site.events.begin()
        return site, resource, at

    async def _clock(self, query: Mapping[str, str], body: Any) -> Any:
        return {"now": self._state.clock.now(), "company_now": self._state.company_now()}

    async def _advance(self, query: Mapping[str, str], body: Any) -> Any:
        seconds = _object(body, {"advance"}).get("advance")
        if not isinstance(seconds, (int, float)):
            raise Misuse("'advance' is a number of seconds.")
        self._state.clock.advance(seconds)
        await self._state.settle()
        return await self._clock(query, body)

    async def _settings(self, query: Mapping[str, str], body: Any) -> Any:
        return self._state.knobs.shown()

    async def _turn(self, query: Mapping[str, str], body: Any) -> Any:
        self._state.knobs.turn(_object(body))
        return self._state.knobs.shown()

    async def _reset(self, query: Mapping[str, str], body: Any) -> Any:
        self._state.knobs.reset(self._state.settings)
        return self._state.knobs.shown()

    async def _faults(self, query: Mapping[str, str], body: Any) -> Any:
        return {"faults": self._state.faults.shown()}

    async def _add_faults(self, query: Mapping[str, str], body: Any) -> Any:
        described = body if isinstance(body, list) else [body]
        for description in described:
            site = _object(description).get("site")
            if site is not None and site not in self._state.sites:
                raise Misuse(f"There is no site '{site}'.")
        self._state.faults.add(described)
        return await self._faults(query, body)

    async def _forget_faults(self, query: Mapping[str, str], body: Any) -> Any:
        self._state.faults.clear()
        return await self._faults(query, body)

    def _site(self, fields: Mapping[str, Any]) -> Site:
        """Return the site a call names, or the first."""
        name = fields.get("site") or next(iter(self._state.sites))
        if name not in self._state.sites:
            raise Misuse(f"There is no site '{name}'.")
        return self._state.sites[name]


def _object(body: Any, allowed: set[str] | None = None) -> _Body:
    if not isinstance(body, dict):
        raise Misuse("The body is not a JSON object.")
    for name in body:
        if allowed and name not in allowed:
            raise Misuse(f"There is no field '{name}' here; choose from {', '.join(sorted(allowed))}.")
    return body


def _time(value: Any) -> int:
    try:
        return int(parse_time(value))
    except ValueError:
        raise Misuse("'at' is a time in seconds since 1970 or in ISO 8601.") from None


def _ids(fields: Mapping[str, Any]) -> list[str] | None:
    ids = fields.get("ids")
    if ids is not None and not (isinstance(ids, list) and all(isinstance(each, str) for each in ids)):
        raise Misuse("'ids' is a list of the records' ids.")
    return ids


def _count(fields: Mapping[str, Any]) -> int:
    count = fields.get("count", 1)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise Misuse("'count' is a number of records.")
    return count


def _values(fields: Mapping[str, Any]) -> _Body:
    values = fields.get("fields", {})
    if not isinstance(values, dict):
        raise Misuse("'fields' is an object of a record's fields and their values.")
    return values


def _resource(fields: Mapping[str, Any]) -> str:
    resource = str(fields.get("resource", ""))
    if resource not in SINGULAR:
        raise Misuse(f"There is no resource '{resource}'; choose from {', '.join(SINGULAR)}.")
    return resource


def _shown(export: Export, with_ids: bool) -> _Body:
    """Return what tests want to know of an export; its download URL is not part of it."""
    selection, written = export.selection, export.written
    shown: _Body = {
        "id": export.id,
        "site": export.site,
        "resource": export.resource,
        "status": export.status,
        "created_at": export.created_at,
        "completed_at": export.completed_at,
        "export_type": selection.export_type,
        "applied": [{"name": name, "value": value} for name, value in selection.applied],
        "ignored": [{"name": name, "value": value, "why": why} for name, value, why in selection.ignored],
        "rows": written.rows if written else None,
        "files": written.files if written else [],
        "idempotency_key": export.idempotency_key,
        "business_entity_id": export.business_entity_id,
    }
    return {**shown, "ids": written.ids if written else []} if with_ids else shown
