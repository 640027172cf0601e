"""An S3 server that throws the bytes away: it counts them, and is fast enough not to be what is measured.

    python benchmarks/uploading/sink.py --state-file FILE --tls-dir DIR

It speaks what an upload needs: HEAD of a bucket or object, PUT, multipart uploads, GET (nothing is ever found) and
deletes. No signature or checksum is looked at. Path-style addresses only. ``GET /`` with no bucket answers the size of
each object as JSON, and ``DELETE /`` forgets them all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "local"))

from chargebee_simulator.tls import server_context

_BUFFER = 1 << 20
_MOST_HEADERS = 64 << 10
_XML = {"Content-Type": "application/xml"}
_ETAG = '"00000000000000000000000000000000"'
_PARENT_CHECK_SECONDS = 1.0
# What a chunked body ends with. That data of its own should look so, right where a read ends, is one in 2**56.
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """What a request is told. ``length`` stands in for the body's length where there is none (HEAD)."""

    status: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None

    def encoded(self) -> bytes:
        """The answer as it goes over the wire."""
        length = len(self.body) if self.length is None else self.length
        lines = [f"HTTP/1.1 {self.status}", f"Content-Length: {length}", "x-amz-request-id: sink"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class Store:
    """The sizes of what was sent."""

    def __init__(self) -> None:
        self.objects: dict[str, int] = {}
        self._parts: dict[str, dict[int, int]] = {}
        self._uploads = 0

    def answer(self, method: str, target: str, size: int) -> Answer:
        """Act on one request, of which only the body's size was kept."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        path = unquote(parts.path).strip("/")
        if not path:
            return self._about(method)
        if "/" not in path:
            empty = method == "POST" and "delete" in query
            return Answer("200 OK", _XML, b"<DeleteResult/>" if empty else b"")
        if "uploads" in query or "uploadId" in query:
            return self._multipart(method, path, query, size)
        return self._object(method, path, size)

    def _about(self, method: str) -> Answer:
        if method == "DELETE":
            self.objects.clear()
            self._parts.clear()
        return Answer("200 OK", {"Content-Type": "application/json"}, json.dumps(self.objects).encode())

    def _object(self, method: str, path: str, size: int) -> Answer:
        if method == "PUT":
            self.objects[path] = size
            return Answer("200 OK", {"ETag": _ETAG})
        if method == "HEAD" and path in self.objects:
            return Answer("200 OK", {"ETag": _ETAG}, length=self.objects[path])
        if method == "DELETE":
            self.objects.pop(path, None)
            return Answer("204 No Content")
        return Answer("404 Not Found", _XML, b"" if method == "HEAD" else b"<Error><Code>NoSuchKey</Code></Error>")

    def _multipart(self, method: str, path: str, query: dict[str, str], size: int) -> Answer:
        bucket, _, key = path.partition("/")
        if method == "POST" and "uploads" in query:
            self._uploads += 1
            name = f"upload-{self._uploads}"
            self._parts[name] = {}
            text = f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
            return Answer("200 OK", _XML, text.encode())
        sizes = self._parts.get(query["uploadId"])
        if sizes is None:
            return Answer("404 Not Found", _XML, b"<Error><Code>NoSuchUpload</Code></Error>")
        if method == "PUT":
            sizes[int(query["partNumber"])] = size
            return Answer("200 OK", {"ETag": _ETAG})
        del self._parts[query["uploadId"]]
        if method == "DELETE":
            return Answer("204 No Content")
        self.objects[path] = sum(sizes.values())
        text = f"<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>{_ETAG}</ETag>"
        return Answer("200 OK", _XML, f"{text}</CompleteMultipartUploadResult>".encode())


class Connection(asyncio.BufferedProtocol):
    """One client. Bodies land in the same buffer over and over; only their size is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._head = b""
        self._request: tuple[str, str] | None = None
        self._size = self._left = 0
        self._chunked = False
        self._tail = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the buffer; it is free again by the next call."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come: some of a body, of a head, or of several."""
        if self._request and self._chunked:
            self._chunk(self._view[:nbytes])
            return
        if self._request and nbytes < self._left:  # nearly always
            self._left -= nbytes
            return
        data = bytes(self._view[:nbytes])
        while data:
            data = self._body(data) if self._request else self._header(data)

    def _header(self, data: bytes) -> bytes:
        head, end, rest = (self._head + data).partition(b"\r\n\r\n")
        if not end:
            self._head = head
            if len(head) > _MOST_HEADERS and self._transport:
                self._transport.close()
            return b""
        self._head = b""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._request = (method, target)
        self._left = int(headers.get("content-length", 0))
        self._size = int(headers.get("x-amz-decoded-content-length", self._left))
        if headers.get("expect", "").lower() == "100-continue":
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # boto3 sends checksums behind the body over TLS, and then in chunks.
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self._tail = b""
        return rest if self._left or self._chunked else self._done(rest)

    def _chunk(self, data: memoryview) -> bytes:
        size = len(_LAST_CHUNK)
        self._tail = (self._tail + bytes(data[-size:]))[-size:]
        return self._done(b"") if self._tail == _LAST_CHUNK else b""

    def _body(self, data: bytes) -> bytes:
        if self._chunked:
            return self._chunk(memoryview(data))
        taken = min(len(data), self._left)
        self._left -= taken
        return data[taken:] if self._left else self._done(data[taken:])

    def _done(self, rest: bytes) -> bytes:
        assert self._request is not None
        (method, target), self._request = self._request, None
        self._write(self._store.answer(method, target, self._size).encoded())
        return rest

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def serve(state_file: Path, tls_dir: Path, parent: int | None) -> None:
    """Listen on a free port, write its address to the state file, and stay until the parent has gone."""
    store = Store()
    context, _ = server_context(tls_dir)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(store), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    partial = state_file.with_suffix(".partial")
    partial.write_text(json.dumps({"url": f"https://127.0.0.1:{port}"}))
    partial.replace(state_file)
    while parent is None or os.getppid() == parent:
        await asyncio.sleep(_PARENT_CHECK_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description="An S3 server that throws the bytes away.")
    parser.add_argument("--state-file", type=Path, required=True, help="JSON with the address, once it listens")
    parser.add_argument("--tls-dir", type=Path, required=True, help="where the CA and its certificate are kept")
    parser.add_argument("--parent-pid", type=int, help="end when this process, which started it, is gone")
    options = parser.parse_args()
    asyncio.run(serve(options.state_file, options.tls_dir, options.parent_pid))


if __name__ == "__main__":
    main()
