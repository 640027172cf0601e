"""Runs one path once, in a process of its own, and writes down what it cost. Started by ``upload.py``."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.uploading.paths import PATHS, Setting

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
KB = 1024


@dataclass(frozen=True)
class Cost:
    """What a piece of work took: seconds, and bytes of memory right before and at the peak."""

    wall: float
    cpu: float
    idle: int
    peak: int


def cost_of(work: Callable[[], object]) -> Cost:
    """Do the work once. CPU seconds are those of all threads of this process."""
    gc.collect()
    _CLEAR_REFS.write_text(_RESET_PEAK)
    idle = _memory("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(wall, cpu, idle, _memory("VmHWM"))


def _memory(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * KB
    raise OSError(f"{_STATUS} has no {name}: the benchmark needs Linux")


def main() -> None:
    path, result, setting = json.loads(sys.argv[1])
    work = PATHS[path].prepare(Setting(**setting))
    Path(result).write_text(json.dumps(asdict(cost_of(work))))


if __name__ == "__main__":
    main()
