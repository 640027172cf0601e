"""CRC-32 by the fastest library at hand: isal's where it is installed, else zlib's."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache

Crc32 = Callable[[bytes | bytearray, int], int]


def crc32(data: bytes | bytearray, value: int = 0) -> int:
    """Return the CRC-32 of data that follows on data with this CRC-32."""
    return best_crc32()(data, value)


@cache
def best_crc32() -> Crc32:
    """Return the function that is as ``zlib.crc32``; looked for once in a process."""
    try:
        from isal.isal_zlib import crc32 as of_isal
    except ImportError:
        return zlib.crc32
    return of_isal
