"""Where the threads that fetch blocks meet the one that reads them in order. Knows threads, no network."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from chargebee_operators.download.ranges import Block

_ATTENTION = 1.0  # seconds


class Stopped(Exception):
    """Nobody wants the bytes any more."""


@dataclass
class _Slot:
    block: Block
    chunks: deque[bytes] = field(default_factory=deque)
    complete: bool = False


class BlockBuffer:
    """Gives out blocks to be fetched, and their bytes in the object's order, within a bound of memory.

    There is one block until ``reach`` tells how far the object goes; without it that block is all there is.

    :param block_size: bytes of a block.
    :param room: how many blocks are held at a time, from being claimed to being read.
    """

    def __init__(self, block_size: int, room: int) -> None:
        self._block_size = block_size
        self._room = room
        self._slots: deque[_Slot] = deque()
        self._next = 0  # offset of the next block to be claimed
        self._end: int | None = None
        self._held = 0
        self._error: BaseException | None = None
        self._stopped = False
        # A reader that is killed while it takes the lock still has it, and takes it once more to stop.
        lock = threading.RLock()
        self._data = threading.Condition(lock)  # what the reader waits for
        self._space = threading.Condition(lock)  # what the fetching threads wait for

    def claim(self) -> Block | None:
        """Return the next block that nobody fetches yet, as soon as there is room for it; None when all are taken."""
        with self._space:
            self._space.wait_for(lambda: self._over or self._all_claimed or len(self._slots) < self._room)
            if self._over or self._all_claimed:
                return None
            last = self._next + self._block_size - 1
            block = Block(self._next, last if self._end is None else min(last, self._end - 1))
            self._slots.append(_Slot(block))
            self._next += self._block_size
            return block

    def reach(self, size: int) -> None:
        """Let the object be so many bytes long, in blocks that can be fetched at the same time."""
        with self._space:
            self._end = size
            self._space.notify_all()

    def put(self, block: Block, data: bytes) -> bool:
        """Add bytes to a block, waiting where the memory is used up; tell whether anyone still wants them."""
        with self._space:
            # A limit for the one block of a host without ranges; the others have had their room since ``claim``.
            self._space.wait_for(lambda: self._over or self._held < self._room * self._block_size)
            if self._over:
                return False
            slot = self._slot(block)
            slot.chunks.append(data)
            self._held += len(data)
            if slot is self._slots[0]:
                self._data.notify()
            return True

    def complete(self, block: Block) -> None:
        """Take note that a block has all its bytes."""
        with self._data:
            if not self._over:
                self._slot(block).complete = True
                self._data.notify()

    def fail(self, error: BaseException) -> None:
        """End everything with an error, which the reader raises; the first one counts."""
        with self._data:
            self._error = self._error or error
            self._wake()

    def stop(self) -> None:
        """End everything, and let go of the bytes."""
        with self._data:
            self._stopped = True
            self._slots.clear()
            self._wake()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in order, and nothing (``b""``) now and then while there are none."""
        while (data := self._take()) is not None:
            yield data

    def _take(self) -> bytes | None:
        with self._data:
            while True:
                if self._error is not None:
                    raise self._error
                if self._stopped or (self._next and self._all_claimed and not self._slots):
                    return None
                if self._slots and self._slots[0].chunks:
                    data = self._slots[0].chunks.popleft()
                    self._held -= len(data)
                    self._space.notify_all()
                    return data
                if self._slots and self._slots[0].complete:
                    self._slots.popleft()
                    self._space.notify_all()
                else:
                    # A signal that reaches another thread is acted on by this one when it wakes: how Airflow ends a task.
                    if not self._data.wait(_ATTENTION):
                        return b""

    @property
    def _over(self) -> bool:
        return self._stopped or self._error is not None

    @property
    def _all_claimed(self) -> bool:
        return self._next > 0 if self._end is None else self._next >= self._end

    def _slot(self, block: Block) -> _Slot:
        return next(slot for slot in self._slots if slot.block is block)

    def _wake(self) -> None:
        self._data.notify_all()
        self._space.notify_all()
