"""What every family of records needs to know of the company it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .dice import Dice, seed_of

DAY = 86400


@dataclass(frozen=True)
class World:
    """A company's size and place in time. Times are whole seconds since the epoch."""

    site: str
    seed: int
    customers: int
    history_days: int
    now: int

    @cached_property
    def start(self) -> int:
        """The beginning of the company's history."""
        return self.now - self.history_days * DAY

    @cached_property
    def _seeds(self) -> dict[str, int]:
        return {}

    def dice(self, family: str, index: int = 0) -> Dice:
        """Return the draws of record number `index` of a family."""
        seed = self._seeds.get(family)
        if seed is None:
            seed = self._seeds[family] = seed_of(self.seed, self.site, family)
        return Dice(seed, index)

    def changed(self, dice: Dice, created: int) -> int:
        """Return a time of the latest change: about a third of all records never changed."""
        return created if dice.chance(33) else dice.between(created, self.now)


def pair(first: int, second: int) -> int:
    """Return one number for two, for the draws of a record that is numbered within another."""
    return (first << 20) + second
