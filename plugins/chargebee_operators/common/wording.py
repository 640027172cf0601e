"""Counts as people write them. Pure."""

from __future__ import annotations


def counted(count: int | None, one: str, many: str = "") -> str:
    """Return a count with its noun: ``1 row``, ``2 rows``, ``an unknown number of rows``.

    :param count: None where it is not known.
    :param one: the noun for one.
    :param many: the noun for all other counts; ``one`` with an s by default.
    """
    many = many or f"{one}s"
    return f"an unknown number of {many}" if count is None else f"{count} {one if count == 1 else many}"
