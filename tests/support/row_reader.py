"""A reader of a file's records that keeps what it is given."""

from __future__ import annotations

from chargebee_operators.formats.rows import Rows


class KeptRows:
    """``columns``, ``rows`` and their ``count`` are what came; ``unread`` and ``problem`` are None until they come."""

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.count = 0
        self.rows: list[list[str]] = []
        self.values: list[list[bytes]] = []  # as rows, but read column by column
        self.unread: int | None = None
        self.problem: str | None = None

    def header(self, columns: list[str]) -> None:
        self.columns = columns

    def unreadable(self, problem: str) -> None:
        self.problem = problem

    def take(self, rows: Rows) -> None:
        self.count += rows.count
        self.rows += rows.fields()
        self.values += map(list, zip(*(rows.values(at) for at in range(len(self.columns))), strict=False))

    def finish(self, unread: int) -> None:
        assert self.unread is None
        self.unread = unread
