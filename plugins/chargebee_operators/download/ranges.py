"""Which bytes of which object an answer holds: ranges, and the marks an object is known by. Pure; RFC 9110, 13 and 14."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_CONTENT_RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)", re.ASCII)


@dataclass
class Block:
    """A stretch of the object that is fetched as one.

    :param first: offset of its first byte.
    :param last: offset of its last byte; None for the end of the object, wherever that is.
    """

    first: int
    last: int | None
    at: int = field(init=False)  # offset of the next byte that is missing
    of_unknown_end: bool = field(init=False, default=False)  # its host gives out ranges, but not of how much

    def __post_init__(self) -> None:
        self.at = self.first

    @property
    def complete(self) -> bool:
        """Whether all of it has come."""
        return self.last is not None and self.at > self.last


@dataclass(frozen=True)
class Span:
    """The bytes of an answer.

    :param first: offset of the first.
    :param last: offset of the last, or None where only the answer's end will tell.
    """

    first: int
    last: int | None

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str]) -> Span | None:
        """Read what a 200 or 206 says of itself; None when a 206 does not say which range it is."""
        if status != 206:
            size = _whole_size(headers)
            return cls(0, None if size is None else size - 1)
        match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if not match or int(match[1]) > int(match[2]):
            return None
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class ObjectVersion:
    """By what an object is known to be the same one.

    :param size: in bytes, or None when it is not known.
    :param etag: a strong ETag, or None: a weak one may stay as it is when bytes change.
    :param modified: Last-Modified as it came, or None.
    """

    size: int | None
    etag: str | None
    modified: str | None

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str]) -> ObjectVersion:
        """Read the marks from a 200 or 206."""
        if status == 206:
            match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
            size = int(match[3]) if match and match[3] != "*" else None
        else:
            size = _whole_size(headers)
        etag = headers.get("ETag", "").strip()
        strong = etag if etag and not etag.startswith("W/") else None
        return cls(size, strong, headers.get("Last-Modified", "").strip() or None)

    @property
    def provable(self) -> bool:
        """Whether a later answer is known to be of the same object."""
        return self.etag is not None or (self.modified is not None and self.size is not None)

    def same_as(self, other: ObjectVersion) -> bool:
        """Tell whether both are surely the same object."""
        if None not in (self.size, other.size) and self.size != other.size:
            return False
        if self.etag and other.etag:
            return self.etag == other.etag
        return self.modified is not None and None not in (self.size, other.size) and self.modified == other.modified


@dataclass
class RemoteObject:
    """What is known of the zip on the download host; the first answer tells.

    :param version: the marks of the object that was begun.
    :param ranged: whether its host gives out ranges.
    """

    version: ObjectVersion | None = None
    ranged: bool | None = None


def _whole_size(headers: Mapping[str, str]) -> int | None:
    length = headers.get("Content-Length", "").strip()
    return int(length) if length.isascii() and length.isdigit() else None
