"""AWS services other than S3 on this machine: moto, which keeps parameters, roles and secrets, and checks no signature."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import stack

REGION = "eu-west-1"


@contextmanager
def moto(folder: Path) -> Iterator[dict[str, str]]:
    """Run moto for as long as the block does, and yield the environment in which boto3 finds it.

    :param folder: for its log.
    """
    (port,) = stack.free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with stack.running("moto", command, folder) as server:
        server.wait_until(lambda: _listens(port))
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
