"""Zips for tests: made by Python's zipfile or by hand, and read back as a stream."""

from __future__ import annotations

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from chargebee_operators.archive.directory import read_directory
from chargebee_operators.archive.inflate import isal_codec, zlib_codec
from chargebee_operators.archive.member import STEP
from chargebee_operators.archive.records import CENTRAL, END, LOCAL, Entry
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.common.exceptions import ArchiveError

Files = list[tuple[str, bytes]]
CODECS = {codec.name: codec.new_inflater for codec in (isal_codec(), zlib_codec())}


class Unseekable(io.RawIOBase):
    """A pipe: writers put sizes behind the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)


def made(
    files: Files,
    method: int = zipfile.ZIP_DEFLATED,
    *,
    piped: bool = False,
    zip64: bool = False,
    comment: bytes = b"",
) -> bytes:
    """Return a zip by Python's zipfile."""
    target: Any = Unseekable() if piped else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.comment = comment
        for name, content in files:
            if name.endswith("/"):
                archive.writestr(name, content)
                continue
            with archive.open(name, "w", force_zip64=zip64) as member:
                member.write(content)
    return bytes(target.data) if piped else target.getvalue()


def shown(name: str) -> str:
    """Return a name without what a terminal or a log would obey."""
    turning = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    return "".join(
        "\ufffd"
        if unicodedata.category(each) in ("Cc", "Zl", "Zp")
        or unicodedata.bidirectional(each) in turning
        or each in "\u200e\u200f"
        else each
        for each in name
    )


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the data in chunks of this size."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


def read(data: bytes, size: int = 1 << 20, **arguments: Any) -> Files:
    """Read a zip as a stream of such chunks, and return its files.

    On the way: no step is larger than it may be, and what is passed through as DEFLATE inflates to the same.
    """
    files = []
    for member in ZipStream(cut(data, size), **arguments).members():
        compressed, content = bytearray(), bytearray()
        for packed, inflated in member:
            assert len(inflated) <= STEP
            compressed += packed
            content += inflated
        assert member.finished and member.inflated_size == len(content) and member.crc == zlib.crc32(content)
        if member.is_deflate:
            assert zlib.decompress(compressed, wbits=-15) == content
        files.append((member.name, bytes(content)))
    return files


def refused(data: bytes, **arguments: object) -> str:
    """Return the one sentence that a zip ends in, which must be the same with the directory read ahead or not."""
    with pytest.raises(ArchiveError) as caught:
        read(data, **arguments)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 300
    assert not isinstance(caught.value.__cause__, ArchiveError)
    return message


def directory(data: bytes) -> dict[int, Entry]:
    """Read a zip's directory out of order."""
    return read_directory(lambda offset, length: data[offset : offset + length], len(data))


def by_hand(members: list[dict[str, Any]], **end: Any) -> bytes:
    """Return a zip of stored members, each with the fields that its dict overrides.

    Keys: name, content; ``local_*`` and ``central_*`` with flags, method, crc, compressed, inflated, offset, disk;
    ``central_name``; behind, bytes after the data; central=False leaves the entry out.
    """
    body, central, count = bytearray(), bytearray(), 0
    for each in members:
        name, content = each.get("name", b"a.csv"), each.get("content", b"a\n1\n")
        packed = each.get("packed", content)
        offset = len(body)
        values = {
            "flags": 0,
            "method": 0,
            "crc": zlib.crc32(content),
            "compressed": len(packed),
            "inflated": len(content),
        }
        local = {key: each.get(f"local_{key}", value) for key, value in values.items()}
        listed = {key: each.get(f"central_{key}", value) for key, value in values.items()}
        body += LOCAL + _fields(local) + struct.pack("<HH", len(name), 0) + name + packed + each.get("behind", b"")
        if each.get("central", True):
            count += 1
            known = each.get("central_name", name)
            tail = (len(known), 0, 0, each.get("central_disk", 0), 0, 0, each.get("central_offset", offset))
            central += CENTRAL + b"\x14\x00" + _fields(listed) + struct.pack("<HHHHHII", *tail) + known
    start = len(body)
    sizes = {"disk": 0, "start_disk": 0, "here": count, "entries": count, "length": len(central), "offset": start}
    sizes.update(end)
    return bytes(body + central + END + struct.pack("<HHHHIIH", *sizes.values(), 0))


def _fields(values: dict[str, int]) -> bytes:
    crc_and_sizes = (values["crc"], values["compressed"], values["inflated"])
    return struct.pack("<HHHHHIII", 20, values["flags"], values["method"], 0, 0x21, *crc_and_sizes)
