"""The waiting is visible: what a trigger says in its task's log, and how often."""

from __future__ import annotations

import asyncio
import re
import time
from itertools import pairwise

import pytest

from support.waiting import HOUR, Lines, end_of, ready_trigger, slot_trigger

MINUTE = 59.999  # less what a float loses in a sum


def waited_for(lines: Lines, what: str) -> list[float]:
    """Return the seconds between the lines, all of which say what is waited for, since when and when the next look is."""
    assert lines.said
    for _, line in lines.said:
        assert line.startswith(what), line
        assert " s so far" in line, line
    return [later - earlier for (earlier, _), (later, _) in pairwise(lines.said)]


@pytest.mark.parametrize(
    "pace",
    [{"max_poll_interval": 10}, {}, {"max_poll_interval": 600}, {"poll_interval": 900, "max_poll_interval": 900}],
    ids=str,
)
def test_the_log_of_a_waiting_sensor(clock, calls, new_export, lines, pace):
    begun, export_id = time.time(), new_export(2 * HOUR)
    end_of(clock, ready_trigger(export_id=export_id, since=begun - 30, **pace))
    gaps = waited_for(lines, f"Export {export_id}: in process at Chargebee, ")
    assert min(gaps) >= MINUTE and max(gaps) <= 76
    assert MINUTE <= lines.said[0][0] - begun <= 76
    for at, line in lines.said:
        waited, next_look = (int(number) for number in re.findall(r", (\d+) s so far, next call in (\d+) s", line)[0])
        assert waited == pytest.approx(at - begun + 30, abs=2)
        assert at + next_look == pytest.approx(min(call for call in calls if call > at), abs=2)


def test_the_log_of_a_quick_export_is_quiet(clock, new_export, lines):
    end_of(clock, ready_trigger(export_id=new_export(40)))
    assert not lines.said


def test_the_log_of_a_start_that_waits_for_a_slot(connected, clock, lines):
    connected.control.fault("status", status=429, method="POST", times=None)
    end_of(clock, slot_trigger())
    gaps = waited_for(lines, "Export of customers: waiting for a free slot, ")
    assert min(gaps) >= MINUTE and max(gaps) <= 62
    assert all(", next call in " in line for _, line in lines.said)


def test_the_log_of_a_start_that_has_to_wait_long(clock, lines):
    end_of(clock, slot_trigger(retry_after=600))
    assert max(waited_for(lines, "Export of customers: waiting for a free slot, ")) <= 61
    left = [int(line.rpartition(" in ")[2].removesuffix(" s")) for _, line in lines.said]
    assert 600 - 61 <= left[0] <= 660 - 59
    assert [earlier - later for earlier, later in pairwise(left)] == pytest.approx([60] * (len(left) - 1), abs=1)


def test_the_log_of_a_start_whose_window_has_not_settled(clock, lines):
    end_of(clock, slot_trigger(not_before=time.time() + 600))
    gaps = waited_for(lines, "Export of customers: waiting for its window to settle, ")
    assert min(gaps) >= MINUTE and max(gaps) <= 61
    left = [int(line.rpartition(" in ")[2].removesuffix(" s")) for _, line in lines.said]
    assert left == pytest.approx([600 - 60 * (number + 1) for number in range(len(left))], abs=1)


def test_the_log_of_a_start_behind_another(connected, clock, lines):
    connected.control.fault("status", status=429, times=None)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for name in ("first", "second"):
                group.create_task(anext(slot_trigger(resource=name, since=time.time() - (name == "first")).run()))

    clock.run(run())
    second = [at for at, line in lines.said if line.startswith("Export of second: ")]
    gaps = [later - earlier for earlier, later in pairwise(second)]
    assert second and min(gaps) >= MINUTE and max(gaps) <= 61


def test_the_log_during_an_outage(connected, clock, new_export, lines):
    export_id = new_export(HOUR)
    connected.control.fault("status", status=503, method="GET", times=None)
    end_of(clock, ready_trigger(export_id=export_id))
    gaps = waited_for(lines, f"Export {export_id}: no usable answer (503), ")
    assert min(gaps) >= MINUTE and max(gaps) <= 76


def test_the_log_says_whether_chargebee_was_reached_at_all(connected, connect, clock, new_export, lines):
    export_id = new_export(HOUR)
    connected.control.fault("drop_before", method="GET", times=None)
    end_of(clock, ready_trigger(export_id=export_id))
    assert all("no usable answer (not complete), " in line for _, line in lines.said[1:])
    lines.said.clear()
    connect(connected, host="http://127.0.0.1:9")
    end_of(clock, ready_trigger(export_id=export_id))
    assert len(lines.said) > 1 and all("no usable answer (no connection), " in line for _, line in lines.said[1:])
