"""Column names in Parquet: those of the header made unique, in snake case or as they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.snake_case import snake
from chargebee_operators.common.spelling import nearest

SNAKE_CASE, AS_EXPORTED = "snake_case", "as_exported"
STYLES = (SNAKE_CASE, AS_EXPORTED)

# What the default keys are partitioned by. Athena and Spark refuse a table that has a column of the same name.
PARTITION_KEYS = frozenset(("site", "window_start", "taken_at"))

# Glue takes 255 characters and Redshift 127 bytes. The rest is for a number behind the name.
MOST = 120


def check_style(style: str) -> None:
    """Refuse an unknown way to name columns.

    :raises SettingsError: with the nearest right one.
    """
    if style not in STYLES:
        raise SettingsError(
            f"parquet_column_names {style!r} is not known{nearest(str(style), STYLES)}: choose from {', '.join(STYLES)}."
        )


def column_names(
    header: Iterable[str], style: str = SNAKE_CASE, partition_keys: Iterable[str] = PARTITION_KEYS
) -> list[str]:
    """Return a name for each column of a header. No two of them are equal, whatever their case.

    :param style: ``snake_case``, or ``as_exported`` for the names as they are.
    :param partition_keys: what the object's key is partitioned by: a column of such a name gets ``_exported`` behind it.
    """
    hidden = {each.casefold() for each in partition_keys}
    names = (snake_name(each) if style == SNAKE_CASE else each for each in header)
    return unique_names(f"{each}_exported" if each.casefold() in hidden else each for each in names)


def snake_name(exported: str) -> str:
    """Return a column's name in snake case: ``customer[id]`` and ``Customer Id`` are ``customer_id``.

    It is made of ``a-z``, ``0-9`` and single underscores, begins with a letter, and depends on the exported name alone. It
    is empty for a column without a name.
    """
    return snake(exported, "column", MOST) if exported else ""


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
