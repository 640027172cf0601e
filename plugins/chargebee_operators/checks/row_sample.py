"""A few records of a file, drawn at random while its rows stream by. Pure.

The draw is uniform over all rows, whatever the length of the file, and the same at every try of one export. It costs
almost nothing: only the blocks that hold a drawn row are parsed (Li's Algorithm L for reservoir sampling, 1994).
"""

from __future__ import annotations

import math
import random

from chargebee_operators.checks.record_id import plain_id
from chargebee_operators.formats.rows import Rows


class RowSample:
    """Draws the ids of a few rows.

    :param seed: what the draw depends on.
    :param id_at: the place of the id in a row.
    :param size: how many rows are drawn.
    """

    def __init__(self, seed: str, id_at: int, size: int) -> None:
        self._random = random.Random(seed)
        self._id_at = id_at
        self._drawn: list[str] = [""] * size
        self._seen = 0
        self._weight = 1.0
        self._next = 0

    def take(self, rows: Rows) -> None:
        """Take the next records."""
        wanted: dict[int, int] = {}  # row of this block -> its place among the drawn
        while self._next < self._seen + rows.count:
            row = self._next - self._seen
            wanted[row] = self._place()
        self._seen += rows.count
        if not wanted:
            return
        last = max(wanted)
        for number, fields in enumerate(rows.fields()):
            if number in wanted:
                self._drawn[wanted[number]] = fields[self._id_at] if len(fields) > self._id_at else ""
            if number == last:
                return

    @property
    def ids(self) -> list[str]:
        """The ids of the drawn rows, each once, in an order that is random too."""
        ids = [each for each in dict.fromkeys(map(plain_id, self._drawn)) if each.strip()]
        random.Random(self._seen).shuffle(ids)
        return ids

    def _place(self) -> int:
        """Return where the row that is drawn next goes, and find the one after it."""
        size = len(self._drawn)
        first = self._next < size
        place = self._next if first else self._random.randrange(size)
        if self._next >= size - 1:
            # 1 - random() is never 0.
            weight = self._weight * math.exp(math.log(1 - self._random.random()) / size)
            self._weight = min(weight, 1 - 1e-9)
            self._next += int(math.log(1 - self._random.random()) / math.log1p(-self._weight)) + 1
        else:
            self._next += 1
        return place
