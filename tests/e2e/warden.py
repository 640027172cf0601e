"""Runs a server as a production supervisor does: starts it again when it ends. And leaves nothing of it behind.

    python warden.py PID_FILE COMMAND...

Airflow leaves children in sessions of their own when it is killed. The warden adopts them (it is a "subreaper"), so it
finds them all. It ends together with its standard input: when the tests end, for whatever reason, ``kill -9`` included.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36
PAUSE = 1.0  # seconds before an ended server is started again


def main(pid_file: Path, command: list[str]) -> None:
    """Run a server, again and again, until standard input ends.

    :param pid_file: told the server's process id at each start.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            beside = pid_file.with_suffix(".new")
            beside.write_text(str(server.pid))
            beside.replace(pid_file)
            while (status := ended(server.pid)) is None:
                if input_ends_within(0.1):
                    return
            end_family()
            print(f"[warden] ended with {status}; is started again: {' '.join(command)}", flush=True)
            if input_ends_within(PAUSE):
                return
    finally:
        end_family()


def ended(pid: int) -> int | None:
    """Bury whatever child has ended, and return the exit code of this one if it is among them."""
    code = None
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == pid:
                code = os.waitstatus_to_exitcode(found[1])
    return code


def input_ends_within(seconds: float) -> bool:
    """Wait, and return whether standard input has ended."""
    readable, _, _ = select.select([0], [], [], seconds)
    return bool(readable) and not os.read(0, 1)


def end_family() -> None:
    """Kill every descendant, those that are born meanwhile too."""
    deadline = time.monotonic() + 20
    while (family := psutil.Process().children(recursive=True)) and time.monotonic() < deadline:
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        ended(0)
        time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
