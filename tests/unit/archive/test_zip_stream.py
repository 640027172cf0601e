"""A zip as a stream: whatever Python's zipfile writes is read back whole, in any chunks."""

from __future__ import annotations

import functools
import gc
import math
import random
import struct
import weakref
import zipfile
from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.archive.directory import read_directory
from chargebee_operators.archive.inflate import isal_codec, zlib_codec
from chargebee_operators.archive.limits import Limits
from chargebee_operators.archive.member import STEP
from chargebee_operators.archive.records import (
    CENTRAL,
    END,
    END64,
    LOCAL,
    LOCATOR64,
    MAX32,
)
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.common.checksums import crc32
from chargebee_operators.common.exceptions import ArchiveError, DownloadError, UnsafeArchiveError
from support.zips import Unseekable, by_hand, cut, directory, made, read, shown

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0"), min_size=1, max_size=30)
contents = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(0, 9), st.integers(0, 200_000)),
    st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=30), st.integers(0, 20_000)),
)
files = st.lists(st.tuples(names, contents), max_size=4)
sizes = st.one_of(st.integers(1, 100), st.sampled_from([4096, STEP - 1, STEP, STEP + 1, 1 << 23]))


@settings(deadline=None, max_examples=80)
@given(
    files=files,
    method=st.sampled_from(METHODS),
    zip64=st.booleans(),
    piped=st.booleans(),
    size=sizes,
    ahead=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("codec", [isal_codec(), zlib_codec()], ids=lambda codec: codec.name)
def test_what_zipfile_writes(codec, files, method, zip64, piped, size, ahead):
    data = made(files, method, zip64=zip64, piped=piped)
    # Stored and piped members have their size behind them: the directory tells.
    listed = directory(data) if ahead else lambda: directory(data)
    found = read(data, max(size, len(data) // 20_000), new_inflater=codec.new_inflater, directory=listed)
    assert found == [(shown(name), content) for name, content in files]


def test_members_of_each_kind_in_one_zip():
    target = Unseekable()
    content = b"id\n" + b"1\n" * 1000
    with zipfile.ZipFile(target, "w") as archive:
        archive.mkdir("folder")
        for method in METHODS:
            archive.writestr(f"folder/{method}.csv", content, method)
    data = bytes(target.data)
    assert read(data, 100, directory=directory(data)) == [(f"folder/{method}.csv", content) for method in METHODS]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_are_given_as_they_are():
    odd = ["a.csv", "a.csv", "/etc/passwd", "../../a.csv", "C:\\a.csv", "Zoë\u3000x.csv", "x" * 1024]
    files = [(name, name[:100].encode()) for name in odd]
    assert read(made(files)) == files
    assert read(by_hand([{"name": b""}])) == [("", b"a\n1\n")]


def test_what_a_log_would_obey_is_not_in_a_name_but_counts_where_names_are_compared():
    data = made([("a\nb\x07\x1b[31m\u202e\u2028\x9b.csv", b"1\n")])
    assert read(data) == [("a\ufffdb\ufffd\ufffd[31m\ufffd\ufffd\ufffd.csv", b"1\n")]
    (listed,) = directory(data).values()
    assert listed.difference(replace(listed, name=listed.name.replace(b"\x07", b"\x06")), "the other")
    assert read(by_hand([{"name": b"nul\0.csv"}])) == [("nul\ufffd.csv", b"a\n1\n")]


def test_a_name_longer_than_any_key_of_s3_is_refused_before_it_is_kept():
    with pytest.raises(UnsafeArchiveError, match="has a name of 1025 bytes; the limit is 1024"):
        read(made([("x" * 1025, b"text")]))


def test_members_that_nobody_reads_are_checked():
    data = bytearray(by_hand([{"content": b"some text"}, {"content": b"more text"}]))
    members = ZipStream(cut(bytes(data), 7)).members()
    assert [member.name for member in members] == ["a.csv", "a.csv"]
    data[data.index(b"more")] ^= 1
    members = ZipStream(cut(bytes(data), 7)).members()
    with pytest.raises(ArchiveError, match="checksum"):
        list(members)


def test_a_member_is_read_once():
    member = next(ZipStream([made([("a.csv", b"text")])]).members())
    assert b"".join(inflated for _, inflated in member) == b"text"
    with pytest.raises(RuntimeError, match="once"):
        list(member)


@pytest.mark.parametrize("method", METHODS)
def test_the_last_pair_comes_only_after_the_check(method):
    content = random.Random(1).randbytes(3 * STEP)
    data = bytearray(made([("a.csv", content)], method))
    data[14] ^= 1  # the checksum in the header
    got = bytearray()
    member = next(ZipStream(cut(bytes(data), 1 << 20)).members())
    with pytest.raises(ArchiveError, match=r"'a\.csv' of the zip is damaged: its checksum is .* header says"):
        for _, inflated in member:
            got += inflated
    assert not member.finished
    assert len(got) < len(content)
    assert content.startswith(got)


def test_nothing_but_the_chunks_at_hand_is_read():
    """A member is given out before the rest of the zip has come."""
    data = made([("a.csv", b"first"), ("b.csv", b"second")])
    chunks = cut(data, 1)
    members = ZipStream(chunks).members()
    next(members)
    assert len(list(chunks)) > len(data) - 200


def test_a_member_beyond_4_gb():
    """With 64-bit sizes and offsets wherever they are needed."""
    block, times, name = bytes(1 << 20), 4100, b"big.csv"
    size = len(block) * times
    crc = functools.reduce(lambda value, each: crc32(each, value), repeat(block, times), 0)
    fields = struct.pack("<HHHHHIII", 45, 0, 0, 0, 0x21, crc, MAX32, MAX32)
    wide = struct.pack("<HHQQ", 1, 16, size, size)
    before = LOCAL + fields + struct.pack("<HH", len(name), len(wide)) + name + wide
    small = by_hand([{"name": b"small.csv"}])
    listed = small.index(CENTRAL)
    second, offset = small[:listed], len(before) + size
    start = offset + len(second)
    central = CENTRAL + b"\x2d\0" + fields + struct.pack("<HHHHHII", len(name), len(wide), 0, 0, 0, 0, 0) + name + wide
    wide = struct.pack("<HHQ", 1, 8, offset)
    entry = bytearray(small[listed : small.index(END)])
    entry[30:32], entry[42:46] = len(wide).to_bytes(2, "little"), b"\xff" * 4
    central += entry + wide
    end64 = END64 + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 2, 2, len(central), start)
    locator = LOCATOR64 + struct.pack("<IQI", 0, start + len(central), 1)
    end = END + struct.pack("<HHHHIIH", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, MAX32, MAX32, 0)
    after = second + central + end64 + locator + end

    def from_anywhere(at: int, length: int) -> bytes:
        rest = at - len(before) - size
        return after[rest : rest + length] if rest >= 0 else bytes(-rest) + after[: length + rest]

    ahead = read_directory(from_anywhere, len(before) + size + len(after))
    members = ZipStream([before, *repeat(block, times), after], directory=ahead).members()
    found = {member.name: sum(len(inflated) for _, inflated in member) for member in members}
    assert found == {"big.csv": size, "small.csv": 4}
    assert {each.name: each.offset for each in ahead.values()} == {b"big.csv": 0, b"small.csv": offset}


@pytest.mark.parametrize("size", [1, 13, 1 << 20])
def test_a_stored_member_with_its_size_behind_it(size):
    files = [("a.csv", b"PK\x07\x08PK\x01\x02 looks like an end"), ("empty.csv", b""), ("b.csv", b"text")]
    data = made(files, zipfile.ZIP_STORED, piped=True)
    assert read(data, size, directory=lambda: directory(data)) == files
    assert read(data, size, directory=directory(data)) == files
    with pytest.raises(UnsafeArchiveError, match=r"'a\.csv' of the zip has its size behind it"):
        read(data, size)


def test_an_empty_stored_member_with_its_size_behind_it_needs_no_directory():
    files = [("a.csv", b""), ("b.csv", b"")]
    assert read(made(files, zipfile.ZIP_STORED, piped=True)) == files


@pytest.mark.parametrize("comment", [b"", b"hello", b"PK\x05\x06" + bytes(18), b"x" * 65535])
def test_comments(comment):
    data = made([("a.csv", b"text")], comment=comment)
    assert read(data, 10) == [("a.csv", b"text")]
    assert read(data, 10, directory=directory(data)) == [("a.csv", b"text")]


def test_an_empty_zip_has_no_members():
    data = made([])
    assert read(data) == []
    assert directory(data) == {}
    assert read(data, directory={}) == []


def test_a_zip_that_could_have_been_split():
    data = made([("a.csv", b"text")])
    at = data.index(b"PK\x01\x02")
    moved = bytearray(b"PK00" + data)
    for field in (at + 4 + 42, len(moved) - 6):  # offsets of the member and the directory
        moved[field : field + 4] = (int.from_bytes(moved[field : field + 4], "little") + 4).to_bytes(4, "little")
    assert read(bytes(moved)) == [("a.csv", b"text")]


def test_the_directory_is_asked_for_only_when_it_is_needed():
    def unwanted():
        raise AssertionError("not needed")

    assert read(made([("a.csv", b"text")], piped=True), directory=unwanted) == [("a.csv", b"text")]


def test_many_members_where_they_are_allowed():
    data = by_hand([{"name": b"%d.csv" % number, "content": b"%d" % number} for number in range(12_000)])
    found = read(data, limits=Limits(members=12_000))
    assert len(found) == 12_000 and found[-1] == ("11999.csv", b"11999")


def begun_of(data: bytes, size: int | None, read: Callable[[], Any], most: int) -> list[str]:
    """Return the names of the members that are given out before the zip is refused for having too many."""
    begun: list[str] = []
    with pytest.raises(UnsafeArchiveError, match=f"more than {most} members"):
        for member in ZipStream(cut(data, 100), Limits(members=most), directory=read, size=lambda: size).members():
            begun.append(member.name)
    return begun


def test_too_many_members_are_refused_before_the_first_where_the_directory_can_be_read():
    def unreachable() -> None:
        raise DownloadError("no parts")

    data = by_hand([{"name": b"%d" % number} for number in range(21)])
    assert begun_of(data, len(data), lambda: directory(data), 20) == []
    for size, unread in ((None, lambda: directory(data)), (len(data), unreachable), (len(data), lambda: None)):
        assert len(begun_of(data, size, unread, 20)) == 20


def test_a_zip_that_is_too_small_for_too_many_members_is_read_without_its_directory():
    def unwanted() -> None:
        raise AssertionError("not needed")

    data = by_hand([{"name": b"%d" % number, "content": b""} for number in range(10)])
    limits = Limits(members=20)
    assert len(list(ZipStream([data], limits, directory=unwanted, size=lambda: len(data)).members())) == 10
    # Members could not be smaller: more than 20 of them would be longer than this zip.
    assert len(begun_of(by_hand([{"name": b"x", "content": b""}] * 21), None, unwanted, 20)) == 20


@pytest.mark.parametrize("piped", [False, True])
def test_a_members_size_is_known_ahead(piped):
    data = made([("a", b"1" * 1000), ("b", b"")], zipfile.ZIP_DEFLATED, piped=piped)
    archive = ZipStream([data], directory=lambda: directory(data))
    assert [member.size_ahead(len(data)) for member in archive.members()] == [1000, 0]


def test_a_size_ahead_is_not_believed_beyond_what_the_zip_could_hold():
    data = by_hand([{"local_inflated": MAX32 - 1}])
    member = next(ZipStream([data], Limits(ratio=100)).members())
    assert member.size_ahead(5000) == 500_000
    member = next(ZipStream([data], Limits(ratio=math.inf)).members())
    assert member.size_ahead(5000) == MAX32 - 1


def test_a_size_behind_its_member_is_not_known_ahead_where_no_part_can_be_fetched():
    def unreachable():
        raise DownloadError("no parts")

    data = made([("a", b"1" * 1000)], zipfile.ZIP_DEFLATED, piped=True)
    for unread in (None, unreachable, lambda: None):
        (member,) = ZipStream([data], directory=unread).members()
        assert member.size_ahead(len(data)) is None


def test_who_keeps_a_member_keeps_nothing_large():
    class Inflater:
        def __init__(self) -> None:
            self._inner = zlib_codec().new_inflater()
            inflaters.add(self)

        def __getattr__(self, name: str):
            return getattr(self._inner, name)

    inflaters: weakref.WeakSet[Inflater] = weakref.WeakSet()
    data = made([(f"{number}", b"x") for number in range(20)], zipfile.ZIP_DEFLATED)
    kept = []
    for member in ZipStream([data], new_inflater=Inflater).members():
        assert len(list(inflaters)) == 1
        kept.append(member)
        for _ in member:
            pass
    gc.collect()
    assert len(kept) == 20
    assert not list(inflaters)
