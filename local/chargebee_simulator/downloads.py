"""The download listener: who may fetch a ZIP, and which bytes of it."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from .delivery import Delivery, deliver
from .faults import DOWNLOAD, Fault, Target
from .jobs import COMPLETED, Export
from .objects import StoredObject
from .ranges import Span, Unsatisfiable, span_of
from .signing import Refused
from .state import State
from .wire import delay, is_gone, redirection

_PATH = re.compile(r"/[^/]+/(?P<site>[^/]+)/(?P<id>[^/]+)/[^/]+")
_XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>SIMULATOR0000000</RequestId></Error>"
)
_NOT_ZIPS = {
    "html": ("text/html", "<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"),
    "xml": ("application/xml", _XML.format(code="InternalError", message="We encountered an internal error.")),
}


class Downloads:
    """Answers everything on the download host, in the manner of S3."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and write it down, without its query string."""
        match = _PATH.fullmatch(request.path)
        export = self._state.jobs.get(match["site"], match["id"]) if match else None
        target = Target(DOWNLOAD, request.method, export.site if export else None, export.resource if export else None)
        entry = self._state.journal.open(request, target, self._state.clock.now())
        answer = await self._answer(request, target, export, entry)
        if entry["status"] is None and not is_gone(request):
            entry["status"] = answer.status
        return answer

    async def _answer(
        self, request: web.Request, target: Target, export: Export | None, entry: dict[str, Any]
    ) -> web.StreamResponse:
        faults = self._state.faults
        slow = faults.take("slow", target)
        await delay(slow, self._state.stopping)
        if fault := faults.take("status", target):
            wait = {"Retry-After": str(fault.options["retry_after"])} if "retry_after" in fault.options else {}
            return _error(fault.options["status"], "SlowDown", "Please reduce your request rate.", wait)
        if fault := faults.take("redirect", target):
            return redirection(request, fault)
        if request.method not in ("GET", "HEAD"):
            return _error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        if request.method == "HEAD":  # a URL is signed for one method
            return _error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        if faults.take("expire_url", target):
            self._state.signer.revoke(request.query)
        try:
            self._state.signer.check(request.path, request.query, self._state.clock.now())
        except Refused as refused:
            return _error(403, refused.code, refused.message)
        if export is None or export.status != COMPLETED or export.path is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        if fault := faults.take("not_a_zip", target):
            kind, text = _NOT_ZIPS[fault.options.get("body", "html")]
            return web.Response(text=text, content_type=kind)
        return await self._send(request, target, export, slow, entry)

    async def _send(
        self, request: web.Request, target: Target, export: Export, slow: Fault | None, entry: dict[str, Any]
    ) -> web.StreamResponse:
        faults = self._state.faults
        found = self._object(export, target)
        ranged = not faults.take("no_range", target)
        if request.headers.get("If-Match", found.etag) not in (found.etag, "*"):
            return _error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
        try:
            span = span_of(request.headers if ranged else {}, found)
        except Unsatisfiable:
            headers = {"Content-Range": f"bytes */{found.size}"}
            return _error(416, "InvalidRange", "The requested range is not satisfiable.", headers)
        # With several ranges at a time, only the one that holds the byte uses the fault up.
        if faults.take("corrupt_zip", target, lambda _: span.first <= found.weak_spot() <= span.last):
            found = found.corrupted()
        cut = faults.take("cut_download", target)
        headers = _headers(export, found, span, ranged)
        if faults.take("no_etag", target):
            del headers["ETag"]
        delivery = Delivery(
            found=found,
            span=span,
            headers=headers,
            bytes_per_second=slow.options.get("bytes_per_second") if slow else None,
            cut=cut.options if cut else None,
            stall=stall.options if not cut and (stall := faults.take("stall_download", target)) else None,
        )
        self._state.sites[export.site].counts["downloads"] += 1
        entry["status"] = delivery.status
        return await deliver(request, delivery, self._state.stopping)

    def _object(self, export: Export, target: Target) -> StoredObject:
        if self._state.faults.take("change_object", target):
            export.revision += 1
        assert export.path is not None
        found = StoredObject.of(export.path, export.id, export.revision)
        fault = self._state.faults.take("truncate_zip", target)
        return found.truncated(fault.options.get("keep_bytes", found.size // 2)) if fault else found


def _headers(export: Export, found: StoredObject, span: Span, ranged: bool) -> dict[str, str]:
    headers = {
        "Content-Type": export.content_type,
        "Content-Length": str(span.length),
        "ETag": found.etag,
        "Last-Modified": found.last_modified,
        "Content-Disposition": f'attachment; filename="{export.resource}.zip"',
    }
    if ranged:
        headers["Accept-Ranges"] = "bytes"
    if span.partial:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{found.size}"
    return headers


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body = _XML.format(code=code, message=message)
    return web.Response(status=status, text=body, headers=headers, content_type="application/xml")
