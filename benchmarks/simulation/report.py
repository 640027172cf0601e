"""Turns the simulation's figures into a table and into docs/fairness.md."""

from __future__ import annotations

from pathlib import Path

from benchmarks.simulation.airflow import Latencies
from benchmarks.simulation.figures import Figures
from benchmarks.simulation.site import CALLS_A_MINUTE, SLOTS, Chances

HEAD = [
    "scenario",
    "exports",
    "hours",
    "slots busy",
    "failed tasks",
    "calls in the busiest minute",
    "calls a minute",
    "waited: median",
    "p95",
    "longest",
    "overtook an older start",
    "by a minute or more",
    "most passed one start",
]


def table(rows: list[tuple[str, Figures]]) -> str:
    """Return a Markdown table, a line for each scenario."""
    lines = [HEAD, ["---", *(["---:"] * (len(HEAD) - 1))], *([title, *_cells(figures)] for title, figures in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(figures: Figures) -> list[str]:
    return [
        f"{figures.exports:,}",
        f"{figures.took / 3600:.1f}",
        f"{figures.busy:.1%}",
        str(figures.failed),
        str(figures.most_calls),
        f"{figures.calls:.0f}",
        *(f"{each / 60:.0f} min" for each in (figures.wait(0.5), figures.wait(0.95), figures.waits[-1])),
        f"{figures.overtaking:.1%}",
        f"{figures.overtaking_by_minutes:.1%}",
        str(figures.most_overtaken),
    ]


def write_docs(page: Path, rows: list[tuple[str, Figures]], command: str) -> None:
    """Write the page."""
    times = Latencies()
    page.write_text(
        _PAGE.format(
            table=table(rows),
            command=command,
            slots=SLOTS,
            calls=CALLS_A_MINUTE,
            chances=Chances(),
            times=times,
            failing=f"{Chances().failing:.1%}",
        )
    )


_PAGE = """# Who gets the five slots

Chargebee runs at most {slots} exports of a site at a time. It has no queue. It refuses one more export with 429, and it gives
the same answer for too many calls a minute. So the first request after the end of an export gets the slot. This package
does three things about that:

- A refused start task waits in the triggerer, in a line for its site. The task that began to wait first is the first in line.
  Only the first in line sends requests, about every ten seconds, however many wait.
- When a sensor in the same triggerer sees that an export has ended, the first in line sends its request at once. If Chargebee
  has requested a wait (Retry-After), that wait is kept: it may be for too many calls, and the two refusals look the same.
- A start task keeps its place in line when its trigger moves. If a triggerer takes over the triggers of another, the line is
  the same.

Two triggerers know nothing of each other. Each has a line of its own, and the first of each sends requests. A start task
whose window has settled sends one request from its worker before it joins the line. It can get a slot that has just become
free. A start task whose window has not settled waits in the triggerer first. It sends its first request from the line.

## Simulated

`benchmarks/slots.py` writes this page:

```bash
make environment
.venv/airflow-3.3.1/bin/python {command}
```

{table}

**Slots busy**: slot seconds in use, divided by the slot seconds for which there was work. Work exists for as many slots as
exports are running or waiting, up to {slots}. **Waited**: from the first request of a start task to the accepted one.
**Overtook**: the share of start tasks that got a slot while an earlier one still waited. The site allows {calls} calls a
minute.

The first minute is the busiest. With 16 runs at a time, 224 start tasks send a request from their workers almost at once. If
that is more than the plan allows, Chargebee refuses the rest, and they wait in line like all others. No task fails for it.
The default of 4 runs at a time stays below the limit.

## How it is simulated

- The triggers, the line, the polling, the request builder and the answer reader are those of the package. They run in an
  event loop whose clock jumps from timer to timer. Chargebee is the code of the simulator: its slots, its rate limit over
  any 60 seconds, its idempotency keys. No socket is opened. So a year takes seconds, and the same command gives the same
  figures.
- An export takes a lognormal time with a median of {chances.median:.0f} s (sigma {chances.spread}),
  at least {chances.shortest:.0f} s and at most {chances.longest:.0f} s. {failing} of the exports fail and are requested again.
- Airflow is a set of numbers: the workers run 16 tasks at a time. A task gets its place
  {times.scheduling[0]:.0f} to {times.scheduling[1]:.0f} s after it can run,
  and starts up for {times.start_up[0]:.0f} to {times.start_up[1]:.0f} s.
  A deferral takes {times.deferral[0]:.0f} to {times.deferral[1]:.0f} s,
  a resumption {times.resumption[0]} to {times.resumption[1]} s, an upload {times.upload[0]:.0f} to {times.upload[1]:.0f} s.
- Chargebee's refusals have no Retry-After, which is the harder case, unless the row says otherwise.

## What it does not show

- Airflow's real delays are sometimes longer. Its scheduler prefers tasks by weight and date. The simulation starts them in
  the order in which they can run.
- Each start task sends its first request from its worker, as in a backfill. On a schedule, the windows have not settled yet,
  so the first requests come from the line.
- The calls besides exports are left out: the look at Chargebee's clock, the records that an upload retrieves for its check, and
  the list of events.
- The network is never slow and loses nothing. Tests over HTTP against the simulator cover that.
- Exports that a person starts in Chargebee's UI take slots too. They are like the first request of a worker: they can get a
  free slot before the first in line.

## An Airflow pool that leaves slots free

The package needs no pool. To leave slots to other users of the site, limit the tasks that hold a slot. Make a pool that counts
deferred tasks, and give it to the start tasks and the sensors (`ChargebeeExportOperator`, `ExportReadySensor`):

```bash
airflow pools set chargebee_slots 3 "Exports at Chargebee" --include-deferred
```

In `ExportDagSettings` that is `default_args={{"pool": "chargebee_slots"}}` with `upload_args={{"pool": "default_pool"}}`,
because an upload holds no export slot. The tasks `plan`, `summary` and `register` use the pool too, for a few seconds each.

The pool's slot is free between the end of a start task and the begin of its sensor. So for some seconds one export more than
the pool's size can be in process. Airflow gives a pool's slots by priority weight, not by age.
"""
