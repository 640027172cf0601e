"""Turns the figures of ``polling.py`` into a table and into docs/polling.md."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.waiting.pollers import FLAT_OUT_POLLERS, IDLE, Polled

TITLES = {IDLE: "nobody polls", "triggers": "this package's triggers", "sdk": "the SDK's async client"}
HEAD = [
    "",
    "CPU ms a poll",
    "of one core",
    "polls a second",
    "longest pause ms",
    "most CPU ms at a stretch",
    "longest pause ms at the start",
    "flat out: polls a second",
    "flat out: CPU ms a poll",
    "peak MB",
]


def table(medians: dict[str, Polled]) -> str:
    """Return a Markdown table: a line for each side, and one for their ratio."""
    lines = [HEAD, ["---", *(["---:"] * (len(HEAD) - 1))]]
    lines += [[TITLES[name], *_cells(each, name == IDLE)] for name, each in medians.items()]
    if {"triggers", "sdk"} <= medians.keys():
        lines.append(["SDK / package", *_ratios(medians["sdk"], medians["triggers"])])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(each: Polled, idle: bool) -> list[str]:
    pauses = [f"{each.pause_ms:.1f}", f"{each.busiest_ms:.1f}", f"{each.start_pause_ms:.1f}"]
    if idle:
        return ["", f"{each.core:.1%}", "", *pauses, "", "", f"{each.memory_mb:.0f}"]
    flat_out = [f"{each.flat_out:,.0f}", f"{each.flat_out_cpu_ms:.3f}"]
    return [f"{each.cpu_ms:.3f}", f"{each.core:.1%}", f"{each.polls:.1f}", *pauses, *flat_out, f"{each.memory_mb:.0f}"]


def _ratios(above: Polled, below: Polled) -> list[str]:
    names = ["cpu_ms", "core", "polls", "pause_ms", "busiest_ms", "start_pause_ms", "flat_out", "flat_out_cpu_ms"]
    pairs = [(getattr(above, name), getattr(below, name)) for name in [*names, "memory_mb"]]
    return [_times(one / other) if other else "" for one, other in pairs]


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2g}x"


def write_docs(page: Path, medians: dict[str, Polled], command: str, exports: int, interval: float) -> None:
    """Write the page."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("apache-airflow", "aiohttp", "chargebee", "httpx"))
    page.write_text(
        _PAGE.format(
            table=table(medians),
            command=command,
            exports=f"{exports:,}",
            interval=f"{interval:g}",
            pollers=FLAT_OUT_POLLERS,
            machine=f"{os.cpu_count()} cores, {platform.machine()}; Python {platform.python_version()}, {libraries}.",
        )
    )


_PAGE = """# What waiting costs the triggerer

{exports} triggers wait for exports over HTTPS, on one event loop. Each looks every {interval} s.
`benchmarks/polling.py` writes this page. To measure again, on Linux:

```bash
make environment
.venv/airflow-3.3.1/bin/python {command}
```

{table}

Machine: {machine}

- **CPU** is that of the polling process, in both columns. The Chargebee simulator runs in a process of its own on the same
  machine.
- **The longest pause**: a task on the loop sleeps for one millisecond, again and again. The pause is the longest extra time
  that such a sleep took. In that time no other trigger of the process could run. It includes what the machine did in the
  meantime, so compare it with the line where nobody polls. **The most CPU at a stretch** is the most CPU time between two
  such wake-ups. Other processes do not change it. The start is the first {interval} s / 2, in which all triggers look up their
  connection and none polls.
- The ticker that finds the pauses costs more than the polling. So CPU is measured in a separate part of the run.
- **Flat out**: {pollers} pollers without a pause, against one simulator. The simulator is then the limit.
- The triggers are `ExportReadyTrigger`, as a triggerer runs them: connection lookup, line, log, jitter. The SDK's side is a
  loop around `Export.retrieve`, with one client for all. It ignores a failed poll. The sides take turns, each in a process
  of its own. The table shows medians of the runs.

The SDK makes a TLS context for every request, on the event loop. The package makes one for each CA bundle in the process, and
keeps up to twenty connections to a site.
"""
