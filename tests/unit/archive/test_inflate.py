"""What inflates: isal's and zlib's do the same, and the others keep to the same bounds."""

from __future__ import annotations

import bz2
import lzma
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import igzip_lib

from chargebee_operators.archive.inflate import (
    BZIP2,
    DEFLATED,
    LZMA,
    STORED,
    Inflater,
    best_codec,
    can_inflate,
    inflater_of,
    isal_codec,
    method_name,
    new_inflater,
    zlib_codec,
)
from chargebee_operators.common.exceptions import UnsafeArchiveError

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
CODECS = [isal_codec(), zlib_codec()]
TEXT = b"".join(b"id_%d,2024-01-01,%d\n" % (number, number * number) for number in range(3000))


def deflated(content: bytes, level: int = 6, strategy: int = 0, flush: bool = False) -> bytes:
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    middle = len(content) // 2
    parts = [deflater.compress(content[:middle])]
    if flush:
        parts.append(deflater.flush(zlib.Z_FULL_FLUSH))
    return b"".join([*parts, deflater.compress(content[middle:]), deflater.flush()])


def run(inflater: Inflater, data: bytes, piece: int, most: int) -> tuple[bytes, bytes | None]:
    """Return what comes out, and what is left behind the end; None without an end."""
    out, at = bytearray(), 0
    while not inflater.eof:
        fresh = b""
        if inflater.needs_input:
            fresh = data[at : at + piece]
            at += len(fresh)
            if not fresh:
                return bytes(out), None
        inflated = inflater.decompress(fresh, most)
        assert len(inflated) <= most
        out += inflated
    return bytes(out), inflater.unused_data + data[at:]


contents = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=20), st.integers(0, 3000)),
    st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(0, 9), st.integers(0, 40_000)),
    st.just(TEXT),
)


@settings(deadline=None, max_examples=150)
@given(
    content=contents,
    level=st.sampled_from([0, 1, 6, 9]),
    strategy=st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED]),
    flush=st.booleans(),
    behind=st.binary(max_size=40),
    piece=st.sampled_from([1, 2, 3, 7, 64, 1000, 1 << 20]),
    most=st.sampled_from([10, 100, 1000, 4096, 1 << 20]),
)
def test_isal_and_zlib_give_the_same(content, level, strategy, flush, behind, piece, most):
    data = deflated(content, level, strategy, flush) + behind
    for codec in CODECS:
        assert run(codec.new_inflater(), data, piece, most) == (content, behind), codec.name


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("most", [1, 10, 257, 258, 259])
def test_what_is_still_inside_when_the_input_is_used_up(codec, most):
    """Two bytes of input can stand for 258 bytes of output: they come without any more input."""
    assert run(codec.new_inflater(), deflated(b"a" * 5000), 1 << 20, most) == (b"a" * 5000, b"")


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_cut_stream_has_no_end(codec):
    whole = deflated(TEXT[:2000])
    for size in range(len(whole)):
        out, behind = run(codec.new_inflater(), whole[:size], 64, 1 << 20)
        assert behind is None
        assert TEXT[:2000].startswith(out)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("bad", [b"\x07\x07\x07", b"\x00\x05\x00\x00\x00aaaaa", b"\x03\x02" + b"\xff" * 20])
def test_damage_is_an_error(codec, bad):
    with pytest.raises((zlib.error, igzip_lib.error)):
        run(codec.new_inflater(), bad + bytes(100), 64, 1000)


def test_both_know_the_same_damage():
    """A bit is flipped anywhere: both inflate to the same bytes, or neither reaches an end with these."""
    whole = bytearray(deflated(TEXT[:600]))
    for bit in range(8 * len(whole)):
        whole[bit // 8] ^= 1 << bit % 8
        ends = []
        for codec in CODECS:
            try:
                ends.append(run(codec.new_inflater(), bytes(whole) + bytes(100), 64, 1 << 16))
            except Exception as error:
                ends.append((type(error).__name__, None))
        finished = [out for out, behind in ends if behind is not None]
        assert len(set(finished)) <= 1
        whole[bit // 8] ^= 1 << bit % 8


def test_isal_is_chosen_where_it_is_installed():
    assert best_codec().name == "isal"
    assert run(new_inflater(), deflated(TEXT) + b"behind", 1000, 1000) == (TEXT, b"behind")


@pytest.mark.parametrize("missing", ["isal", "isal.igzip_lib"])
def test_without_isal_zlib_does(missing):
    code = f"""
import sys
sys.modules[{missing!r}] = None
from chargebee_operators.archive import inflate
import zlib
deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
data = deflater.compress(b"text") + deflater.flush()
print(inflate.best_codec().name, inflate.new_inflater().decompress(data, 10).decode())
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(PLUGINS)}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["zlib", "text"]


def test_nothing_is_imported_before_it_is_needed():
    code = (
        "import sys, chargebee_operators.archive.zip_stream; print(sorted({'isal', 'bz2', 'lzma'} & set(sys.modules)))"
    )
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(PLUGINS)}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def zip_lzma(content: bytes) -> bytes:
    """Return a member's bytes as a zip has them, with an end marker."""
    lone = lzma.compress(content, lzma.FORMAT_ALONE)
    return b"\x09\x14" + struct.pack("<H", 5) + lone[:5] + lone[13:]


@pytest.mark.parametrize("piece", [1, 5, 100, 1 << 20])
@pytest.mark.parametrize("most", [1, 1000, 1 << 20])
@pytest.mark.parametrize("content", [b"", b"x", TEXT[:5000]], ids=["empty", "one", "text"])
def test_the_slow_methods(piece, most, content):
    made = {
        STORED: (content, len(content)),
        DEFLATED: (deflated(content), None),
        BZIP2: (bz2.compress(content), None),
        LZMA: (zip_lzma(content), None),
    }
    for method, (data, inflated) in made.items():
        assert can_inflate(method)
        inflater = inflater_of(method, len(data), inflated, new_inflater)
        if method == STORED and most < piece:
            continue  # it gives back what it was given, so the caller keeps the bound
        assert run(inflater, data + b"behind", piece, most) == (content, b"behind"), method_name(method)


def test_lzma_with_a_known_size():
    assert run(inflater_of(LZMA, 0, len(TEXT), new_inflater), zip_lzma(TEXT) + b"PK", 64, 1000) == (TEXT, b"PK")


def test_lzma_may_not_take_all_memory():
    data = b"\x09\x14\x05\x00\x5d" + struct.pack("<I", 1 << 31) + bytes(20)
    with pytest.raises(UnsafeArchiveError, match="2048 MB of memory"):
        run(inflater_of(LZMA, 0, None, new_inflater), data, 64, 1000)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Zstandard came with Python 3.14")
def test_zstandard():
    from compression import zstd

    inflater = inflater_of(93, 0, None, new_inflater)
    assert run(inflater, zstd.compress(TEXT) + b"behind", 100, 1000) == (TEXT, b"behind")


def test_methods_that_are_not_read_have_names():
    assert not any(can_inflate(method) for method in (1, 6, 9, 95, 98, 99, 1234))
    assert can_inflate(93) == (sys.version_info >= (3, 14))
    assert [method_name(each) for each in (9, 93, 1234)] == ["Deflate64", "Zstandard", "unknown"]
