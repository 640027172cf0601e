"""Zip bombs of all kinds: refused before they fill the memory, a disk or a day."""

from __future__ import annotations

import functools
import io
import struct
import tracemalloc
import zipfile

import pytest

from chargebee_operators.archive.directory import read_directory
from chargebee_operators.archive.limits import Limits
from chargebee_operators.archive.member import STEP
from chargebee_operators.archive.records import Entry
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.common.exceptions import ArchiveError, UnsafeArchiveError
from support.zips import CODECS, by_hand, cut, directory, made, refused


def test_a_hundred_thousand_members_are_refused_early():
    data = by_hand([{}])[: -46 - 5 - 22] * 100_000 + b"PK\x05\x06"
    data += struct.pack("<HHHHIIH", 0, 0, 0xFFFE, 0xFFFE, 0, len(data) - 4, 0)
    begun = 0
    with pytest.raises(UnsafeArchiveError, match="more than 10000 members: raise max_members"):
        for _ in ZipStream([data]).members():
            begun += 1
    assert begun == 10_000
    asked = []

    def fetch(offset: int, length: int) -> bytes:
        asked.append(length)
        return data[offset : offset + length]

    with pytest.raises(UnsafeArchiveError, match="more than 10000 members"):
        read_directory(fetch, len(data))
    assert asked == [22 + 65535 + 20]
    with pytest.raises(UnsafeArchiveError, match="more than 2 members"):
        next(ZipStream([made([])], Limits(members=2), directory={n: Entry(b"", 40 * n) for n in range(3)}).members())


def test_an_endless_directory_takes_no_memory():
    entry = by_hand([{}])[len(by_hand([{"central": False}])) - 22 : -22]

    def endless():
        yield by_hand([{"central": False}])[:-22]
        while True:
            yield entry * 1000

    with pytest.raises(ArchiveError, match="where no member begins"):
        list(ZipStream(endless()).members())


@functools.cache
def bomb(method: int = zipfile.ZIP_DEFLATED, size: int = 70 << 20) -> bytes:
    return made([("bomb.csv", bytes(size))], method)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("ahead", [False, True])
def test_bombs(method, ahead):
    data = bomb(method)
    listed = directory(data) if ahead else None
    assert "inflates more than 250 times" in refused(data, directory=listed)
    limits = Limits(total_bytes=1 << 20)
    assert "inflates to more than 1048576 bytes" in refused(data, limits=limits, directory=listed)


def test_a_bomb_is_refused_before_its_first_member_when_the_directory_is_known():
    data = bomb()
    with pytest.raises(UnsafeArchiveError, match="raise max_ratio"):
        next(ZipStream([data], directory=directory(data)).members())


@pytest.mark.parametrize("new_inflater", CODECS.values(), ids=CODECS)
def test_a_bomb_takes_no_memory(new_inflater):
    data = bomb(size=20 << 20)
    tracemalloc.start()
    try:
        for member in ZipStream([data], new_inflater=new_inflater).members():
            for _ in member:
                pass
        assert tracemalloc.get_traced_memory()[1] < 8 * STEP
    finally:
        tracemalloc.stop()


def test_members_inside_of_members():
    """The zip bomb of quoted local headers: each entry points into the one before."""
    inner = by_hand([{"name": b"inner.csv", "content": b"text"}])
    content = inner[: inner.index(b"PK\x01\x02")]
    outer = by_hand([{"name": b"outer.csv", "content": content}])
    listed = inner[len(content) : -22]
    offset = outer.index(content)
    listed = listed[:42] + struct.pack("<I", offset) + listed[46:]
    length = len(outer) - 22 - outer.index(b"PK\x01\x02") + len(listed)
    start = outer.index(b"PK\x01\x02")
    data = outer[:-22] + listed + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, length, start, 0)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["outer.csv", "inner.csv"]
    assert "lists 'inner.csv' where no member begins" in refused(data)
    assert "'inner.csv' lies inside of another member" in refused(data, directory=directory(data))


def test_what_cannot_be_mended_by_a_retry_is_permanent():
    permanent = [by_hand([{"local_flags": 1}]), by_hand([{"local_method": 9}]), bomb()]
    passing = [b"", b"<html>", by_hand([{"local_crc": 1}]), by_hand([{}])[:-1]]
    for data in permanent + passing:
        with pytest.raises(ArchiveError) as caught:
            list(ZipStream(cut(data, 1 << 20)).members())
        assert caught.value.permanent == (data in permanent)
