"""The memory of this process, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

KB = 1024
_STATUS = Path("/proc/self/status")


def memory(name: str) -> int:
    """Return one of the kernel's figures, in bytes.

    ``ru_maxrss`` of ``getrusage`` is not used: it counts the memory of the parent too, from before the program was started.

    :param name: ``VmRSS`` for what is used now, ``VmHWM`` for the most so far.
    :raises OSError: on another system than Linux.
    """
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * KB
    raise OSError(f"{_STATUS} has no {name}: the benchmark needs Linux")
