"""What turns a zip member's bytes back into its file, method by method, in pieces of bounded size. Pure.

All have the interface of the standard library's ``bz2.BZ2Decompressor``, see ``Inflater``. For DEFLATE, which is
what exports use, isal is chosen where it installs: it takes 0.4 of zlib's time.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from chargebee_operators.common.exceptions import UnsafeArchiveError

STORED, DEFLATED, BZIP2, LZMA, ZSTD = 0, 8, 12, 14, 93

_NAMES = {
    1: "Shrink",
    2: "Reduce",
    3: "Reduce",
    4: "Reduce",
    5: "Reduce",
    6: "Implode",
    9: "Deflate64",
    20: "Zstandard (retired number)",
    ZSTD: "Zstandard",
    94: "MP3",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}
# LZMA's dictionary is memory; 7-Zip's largest presets take this much.
MAX_DICTIONARY = 64 << 20


class Inflater(Protocol):
    """One member's bytes on their way.

    ``decompress(data, most)`` takes the next bytes (none while ``needs_input`` is false) and returns at most ``most``
    inflated ones; what it did not get to, it keeps. After ``eof``, ``unused_data`` is what came behind the end.
    """

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Codec(NamedTuple):
    """A library that inflates.

    :param name: ``isal`` or ``zlib``.
    :param new_inflater: makes an ``Inflater`` of a raw DEFLATE stream.
    """

    name: str
    new_inflater: Callable[[], Inflater]


def zlib_codec() -> Codec:
    """Return the standard library's."""
    return Codec("zlib", _ZlibInflater)


def isal_codec() -> Codec:
    """Return isal's.

    :raises ImportError: where it is not installed, or too old.
    """
    from isal.igzip_lib import DECOMP_DEFLATE, IgzipDecompressor

    return Codec("isal", functools.partial(IgzipDecompressor, DECOMP_DEFLATE))


@functools.cache
def best_codec() -> Codec:
    """Return isal's where it imports, else zlib's."""
    try:
        return isal_codec()
    except ImportError:
        return zlib_codec()


def new_inflater() -> Inflater:
    """Make an inflater of raw DEFLATE."""
    return best_codec().new_inflater()


def method_name(method: int) -> str:
    """Return a zip method's name, for an error."""
    return _NAMES.get(method, "unknown")


def can_inflate(method: int) -> bool:
    """Tell whether members of this method can be read; of Zstandard, only from Python 3.14 on."""
    return method in (STORED, DEFLATED, BZIP2, LZMA) or (method == ZSTD and _zstd() is not None)


def inflater_of(method: int, compressed: int, inflated: int | None, deflate: Callable[[], Inflater]) -> Inflater:
    """Make the inflater of a member.

    :param method: one that can be inflated.
    :param compressed: the member's size in the zip; only a stored one goes by it.
    :param inflated: the file's size, or None where an end marker shows it; only LZMA goes by it.
    :param deflate: makes the inflater of DEFLATE.
    """
    if method == DEFLATED:
        return deflate()
    if method == STORED:
        return _Copy(compressed)
    if method == LZMA:
        return _ZipLzma(inflated)
    if method == BZIP2:
        import bz2

        return bz2.BZ2Decompressor()
    new_zstd = _zstd()
    assert new_zstd is not None
    return new_zstd()


def _zstd() -> Callable[[], Inflater] | None:
    try:
        from compression.zstd import ZstdDecompressor  # type: ignore[import-not-found]
    except ImportError:
        return None
    made: Callable[[], Inflater] = ZstdDecompressor
    return made


class _ZlibInflater:
    """zlib's object, which gives back what it did not get to, with the memory to keep it."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=-15)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        # After a full answer there may be more inside, with no input left to show it.
        return not (self._inner.eof or self._inner.unconsumed_tail or self._full)

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        rest = self._inner.unconsumed_tail
        inflated = self._inner.decompress(rest + data if rest else data, max_length)
        self._full = len(inflated) == max_length
        return inflated


class _Copy:
    """A stored member, which ends by its size alone."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return not self._left

    @property
    def needs_input(self) -> bool:
        return bool(self._left)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if len(data) > self._left:
            data, self.unused_data = data[: self._left], data[self._left :]
        self._left -= len(data)
        return data


class _ZipLzma:
    """LZMA as zips hold it: two bytes of version, the size of the properties, the properties, the stream."""

    def __init__(self, size: int | None) -> None:
        import lzma

        self._inner = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
        self._size = size
        self._head: bytes | None = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return self._inner.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._head is not None:
            self._head += data
            if len(self._head) < 9:
                return b""
            data, self._head = self._lone(self._head), None
        return self._inner.decompress(data, max_length)

    def _lone(self, data: bytes) -> bytes:
        """Return the same stream behind the header of an .lzma file, which the standard library reads."""
        length, properties, dictionary = struct.unpack_from("<HBI", data, 2)
        if length != 5:
            raise ValueError(f"{length} bytes of LZMA properties in place of 5")
        if dictionary > MAX_DICTIONARY:
            raise UnsafeArchiveError(
                f"The zip has a member whose LZMA dictionary takes {dictionary >> 20} MB of memory; "
                f"the limit is {MAX_DICTIONARY >> 20} MB."
            )
        size = (1 << 64) - 1 if self._size is None else self._size
        return struct.pack("<BIQ", properties, dictionary, size) + data[9:]
