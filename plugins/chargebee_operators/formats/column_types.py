"""Which columns of a Parquet file are not text: the user's ``column_types``. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import MOST, clean
from chargebee_operators.common.spelling import nearest
from chargebee_operators.formats.column_names import snake_name

DECIMAL = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")
TIMESTAMP = re.compile(r"timestamp\[\s*(s|ms|us)\s*(,\s*UTC\s*)?\]")
SIMPLE_TYPES = ("string", "bool", "int32", "int64", "float64", "date")

_EXAMPLES = (*SIMPLE_TYPES, "decimal(18, 2)", "timestamp[s, UTC]", "timestamp[s]")
# So alike are a name and its misspelling.
_ALIKE = 0.85
# With more columns the search would take minutes.
_MOST_COMPARED = 2000


class Column(NamedTuple):
    """One column of a table.

    :param table: ``invoices``, or ``invoices__line_items``.
    :param exported: the name in the CSV's header.
    """

    table: str
    exported: str


class ColumnTypes:
    """The types of the columns that are not text.

    A key is a column's name, as it is exported or in snake case: ``Unit Amount`` or ``unit_amount``. It may have the table
    before it: ``invoices__line_items.unit_amount``. ``*`` and ``?`` stand for any characters and for one: ``*_at``,
    ``invoices*.*amount``. A key without these comes before all others that have them, one with a table before one
    without; else the first one counts.

    :param types: key -> ``bool``, ``int32``, ``int64``, ``float64``, ``decimal(18, 2)``, ``date``, ``timestamp[s]``,
        ``timestamp[s, UTC]`` (or ``ms``, ``us``), or ``string``.
    :raises SettingsError: for a type that is not one of these, or a key that is no text.
    """

    def __init__(self, types: Mapping[str, str] | None = None) -> None:
        self._types = dict(types or {})
        for key, kind in self._types.items():
            if not isinstance(key, str) or not key:
                raise SettingsError(f"column_types: {key!r} is no column's name.")
            if not _is_type(str(kind)):
                raise SettingsError(
                    f"column_types: {clean(key)!r} has the type {kind!r}{nearest(str(kind), _EXAMPLES)}: write one of "
                    f"{', '.join(_EXAMPLES)}."
                )
        keys = [_Key(key, number) for number, key in enumerate(self._types)]
        self._exact = {key.text: key for key in keys if not key.is_pattern}
        self._patterns = [key for key in keys if key.is_pattern]
        self._seen: dict[Column, None] = {}

    def of(self, table: str, exported: str) -> str | None:
        """Return a column's type; None for text.

        :param table: the table of the file that is converted now.
        """
        column = Column(table, exported)
        self._seen[column] = None
        spellings = _spellings(column)
        found = [self._exact[each] for each in spellings if each in self._exact]
        found += [key for key in self._patterns if key.matches(spellings)]
        kind = self._types[min(found, key=_Key.rank).text] if found else None
        return None if kind == "string" else kind

    @property
    def unused(self) -> bool:
        """Whether there are keys without ``*`` and ``?`` that have not matched a column so far."""
        return not self._exact.keys() <= {spelling for each in self._seen for spelling in _spellings(each)}

    def unknown(self, others: Iterable[Column] = ()) -> list[str]:
        """Return the keys without ``*`` and ``?`` that belong to no column; none when no column is known.

        A file may be missing on a day when nothing of it changed. So a key for a column that is not known is refused only
        if it looks like one that is: then it is misspelt.

        :param others: columns that are known from earlier exports.
        :raises SettingsError: for a misspelt key, with the right one.
        """
        known = dict.fromkeys((*self._seen, *others))
        tables = {each.table for each in known}
        spelled = {spelling for each in known for spelling in _spellings(each)}
        unknown = [
            key for text, key in self._exact.items() if text not in spelled and (not key.table or key.table in tables)
        ]
        for key in unknown:
            if like := key.misspells(known):
                other = f" If it belongs to a file that is missing in this export, write '*.{clean(key.text)}'."
                raise SettingsError(
                    f"column_types: no file of the export has a column {clean(key.text)!r} (did you mean {clean(like)!r}?)."
                    f"{'' if key.table else other}"
                )
        return [key.text for key in unknown] if known else []


def shared(types: Mapping[str, str]) -> dict[str, str]:
    """Return types that are given once for several exports, where a column need not be in each of them."""
    return {_any_table(str(key)): kind for key, kind in types.items()}


class _Key:
    """One key of ``column_types``.

    :param text: as it was given.
    :param number: its place among all keys.
    """

    def __init__(self, text: str, number: int) -> None:
        self.text = text
        self.is_pattern = "*" in text or "?" in text
        # The text before the first dot, which may also belong to an exported name: ``subscriptions.id``.
        self.table, _, self._name = text.partition(".") if "." in text else ("", "", text)
        self._number = number
        signs = {"*": ".*", "?": "."}
        self._pattern = re.compile("".join(signs.get(each, re.escape(each)) for each in text), re.S)

    def rank(self) -> tuple[bool, bool, int]:
        """Return what sorts this key before those that count less."""
        return self.is_pattern, not self.table, self._number

    def matches(self, spellings: Sequence[str]) -> bool:
        """Return whether a pattern matches one of a column's spellings; one without a dot those without the table."""
        return any(map(self._pattern.fullmatch, spellings if self.table else spellings[:2]))

    def misspells(self, known: Iterable[Column]) -> str | None:
        """Return the name in snake case of the column that is very likely meant; None when there is none."""
        meant = snake_name(self._name)
        names = {}
        for each in islice(known, _MOST_COMPARED):
            if not self.table or self.table == each.table:
                name = _snake(each.exported)
                names[name] = names[_snake(_inner(each.exported))] = name
        found = difflib.get_close_matches(meant[:MOST], [each for each in names if len(each) <= MOST], 1, _ALIKE)
        return names[found[0]] if found else None


def _spellings(column: Column) -> Sequence[str]:
    """Return a column's names: as exported and in snake case, then the same with its table."""
    names = (column.exported, _snake(column.exported))
    return *names, *(f"{column.table}.{each}" for each in names)


@lru_cache(50_000)
def _snake(exported: str) -> str:
    return snake_name(exported)


def _any_table(key: str) -> str:
    return key if "." in key or "*" in key or "?" in key else f"*.{key}"


def _inner(exported: str) -> str:
    """Return the part of a name in brackets or behind the last dot: ``customer[id]`` and ``customers.id`` are ``id``."""
    return re.split(r"[.\[]", exported.rstrip("]"))[-1]


def _is_type(kind: str) -> bool:
    decimal = DECIMAL.fullmatch(kind)
    if decimal:
        return 1 <= int(decimal[1]) <= 38 and int(decimal[2]) <= int(decimal[1])
    return kind in SIMPLE_TYPES or TIMESTAMP.fullmatch(kind) is not None
