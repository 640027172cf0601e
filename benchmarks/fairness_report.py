"""Turns the simulation's figures into a table and into docs/fairness.md."""

from __future__ import annotations

from pathlib import Path

from simulated_airflow import Latencies
from simulated_site import CALLS_A_MINUTE, SLOTS, Chances
from slot_figures import Figures

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

Chargebee runs at most {slots} exports of a site at a time, keeps no queue, and refuses one more with the same 429 that
it gives for too many calls a minute. So whoever asks first after a job's end gets the slot. What this package does
about that:

- A start that is refused waits in the triggerer, in a line for its site, by the time at which it first asked. Only the
  first in line asks, every ten seconds or so, however many wait.
- When a sensor sees that an export has ended, the first in line asks at once. Only a wait that Chargebee asked for
  (Retry-After) is kept to all the same: it may be for too many calls, and the two refusals can't be told apart.
- A start's place in line outlives its trigger: a triggerer that takes over another's triggers has the same line.

Two triggerers know nothing of each other: each has a line of its own, and the first of each asks. And a new start asks
once from its worker before it stands in line: it may find a slot that fell free a moment ago.

## Simulated

`benchmarks/slots.py` writes this page:

```bash
python {command}
```

{table}

**Slots busy**: slot seconds in use, by slot seconds for which there was work; where fewer than {slots} exports were
running or wanted, only so many could be. **Waited**: from a start's first request to the one that was granted.
**Overtook**: the share of starts that got a slot while one that had asked earlier still waited. The site allows
{calls} calls a minute.

The busiest minute is the first one: with 16 runs at a time 224 starts ask from their workers almost at once. Where that
is more than the plan allows, the rest is refused and waits in line like all others; no task fails of it. The default of
4 runs at a time stays below.

## How it is done

- The triggers, the line, the pace of polling, the request builder and the answer reader are the package's own, in an
  event loop whose clock jumps from timer to timer. Chargebee is the simulator's own code: its slots, its rate limit
  over any 60 seconds, its idempotency keys. No socket is opened, so a year takes seconds, and the same command
  gives the same figures.
- A job is in process for a lognormal time with a median of {chances.median:.0f} s (sigma {chances.spread}), not under
  {chances.shortest:.0f} s and not over {chances.longest:.0f} s; {failing} of them fail and are asked for again.
- Airflow is told as numbers: 16 tasks run at once in the workers; a task gets its place {times.scheduling[0]:.0f} to
  {times.scheduling[1]:.0f} s after it can run and starts up for {times.start_up[0]:.0f} to {times.start_up[1]:.0f} s; a
  deferral takes {times.deferral[0]:.0f} to {times.deferral[1]:.0f} s, a resumption {times.resumption[0]} to
  {times.resumption[1]} s, an upload {times.upload[0]:.0f} to {times.upload[1]:.0f} s.
- Where a row does not say otherwise, Chargebee's refusals carry no Retry-After, which is the harder case.

## What it does not show

- Airflow's real latencies have longer tails, and its scheduler prefers tasks by weight and date; the simulation starts
  them in the order in which they can run.
- Nothing is lost or slow on the network; what happens then is tested against the simulator over HTTP.
- A person's exports in Chargebee's own UI take slots too. They are like a worker's first request: they may find a free
  slot before the first in line does.

## An Airflow pool, to leave slots to people

The package needs no pool. To keep slots free for others, bound the tasks that hold one: make a pool that counts
deferred tasks, and give it to the start tasks and sensors (`ChargebeeExportOperator`, `ExportReadySensor`):

```bash
airflow pools set chargebee_slots 3 "Exports at Chargebee" --include-deferred
```

In `ExportDagSettings` that is `default_args={{"pool": "chargebee_slots"}}` with `upload_args={{"pool": "default_pool"}}`, for
an upload holds no export slot. The plan task stands in the pool too, for its few seconds.

A pool's slot falls free between a start's end and its sensor's begin, so that for some seconds one export more than the
pool's size can be in process. Airflow hands out a pool's slots by priority weight, not by age.
"""
