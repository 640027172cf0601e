"""The object behind a download URL: a file, looked at through whatever a fault has done to it."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from dataclasses import dataclass, replace
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO

_LOCAL_HEADER = 30  # bytes, before the name and the extra field


@dataclass(frozen=True)
class StoredObject:
    """A file as one sees it by HTTP. Sizes and offsets are in bytes."""

    path: Path
    file_size: int
    size: int  # as served
    etag: str
    last_modified: str
    tail: bytes = b""  # replaces the file's last two bytes
    flipped: int | None = None  # the offset of a byte whose bits are turned over

    @classmethod
    def of(cls, path: Path, identity: str, revision: int) -> StoredObject:
        """Return a file's object. `revision` counts how often it was replaced: each has its own ETag and size."""
        details = path.stat()
        tail = b"" if not revision else _comment(revision)
        size = details.st_size + len(tail) - 2 * bool(tail)
        digest = hashlib.blake2b(f"{identity}:{revision}:{details.st_size}".encode(), digest_size=16).hexdigest()
        return cls(path, details.st_size, size, f'"{digest}"', formatdate(int(details.st_mtime), usegmt=True), tail)

    def weak_spot(self) -> int:
        """Return the offset of a byte in the middle of the largest member's data."""
        return _middle_of_largest(self.path, self.file_size)

    def corrupted(self) -> StoredObject:
        """Return the object with one byte of its compressed data turned over."""
        return replace(self, flipped=self.weak_spot())

    def truncated(self, size: int) -> StoredObject:
        """Return the object as if it ended after `size` bytes."""
        return replace(self, size=min(size, self.size))

    def read(self, file: BinaryIO, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on, fewer at the end."""
        length = min(length, self.size - offset)
        file.seek(offset)
        data = file.read(length)
        if self.tail:
            start = self.file_size - 2
            data = (data[: max(0, start - offset)] + self.tail[max(0, offset - start) :])[:length]
        if self.flipped is not None and offset <= self.flipped < offset + len(data):
            at = self.flipped - offset
            data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        return data


def _comment(revision: int) -> bytes:
    """Return the end of a ZIP that has a comment: its length, which the ZIP ends with otherwise, and the text."""
    text = b"replaced " * revision
    return struct.pack("<H", len(text)) + text


def _middle_of_largest(path: Path, size: int) -> int:
    try:
        with zipfile.ZipFile(path) as archive:
            member = max(archive.infolist(), key=lambda info: info.compress_size)
    except (zipfile.BadZipFile, ValueError):
        return size // 2
    with open(path, "rb") as file:
        file.seek(member.header_offset + _LOCAL_HEADER - 4)
        lengths: tuple[int, int] = struct.unpack("<HH", file.read(4))  # of the name and the extra field
    return member.header_offset + _LOCAL_HEADER + sum(lengths) + member.compress_size // 2
