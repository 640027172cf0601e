"""Calls in threads: so many at a time, their errors in the caller's hands, and no thread that a killed caller waits for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from chargebee_operators.common.calls import Calls, in_threads
from support.kills import Task, kill_everywhere


def ended(calls: Calls) -> bool:
    """Close them, and return whether their threads end."""
    threads = [each for each in threading.enumerate() if each.name.startswith(f"{calls._name}-")]
    calls.close()
    for each in threads:
        each.join(30)
    return not any(each.is_alive() for each in threads)


def test_what_one_thread_returns_comes_in_order():
    calls = Calls(1, "test-order")
    returned: list[Any] = []
    for number in range(10):
        calls.begin(lambda number: (number, threading.get_ident()), number)
        returned += calls.leave_at_most(2)
    returned += calls.leave_at_most(0)
    assert [number for number, _ in returned] == list(range(10))
    assert {thread for _, thread in returned} != {threading.get_ident()}
    assert ended(calls)


def test_no_more_run_at_once_than_there_may():
    barrier, most, lock = threading.Barrier(3), [0, 0], threading.Lock()

    def work(_: int) -> None:
        with lock:
            most[0] += 1
            most[1] = max(most)
        barrier.wait(30)  # three at a time, or it breaks
        with lock:
            most[0] -= 1

    calls = Calls(3, "test-most")
    calls.for_each(work, range(9))
    assert most == [0, 3]
    assert ended(calls)


def test_the_caller_waits_when_too_many_are_under_way():
    held, begun = threading.Event(), threading.Event()

    def work(number: int) -> int:
        begun.set()
        assert held.wait(30)
        return number

    calls = Calls(1, "test-wait")
    calls.begin(work, 1)
    calls.begin(work, 2)
    assert calls.leave_at_most(2) == []
    found: list[Any] = []
    caller = threading.Thread(target=lambda: found.extend(calls.leave_at_most(1)))
    caller.start()
    assert begun.wait(30)
    assert caller.is_alive() and not found
    held.set()
    caller.join(30)
    assert not caller.is_alive()
    assert found[0] == 1
    calls.leave_at_most(0)
    assert ended(calls)


def test_an_error_comes_out_and_what_has_not_begun_is_left_out():
    done: list[int] = []

    def work(number: int) -> None:
        if number == 2:
            raise ValueError("two")
        done.append(number)

    calls = Calls(1, "test-error")
    with pytest.raises(ValueError, match="two"):
        calls.for_each(work, [1, 2, 3, 4])
    assert calls.end(30)
    before = list(done)
    with pytest.raises(RuntimeError):
        calls.begin(work, 5)
    assert ended(calls)
    assert done == before


def test_the_end_waits_for_what_runs():
    held, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert held.wait(30)

    calls = Calls(1, "test-end")
    calls.begin(work)
    assert begun.wait(30)
    assert not calls.end(0.01)
    held.set()
    assert calls.end(30)
    assert ended(calls)


def test_without_threads_the_caller_does_them():
    calls = Calls(3, "test-alone", threads=False)
    calls.begin(threading.get_ident)
    assert calls.leave_at_most(0) == [threading.get_ident()]
    with pytest.raises(ZeroDivisionError):
        calls.begin(lambda: 1 / 0)
    assert calls.end() and ended(calls)


@pytest.mark.parametrize("threads", [True, False], ids=["threads", "no threads"])
def test_a_caller_that_is_killed_at_any_line_ends(threads):
    def new_task() -> Task:
        calls = Calls(2, "test-kill", threads)

        def clean_up() -> None:
            assert calls.end()
            assert ended(calls)

        return lambda: calls.for_each(lambda _: None, range(4)), clean_up

    assert kill_everywhere(new_task, "common/calls.py") > 20


def test_what_threads_find_comes_in_the_order_of_the_items():
    barrier = threading.Barrier(4)

    def work(number: int) -> int:
        barrier.wait(30)
        return number * number

    assert in_threads(work, range(8), 4, "test-in") == [number * number for number in range(8)]
    assert in_threads(work, [], 4, "test-in") == []


def test_the_first_error_of_many_is_not_kept_waiting_for_the_others():
    held = threading.Event()

    def work(number: int) -> None:
        if number:
            assert held.wait(30)
        else:
            raise ValueError("nought")

    with pytest.raises(ValueError, match="nought"):
        in_threads(work, range(100), 4, "test-in")
    held.set()
