"""A proxy in front of moto's Glue, which refuses an outdated version as Glue does, and lets a test step in between."""

from __future__ import annotations

import functools
import http.client
import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import botocore.session

from support.http_server import send, server

# What the API's patterns for texts of one line do not allow. Python's re does not know them as they are, with surrogates.
_NOT_IN_ONE_LINE = re.compile(r"[\x00-\x08\x0a-\x1f\ufffe\uffff]")


class GlueProxy:
    """The proxy: ``url`` is where it listens, ``calls`` the names of the calls that have come.

    ``denied`` are calls that are refused for want of a right. ``before`` has what is to happen once before a call is
    passed on, by its name. moto ignores ``VersionId``; Glue refuses one that is not the table's own, which Iceberg's
    commits rely on (https://iceberg.apache.org/docs/latest/aws/#optimistic-locking). moto takes texts of any length and with any
    character as well; Glue refuses those outside of what its API's description allows.
    """

    def __init__(self, target: str) -> None:
        self.url = ""
        self.calls: list[str] = []
        self.denied: set[str] = set()
        self.before: dict[str, Callable[[], Any]] = {}
        self._target = urlsplit(target).netloc

    @property
    def changes(self) -> list[str]:
        """The calls that write."""
        return [each for each in self.calls if not each.startswith("Get")]

    def answer(self, handler: Any, body: bytes) -> None:
        """Deal with one request."""
        name = handler.headers["X-Amz-Target"].rpartition(".")[2]
        self.calls.append(name)
        if step := self.before.pop(name, None):
            step()
        if name in self.denied:
            self._refuse(handler, "AccessDeniedException")
            return
        asked = json.loads(body)
        if faults := list(_faults(_shape_of(name), asked)):
            self._refuse(handler, "ValidationException", "; ".join(faults))
            return
        if name == "UpdateTable" and "VersionId" in asked:
            wanted = {"DatabaseName": asked["DatabaseName"], "Name": asked["TableInput"]["Name"]}
            _, found = self._pass_on(handler.headers, "AWSGlue.GetTable", json.dumps(wanted).encode())
            if json.loads(found)["Table"]["VersionId"] != asked["VersionId"]:
                self._refuse(handler, "ConcurrentModificationException")
                return
        status, found = self._pass_on(handler.headers, handler.headers["X-Amz-Target"], body)
        send(handler, found, status, Content_Type="application/x-amz-json-1.1")

    def _pass_on(self, headers: Any, target: str, body: bytes) -> tuple[int, bytes]:
        upstream = http.client.HTTPConnection(self._target)
        try:
            kept = {each: headers[each] for each in ("Authorization", "X-Amz-Date", "Content-Type") if headers[each]}
            upstream.request("POST", "/", body, {**kept, "X-Amz-Target": target})
            answer = upstream.getresponse()
            return answer.status, answer.read()
        finally:
            upstream.close()

    @staticmethod
    def _refuse(handler: Any, code: str, message: str = "so the test wants it") -> None:
        answer = json.dumps({"__type": code, "Message": message}).encode()
        send(handler, answer, 400, Content_Type="application/x-amz-json-1.1")


@functools.cache
def _shape_of(operation: str) -> Any:
    """Return what botocore knows of a call's input: the description of the API that AWS publishes."""
    return botocore.session.get_session().get_service_model("glue").operation_model(operation).input_shape


def _faults(shape: Any, value: Any, where: str = "") -> Iterator[str]:
    """Yield what is too long or too short in a call, or has a character that is not allowed. boto3 does not look at that."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from _faults(shape.members[name], inner, f"{where}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from _faults(shape.member, inner, where)
    elif shape.type_name == "map":
        for name, inner in value.items():
            yield from _faults(shape.key, name, where)
            yield from _faults(shape.value, inner, f"{where}.{name}")
    elif shape.type_name == "string":
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max", math.inf)
        lines = value.splitlines() if r"\r\n" in shape.metadata.get("pattern", "") else [value]
        bad = "pattern" in shape.metadata and any(map(_NOT_IN_ONE_LINE.search, lines))
        if bad or not least <= len(value.encode()) <= most:
            yield f"Value at '{where[1:]}' failed to satisfy constraint"


@contextmanager
def glue_proxy(target: str) -> Iterator[GlueProxy]:
    """Run a proxy for as long as the block does.

    :param target: moto's URL.
    """
    proxy = GlueProxy(target)
    with server(proxy.answer) as url:
        proxy.url = url
        yield proxy
