"""Servers for what the simulator never does: odd download hosts, and an HTTP proxy."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def _serving(handler: type[_Handler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@dataclass
class Answer:
    """What an odd host answers.

    :param body: what goes out, which need not be what the headers say.
    :param head: raw lines between the headers and the body.
    :param holds: whether the connection stays open, as if more were to come, until the client goes.
    :param cut: after so many bytes of all this the connection ends.
    :param drips: the rest of them comes so many bytes at a time, ten times a second; 0 for none of it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    head: bytes = b""
    holds: bool = False
    cut: int | None = None
    drips: int = 0


Behaviour = Callable[[Mapping[str, str]], Answer]


@dataclass
class OddHost:
    """A running host and the headers of each request that came."""

    url: str
    seen: list[Mapping[str, str]]


@contextmanager
def odd_host(behaviour: Behaviour) -> Iterator[OddHost]:
    """Serve whatever ``behaviour`` makes of a request's headers, and then close the connection."""
    seen: list[Mapping[str, str]] = []

    class Handler(_Handler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            answer = behaviour(self.headers)
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Connection": "close"}.items():
                self.send_header(name, value)
            whole = b"".join(self._headers_buffer) + answer.head + b"\r\n" + answer.body
            self._headers_buffer.clear()
            self.wfile.write(whole[: answer.cut])
            if answer.cut is not None and answer.drips:
                for at in range(answer.cut, len(whole), answer.drips):
                    self.wfile.write(whole[at : at + answer.drips])
                    time.sleep(0.1)
            if answer.holds:
                self.rfile.read(1)
            self.close_connection = True

    with _serving(Handler) as url:
        yield OddHost(url, seen)


def asked(headers: Mapping[str, str], size: int) -> tuple[int, int] | None:
    """Return the first and the last byte that a request asks for, or None without a range."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range", ""))
    return (int(match[1]), min(int(match[2] or size), size - 1)) if match else None


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes, until one of the two ends."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        socket.socket.shutdown(target, socket.SHUT_RDWR)


@contextmanager
def proxy(tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[str]]]:
    """A proxy that forwards and tunnels; gives its address, and the targets as they were asked for.

    :param tls: of a proxy that is itself spoken to over TLS.
    """
    targets: list[str] = []

    class Handler(_Handler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            targets.append(f"GET {parts.netloc}")
            with socket.create_connection((parts.hostname, parts.port)) as far:
                head = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
                ranged = f"Range: {self.headers['Range']}\r\n" if "Range" in self.headers else ""
                far.sendall(f"{head}{ranged}\r\n".encode())
                while data := far.recv(65536):
                    self.wfile.write(data)
            self.close_connection = True

        def do_CONNECT(self) -> None:
            targets.append(f"CONNECT {self.path}")
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as far:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pump, args=(far, self.connection), daemon=True)
                back.start()
                _pump(self.connection, far)
                back.join()
            self.close_connection = True

    with _serving(Handler, tls) as url:
        yield url, targets
