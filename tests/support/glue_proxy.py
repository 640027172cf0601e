"""A proxy in front of moto's Glue, which refuses an outdated version as Glue does, and lets a test step in between."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from support.http_server import send, server


class GlueProxy:
    """The proxy: ``url`` is where it listens, ``calls`` the names of the calls that have come.

    ``denied`` are calls that are refused for want of a right. ``before`` has what is to happen once before a call is
    passed on, by its name. moto ignores ``VersionId``; Glue refuses one that is not the table's own, which Iceberg's
    commits rely on (https://iceberg.apache.org/docs/latest/aws/#optimistic-locking).
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
    def _refuse(handler: Any, code: str) -> None:
        answer = json.dumps({"__type": code, "Message": "so the test wants it"}).encode()
        send(handler, answer, 400, Content_Type="application/x-amz-json-1.1")


@contextmanager
def glue_proxy(target: str) -> Iterator[GlueProxy]:
    """Run a proxy for as long as the block does.

    :param target: moto's URL.
    """
    proxy = GlueProxy(target)
    with server(proxy.answer) as url:
        proxy.url = url
        yield proxy
