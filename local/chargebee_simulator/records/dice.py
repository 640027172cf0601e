"""Random draws that depend on nothing but a seed and a record's number.

A record can so be made alone, in any order and again later, and a company of any size needs no memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

T = TypeVar("T")


def seed_of(*parts: Any) -> int:
    """Return a 64-bit seed for these parts, the same in every process."""
    text = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


class Dice:
    """A stream of draws (SplitMix64) for record number `index` of the family `seed`."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, index: int = 0) -> None:
        self._state = seed
        # The number goes through the mixer once, so that neighbours do not draw shifted copies of one stream.
        self._state = (self._draw() + index * 0xD1342543DE82EF95) & _MASK
        self._state = self._draw()

    def _draw(self) -> int:
        self._state = (self._state + _STEP) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, limit: int) -> int:
        """Return a whole number from 0 to `limit` - 1."""
        return self._draw() % limit

    def between(self, first: int, last: int) -> int:
        """Return a whole number from `first` to `last`; `first` where there is no room."""
        return first + self._draw() % (last - first + 1) if last > first else first

    def chance(self, percent: int) -> bool:
        """Return True in `percent` of a hundred draws."""
        return self._draw() % 100 < percent

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of `choices`."""
        return choices[self._draw() % len(choices)]

    def code(self, length: int) -> str:
        """Return a code of letters and digits, such as Chargebee makes its ids of."""
        text = ""
        while len(text) < length:
            number = self._draw()
            for _ in range(min(10, length - len(text))):
                number, digit = divmod(number, 62)
                text += _ALPHABET[digit]
        return text
