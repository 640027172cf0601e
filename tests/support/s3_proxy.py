"""A real HTTP proxy in front of an S3 server, which makes chosen calls fail, hang or vanish, and keeps a record."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from stack import S3Server

# How long a test waits for what should have happened at once.
PATIENCE = 15.0


@dataclass
class Call:
    """One request as it came, with its body where that is small; done when the S3 server has dealt with it."""

    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    operation: str
    body: bytes = b""
    done: bool = False


def operation_of(method: str, key: str, query: dict[str, str]) -> str:
    """Return what S3 calls the request; one of a manifest, or of the try of conditional writes, has a name of its own."""
    if "uploads" in query:
        return {"POST": "CreateMultipartUpload", "GET": "ListMultipartUploads"}[method]
    if "uploadId" in query:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}[method]
    if "delete" in query:
        return "DeleteObjects"
    if "/" not in key:
        return "ListObjects" if "list-type" in query else "Bucket"
    verb = {"PUT": "Put", "GET": "Get", "HEAD": "Head", "DELETE": "Delete"}[method]
    return f"{verb}{'WriteTest' if '.write-test-' in key else 'Manifest' if key.endswith('.json') else 'Object'}"


@dataclass
class Rule:
    """What happens to the calls of one operation.

    :param skip: how many pass before it applies.
    :param times: how often it applies; None for ever.
    :param status: answer this, and pass nothing on.
    :param missing: answer this status in place of 404, as S3 does without the right to list.
    :param unconditional: pass the call on without ``If-Match`` and ``If-None-Match``, as a server that ignores them takes it.
    :param code: the error's code in that answer; by default one that fits the status.
    :param message: the error's message in that answer.
    :param header: apply to calls with this header alone, ``x-amz-tagging`` say.
    :param conditional: apply to calls under ``If-Match`` or ``If-None-Match`` alone.
    :param cut: ``before`` drops the connection in place of passing it on, ``after`` in place of the answer.
    :param edit: changes the answer's body.
    :param hold: keep the call until ``release``; ``reached`` tells that one has come.
    """

    operation: str
    skip: int = 0
    times: int | None = 1
    status: int | None = None
    code: str = ""
    message: str = "so the test wants it"
    header: str = ""
    missing: int | None = None
    unconditional: bool = False
    conditional: bool = False
    cut: str = ""
    edit: Callable[[bytes], bytes] | None = None
    hold: bool = False
    held: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def wait_until_reached(self) -> None:
        assert self.reached.wait(PATIENCE), f"{self.operation} never came"

    def release(self) -> None:
        self.go.set()


class S3Proxy:
    """The proxy: ``url`` is where it listens, ``calls`` what it has seen."""

    def __init__(self, target: S3Server) -> None:
        self.calls: list[Call] = []
        # What IAM would be: see support/iam.py. None allows everything.
        self.guard: Any = None
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._target = urlsplit(target.endpoint_url).netloc
        self._keys = (target.access_key, target.secret_key)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                proxy.serve(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def rule(self, operation: str, **settings: Any) -> Rule:
        """Add a rule for an operation: ``UploadPart`` or ``PutManifest``, say."""
        made = Rule(operation, **settings)
        with self._lock:
            self._rules.append(made)
        return made

    def clear(self) -> None:
        """Forget all rules and calls, and let go of what is held."""
        with self._lock:
            for each in self._rules:
                each.release()
            self._rules.clear()
            self.calls.clear()
            self.guard = None

    def count(self, operation: str) -> int:
        """Return how many calls of an operation have come."""
        return len([each for each in self.calls if each.operation == operation])

    def serve(self, handler: Any) -> None:
        """Deal with one request."""
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        key = parts.path.strip("/")
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        operation = operation_of(handler.command, key, query)
        call = Call(handler.command, key, query, headers, operation, body if len(body) <= _SMALL else b"")
        with self._lock:
            self.calls.append(call)
            rule = self._applying(call)
        if rule and rule.hold:
            rule.held += 1
            rule.reached.set()
            rule.go.wait(PATIENCE)
        if rule and rule.cut == "before":
            handler.close_connection = True
            return
        if rule and rule.status:
            call.done = True
            self._refuse(handler, rule.status, rule.code, rule.message)
        elif self.guard and (refusal := self.guard(call, body)):
            call.done = True
            self._reply(handler, refusal[0], [("Content-Type", "application/xml")], refusal[1], len(refusal[1]))
        else:
            self._pass_on(handler, call, body, rule)

    def _applying(self, call: Call) -> Rule | None:
        for each in self._rules:
            if each.operation != call.operation or each.times == 0:
                continue
            if each.conditional and not {"if-match", "if-none-match"} & set(call.headers):
                continue
            if each.header and each.header not in call.headers:
                continue
            if each.skip:
                each.skip -= 1
                continue
            if each.times is not None:
                each.times -= 1
            return each
        return None

    def _pass_on(self, handler: Any, call: Call, body: bytes, rule: Rule | None) -> None:
        upstream = http.client.HTTPConnection(self._target, timeout=PATIENCE)
        try:
            # The host stays as the client signed it.
            headers = {name: value for name, value in handler.headers.items() if name.lower() != "expect"}
            if rule and rule.unconditional:
                headers = self._unconditional(handler.command, handler.path, headers)
            upstream.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        call.done = True
        if answer.status == 404 and ((rule and rule.missing) or (self.guard and self.guard.hides(call))):
            self._refuse(handler, (rule and rule.missing) or 403)
            return
        if rule and rule.cut == "after":
            handler.close_connection = True
            return
        if rule and rule.edit:
            data = rule.edit(data)
        told = [each for each in answer.getheaders() if each[0].lower() not in _HOP]
        length = int(answer.getheader("Content-Length") or 0) if handler.command == "HEAD" else len(data)
        self._reply(handler, answer.status, told, data, length)

    def _unconditional(self, method: str, path: str, headers: dict[str, str]) -> dict[str, str]:
        """Return a call's headers without conditions, signed anew: the client's signature is over all of them."""
        left_out = ("if-match", "if-none-match", "authorization", "content-length")
        kept = {name: value for name, value in headers.items() if name.lower() not in left_out}
        request = AWSRequest(method, f"http://{headers['Host']}{path}", kept)
        request.context["payload_signing_enabled"] = False
        S3SigV4Auth(Credentials(*self._keys), "s3", "us-east-1").add_auth(request)
        length = {name: value for name, value in headers.items() if name.lower() == "content-length"}
        return {**dict(request.headers.items()), **length}

    def _refuse(self, handler: Any, status: int, code: str = "", message: str = "") -> None:
        code = code or {403: "AccessDenied", 501: "NotImplemented"}.get(status, "InternalError")
        answer = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        self._reply(handler, status, [("Content-Type", "application/xml")], answer, len(answer))

    def _reply(self, handler: Any, status: int, headers: list[tuple[str, str]], body: bytes, length: int) -> None:
        handler.send_response_only(status)
        for name, value in headers:
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)


# Bytes of a body that is kept.
_SMALL = 1 << 16
_HOP = ("content-length", "transfer-encoding", "connection", "keep-alive")


@contextmanager
def s3_proxy(target: S3Server) -> Iterator[S3Proxy]:
    """Run a proxy for as long as the block does.

    :param target: the S3 server.
    """
    proxy = S3Proxy(target)
    thread = threading.Thread(target=proxy._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.clear()
        proxy._server.shutdown()
        proxy._server.server_close()
        thread.join()
