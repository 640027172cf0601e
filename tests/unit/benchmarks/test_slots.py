"""Backfills of a month on one site, simulated: the slots are used, nobody starves, no task fails."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from benchmarks import slots
from benchmarks.simulation.figures import Figures, Start, busy_share, overtakings
from benchmarks.simulation.site import CALLS_A_MINUTE, Chances

DAYS = 30
EXPORTS = DAYS * slots.RESOURCES
ONE, ONE_WITH_RETRY_AFTER, ONE_WIDE, TWO, TWO_TRIGGERERS = range(5)


@cache
def simulated(number: int) -> Figures:
    scenario = slots.scenarios(DAYS)[number]
    return slots.simulate(replace(scenario, chances=Chances(failing=0.05)))


@pytest.mark.parametrize("number", [ONE, ONE_WITH_RETRY_AFTER, ONE_WIDE, TWO, TWO_TRIGGERERS])
def test_the_slots_are_busy_and_no_task_fails_of_waiting(number):
    figures = simulated(number)
    assert figures.busy >= 0.9
    assert figures.retries == 0
    assert figures.failed == figures.failed_twice, "only where Chargebee failed an export, and failed it again"
    assert figures.exports > EXPORTS, "those that Chargebee failed were asked for again"


@pytest.mark.parametrize("number", [ONE, ONE_WITH_RETRY_AFTER, ONE_WIDE, TWO])
def test_with_one_triggerer_starts_are_served_by_age(number):
    # Served at random, nearly every start would overtake one of the 56 to 224 that wait.
    figures = simulated(number)
    assert figures.overtaking <= 0.1
    assert figures.most_overtaken <= slots.RESOURCES, "no more than a run's worth passes any start"


def test_with_two_triggerers_nobody_starves():
    figures, alone = simulated(TWO_TRIGGERERS), simulated(TWO)
    assert figures.waits[-1] <= 1.25 * alone.waits[-1]
    assert figures.overtaking_by_minutes <= 0.25


@pytest.mark.parametrize("number", [ONE, ONE_WITH_RETRY_AFTER])
def test_the_calls_of_any_minute_stay_below_the_plan(number):
    assert simulated(number).most_calls < CALLS_A_MINUTE


def test_many_in_line_ask_no_more_than_a_few():
    """Four times as many waiting starts make hardly more calls."""
    assert simulated(ONE_WIDE).calls <= 1.15 * simulated(ONE).calls


def test_a_simulation_gives_the_same_figures_again():
    scenario = slots.scenarios(2)[TWO_TRIGGERERS]
    assert slots.simulate(scenario) == slots.simulate(scenario)


def test_overtakings_are_counted():
    late = Start("late", asked=100.0, granted=101.0, by_worker=True)
    first = Start("first", asked=0.0, granted=110.0, by_worker=False)
    second = Start("second", asked=90.0, granted=105.0, by_worker=False)
    assert overtakings([late, second, first]) == (2, 2, 2)
    assert overtakings([first, second, late]) == (0, 0, 0)


def test_slots_without_work_do_not_count_as_idle():
    alone = Start("alone", asked=0.0, granted=0.0, by_worker=True)
    assert busy_share([alone], [(0.0, 60.0)]) == 1.0
    assert busy_share([Start("late", asked=0.0, granted=60.0, by_worker=False)], [(60.0, 120.0)]) == 0.5


def test_the_simulated_site_gives_a_job_the_same_fate_in_any_order():
    assert Chances().of("key") == Chances().of("key")
    assert Chances().of("key") != Chances().of("another")
