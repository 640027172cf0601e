"""Blocks that come out of order and go out in order, within a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from chargebee_operators.download import block_buffer
from chargebee_operators.download.block_buffer import BlockBuffer
from chargebee_operators.download.ranges import Block
from support.kills import Task, kill_everywhere


def fill(buffer: BlockBuffer, block: Block, data: bytes) -> None:
    buffer.put(block, data)
    buffer.complete(block)


def in_a_thread(function: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    return thread, results


def test_order_is_that_of_the_object_whatever_comes_first():
    buffer = BlockBuffer(2, room=3)
    first = buffer.claim()
    buffer.reach(5)
    second, third = buffer.claim(), buffer.claim()
    assert [(each.first, each.last) for each in (first, second, third)] == [(0, 1), (2, 3), (4, 4)]
    fill(buffer, third, b"e")
    fill(buffer, second, b"cd")
    fill(buffer, first, b"ab")
    assert list(buffer) == [b"ab", b"cd", b"e"]
    assert buffer.claim() is None


def test_who_waits_for_bytes_hears_now_and_then_that_there_are_none(monkeypatch):
    monkeypatch.setattr(block_buffer, "_ATTENTION", 0.001)
    buffer = BlockBuffer(2, room=3)
    block = buffer.claim()
    reader = iter(buffer)
    assert [next(reader), next(reader)] == [b"", b""]
    fill(buffer, block, b"a")
    assert b"".join(reader) == b"a"


def test_the_first_block_is_all_there_is_until_the_end_is_known():
    buffer = BlockBuffer(2, room=3)
    block = buffer.claim()
    assert buffer.claim() is None
    fill(buffer, block, b"everything")
    assert list(buffer) == [b"everything"]


def test_no_more_blocks_are_given_out_than_there_is_room_for():
    buffer = BlockBuffer(1, room=2)
    first = buffer.claim()
    buffer.reach(3)
    second = buffer.claim()
    thread, claimed = in_a_thread(buffer.claim)
    fill(buffer, second, b"b")
    assert thread.is_alive() and not claimed
    fill(buffer, first, b"a")
    reader = iter(buffer)
    assert [next(reader), next(reader)] == [b"a", b"b"]  # only now has the first block left
    thread.join(30)
    assert [block.first for block in claimed] == [2]


def test_a_block_without_end_waits_for_its_reader():
    buffer = BlockBuffer(2, room=2)
    block = buffer.claim()
    for data in (b"ab", b"cd"):
        assert buffer.put(block, data)
    thread, taken = in_a_thread(lambda: buffer.put(block, b"ef"))
    assert thread.is_alive() and not taken
    assert next(iter(buffer)) == b"ab"
    thread.join(30)
    assert taken == [True]


@pytest.mark.parametrize("wait", ["claim", "put"])
def test_a_stop_ends_all_waiting(wait):
    buffer = BlockBuffer(1, room=1)
    block = buffer.claim()
    buffer.reach(9)
    buffer.put(block, b"a")
    thread, results = in_a_thread(buffer.claim if wait == "claim" else lambda: buffer.put(block, b"b"))
    buffer.stop()
    thread.join(30)
    assert results == [None if wait == "claim" else False]
    assert list(buffer) == []


def test_the_first_error_is_the_readers():
    buffer = BlockBuffer(1, room=2)
    buffer.put(buffer.claim(), b"a")
    buffer.fail(ValueError("first"))
    buffer.fail(ValueError("second"))
    with pytest.raises(ValueError, match="first"):
        next(iter(buffer))
    assert buffer.claim() is None


def test_an_error_wakes_a_waiting_reader():
    buffer = BlockBuffer(1, room=2)

    def read() -> str:
        with pytest.raises(ValueError, match="gone"):
            list(buffer)
        return "raised"

    thread, results = in_a_thread(read)
    buffer.fail(ValueError("gone"))
    thread.join(30)
    assert results == ["raised"]


def test_a_reader_that_is_killed_at_any_line_can_stop():
    """It may be killed right after it took the lock. What then waits for the lock is a thread that no process waits for."""

    def new_task() -> Task:
        buffer = BlockBuffer(2, room=3)
        block = buffer.claim()

        def work() -> None:
            in_a_thread(lambda: fill(buffer, block, b"ab"))
            list(buffer)

        return work, buffer.stop

    assert kill_everywhere(new_task, "download/block_buffer.py") > 10
