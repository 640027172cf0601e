"""One S3 server for all processes of pytest-xdist. A server for each would slow all of them down."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import stack


@contextmanager
def shared_s3_server(folder: Path) -> Iterator[stack.S3Server]:
    """Yield the S3 server of all processes that share a folder.

    The first process starts it, and at its end waits until no other uses it.

    :param folder: for the server's address and its log.
    """
    address = folder / "s3-server.json"
    with (folder / "s3-server.in-use").open("w") as in_use, ExitStack() as running:
        with (folder / "s3-server.starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(in_use, fcntl.LOCK_SH)
            is_first = not address.exists()
            if is_first:
                server = running.enter_context(stack.s3_server(folder / "s3"))
                address.write_text(json.dumps(asdict(server)))
        try:
            yield stack.S3Server(**json.loads(address.read_text()))
        finally:
            if is_first:
                fcntl.flock(in_use, fcntl.LOCK_EX)
                address.unlink()
