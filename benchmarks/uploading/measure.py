"""Runs one path once, in a process of its own, and writes down what it cost. Started by ``upload.py``."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.memory import memory
from benchmarks.uploading.paths import PATHS, Setting

_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


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
    idle = memory("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(wall, cpu, idle, memory("VmHWM"))


def main() -> None:
    path, result, setting = json.loads(sys.argv[1])
    work = PATHS[path].prepare(Setting(**setting))
    Path(result).write_text(json.dumps(asdict(cost_of(work))))


if __name__ == "__main__":
    main()
