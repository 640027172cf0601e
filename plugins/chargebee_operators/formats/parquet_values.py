"""The types that a Parquet column may have, and texts into values of them, with pyarrow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

DECIMAL = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")
TIMESTAMP = re.compile(r"timestamp\[\s*(s|ms|us)\s*(,\s*UTC\s*)?\]")
SIMPLE_TYPES = {
    "string": "string",
    "bool": "bool_",
    "int32": "int32",
    "int64": "int64",
    "float64": "float64",
    "date": "date32",
}

_EPOCH = re.compile(r"\d{10}(?:\d{3})?")
_NAMED_MONTH = re.compile(r"\d\d-[A-Za-z]{3}-\d{4}(?: \d\d:\d\d(:\d\d)?)?")
_ZONE = re.compile(r":\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)$")


def arrow_type(kind: str) -> pa.DataType:
    """Return pyarrow's type for one as ``column_types`` has it."""
    import pyarrow as pa

    if match := DECIMAL.fullmatch(kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := TIMESTAMP.fullmatch(kind):
        return pa.timestamp(match[1], "UTC" if match[2] else None)
    return getattr(pa, SIMPLE_TYPES[kind])()


def convert(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a column of texts as another type; empty ones are null.

    :raises pyarrow.ArrowInvalid: when one is not of that type, or would lose something.
    """
    import pyarrow as pa
    from pyarrow import compute

    if kind == pa.string():
        return column
    filled = compute.if_else(compute.equal(column, ""), pa.scalar(None, pa.string()), column)
    return _timestamps(filled, kind) if pa.types.is_timestamp(kind) else filled.cast(kind)


def _timestamps(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Read times in the format of the first; one without a zone is taken as UTC."""
    import pyarrow as pa
    from pyarrow import compute

    first = next((value.as_py() for value in column if value.is_valid), "")
    if _EPOCH.fullmatch(first):
        others = r"^\d{13}$" if len(first) == 10 else r"^\d{10}$"
        if compute.any(compute.match_substring_regex(column, others)).as_py():
            raise pa.ArrowInvalid("some are seconds and some milliseconds")
        found = column.cast(pa.int64()).cast(pa.timestamp("s" if len(first) == 10 else "ms"))
    elif match := _NAMED_MONTH.fullmatch(first):
        pattern = "%d-%b-%Y" + (" %H:%M" if " " in first else "") + (":%S" if match[1] else "")
        found = compute.strptime(column, format=pattern, unit="s")
    else:
        plain = compute.replace_substring_regex(column, r" UTC$", "Z")
        zoned = _ZONE.search(plain.drop_null()[0].as_py()) if first else None
        found = plain.cast(pa.timestamp("us", "UTC" if zoned else None))
    return found.cast(kind)


def first_wrong(column: pa.Array, kind: pa.DataType) -> int:
    """Return the offset of the first value that does not convert."""
    import pyarrow as pa

    first, behind = 0, len(column)
    while behind - first > 1:
        middle = (first + behind) // 2
        try:
            convert(column.slice(0, middle), kind)
            first = middle
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            behind = middle
    return first
