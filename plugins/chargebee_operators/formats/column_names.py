"""Column names that Parquet readers accept. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def unique_names(header: Iterable[str]) -> list[str]:
    """Return names that are each there once, as Parquet's readers need them, whatever their case.

    A second ``id`` becomes ``id_2``, an empty name ``column_3``. Names that are so already stay as they are.
    """
    names: list[str] = []
    taken: set[str] = set()
    last: dict[str, int] = {}  # or a name that is there ten thousand times would take minutes
    for number, given in enumerate(header, 1):
        base = name = given or f"column_{number}"
        again = last.get(base.casefold(), 1)
        while name.casefold() in taken:
            again += 1
            name = f"{base}_{again}"
        taken.add(name.casefold())
        last[base.casefold()] = again
        names.append(name)
    return names
