"""Work in a thread of its own: in order, not too far ahead, and its errors in the caller's hands."""

from __future__ import annotations

import threading

import pytest

from chargebee_operators.formats.stage import Stage


def test_what_is_made_comes_in_order_and_from_another_thread():
    stage = Stage(lambda piece: (piece, threading.get_ident()), 2, "test-stage")
    made = [each for piece in range(10) for each in stage.put(piece)]
    assert [piece for piece, _ in made] == list(range(8))
    made += stage.finish()
    stage.close()
    assert [piece for piece, _ in made] == list(range(10))
    assert {thread for _, thread in made} != {threading.get_ident()}


def test_the_caller_waits_when_too_much_is_under_way():
    held, begun = threading.Event(), threading.Event()

    def work(piece: int) -> int:
        begun.set()
        assert held.wait(30)
        return piece

    stage = Stage(work, 2, "test-stage")
    assert stage.put(1) == stage.put(2) == []
    caller = threading.Thread(target=lambda: stage.put(3))
    caller.start()
    assert begun.wait(30)
    assert caller.is_alive()
    held.set()
    caller.join(30)
    assert not caller.is_alive()
    assert stage.finish() == [2, 3]
    stage.close()


def test_an_error_comes_out_and_what_has_not_begun_is_left_out():
    done = []

    def work(piece: int) -> None:
        if piece == 2:
            raise ValueError("two")
        done.append(piece)

    stage = Stage(work, 1, "test-stage")
    stage.put(1)
    stage.put(2)
    with pytest.raises(ValueError, match="two"):
        stage.put(3)
    stage.close()
    assert set(done) <= {1, 3}
    assert not [each for each in threading.enumerate() if each.name.startswith("test-stage")]
