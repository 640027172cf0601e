"""Simulates backfills of a year on one Chargebee site, to see how its five export slots are shared.

    python benchmarks/slots.py --write-docs

It needs the Python of an Airflow environment. The seconds are simulated, so the same command gives the same figures on
any machine; all scenarios of a year take some two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "plugins"), str(ROOT / "local")]

from virtual_time import VirtualTime  # noqa: E402

from benchmarks.simulation import report  # noqa: E402
from benchmarks.simulation.airflow import SimulatedAirflow  # noqa: E402
from benchmarks.simulation.figures import Figures, figures_of  # noqa: E402
from benchmarks.simulation.site import Chances, SimulatedSite  # noqa: E402
from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_2  # noqa: E402

BEGINNING = 1_790_000_000.0  # epoch seconds
DAYS, RESOURCES = 365, 14


@dataclass(frozen=True)
class Backfill:
    """One DAG's backfill.

    :param runs: days, one run each.
    :param at_once: ``max_active_runs``.
    """

    dag_id: str
    runs: int
    at_once: int
    resources: int = RESOURCES


@dataclass(frozen=True)
class Scenario:
    """What asks one site for exports.

    :param backfills: begun at the same moment.
    :param hourly: resources of a DAG that runs each hour until the backfills are done; 0 for none.
    :param triggerers: that know nothing of each other.
    :param retry_after: whether Chargebee says how long to wait.
    :param workers: Airflow tasks that run at once.
    """

    title: str
    backfills: tuple[Backfill, ...]
    hourly: int = 0
    triggerers: int = 1
    retry_after: bool = False
    workers: int = 16
    chances: Chances = field(default_factory=Chances)


def scenarios(days: int) -> list[Scenario]:
    """Return the scenarios, for backfills of so many days in all."""
    one = Scenario("one backfill, 4 runs at a time", (Backfill("daily", days, 4),))
    two = Scenario(
        "two backfills of half of it, 4 and 16 runs at a time, and an hourly DAG",
        (Backfill("first", days // 2, 4), Backfill("second", days - days // 2, 16)),
        hourly=3,
    )
    return [
        one,
        replace(one, title=f"{one.title}; Chargebee says Retry-After", retry_after=True),
        replace(one, title="one backfill, 16 runs at a time", backfills=(Backfill("daily", days, 16),)),
        two,
        replace(two, title="the same with two triggerers", triggerers=2),
    ]


def simulate(scenario: Scenario, seed: int = 1) -> Figures:
    """Run a scenario to its end, the same each time."""
    state = random.getstate()
    random.seed(seed)  # the package's own jitter
    try:
        with tempfile.TemporaryDirectory() as folder:
            with VirtualTime(BEGINNING).installed() as clock:
                return clock.run(_simulated(scenario, seed, Path(folder)))
    finally:
        random.setstate(state)


async def _simulated(scenario: Scenario, seed: int, folder: Path) -> Figures:
    site = SimulatedSite(folder, scenario.chances, retry_after=scenario.retry_after)
    airflow = SimulatedAirflow(site, workers=scenario.workers, triggerers=scenario.triggerers, seed=seed)
    try:
        with airflow.deployed():
            hourly = asyncio.create_task(_hourly(airflow, scenario.hourly))
            await asyncio.gather(*(_backfill(airflow, each) for each in scenario.backfills))
            hourly.cancel()
            await asyncio.gather(*(each for each in asyncio.all_tasks() - {asyncio.current_task(), hourly}))
    finally:
        site.close()
    tally = airflow.tally
    return figures_of(site, failed=len(tally.failed), failed_twice=tally.failed_twice, retries=tally.retries)


async def _backfill(airflow: SimulatedAirflow, backfill: Backfill) -> None:
    active = asyncio.Semaphore(backfill.at_once)

    async def run(day: int) -> None:
        async with active:
            await _run(airflow, backfill.dag_id, str(day), backfill.resources)

    await asyncio.gather(*(run(day) for day in range(backfill.runs)))


async def _hourly(airflow: SimulatedAirflow, resources: int) -> None:
    hour = 0
    while resources:
        await asyncio.sleep(3600)
        asyncio.get_running_loop().create_task(_run(airflow, "hourly", str(hour), resources))
        hour += 1


async def _run(airflow: SimulatedAirflow, dag_id: str, run_id: str, resources: int) -> None:
    await asyncio.gather(*(airflow.export(dag_id, run_id, name) for name in PRODUCT_CATALOG_2[:resources]))


def main() -> int:
    options = _options()
    rows = []
    for scenario in scenarios(options.days):
        began = time.perf_counter()
        figures = simulate(scenario, options.seed)
        rows.append((scenario.title, figures))
        print(f"{scenario.title}: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    print(report.table(rows))
    if options.write_docs:
        command = f"benchmarks/slots.py --days {options.days} --seed {options.seed} --write-docs"
        report.write_docs(ROOT / "docs" / "fairness.md", rows, command)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Simulate backfills on the five slots of a site.")
    parser.add_argument("--days", type=int, default=DAYS, help=f"of {RESOURCES} exports each")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance")
    parser.add_argument("--write-docs", action="store_true", help="write docs/fairness.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
