"""Zips that are damaged, hostile or none: each ends in one clear error, or in the right data."""

from __future__ import annotations

import contextlib
import itertools
import random
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.common.exceptions import ArchiveError, UnsafeArchiveError
from support.zips import CODECS, by_hand, directory, made, read, refused

FILES = [("Zoë.csv", b"id,name\n" + b"1,Ada\n" * 9), ("empty.csv", b""), ("b.csv", b"id\n2\n")]
KINDS = {
    "deflated": made(FILES),
    "piped": made(FILES, piped=True),
    "zip64": made(FILES, zip64=True, comment=b"a comment"),
    "bzip2": made(FILES[1:], zipfile.ZIP_BZIP2),
    "lzma": made(FILES[1:], zipfile.ZIP_LZMA, piped=True),
    "stored": by_hand([{"name": name.encode(), "content": content} for name, content in FILES[1:]]),
}
kinds = pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
kinds_and_codecs = pytest.mark.parametrize(
    ("data", "new_inflater"),
    [(data, CODECS["isal"]) for data in KINDS.values()]
    + [(KINDS[kind], CODECS["zlib"]) for kind in ("deflated", "piped")],
    ids=[*KINDS, "deflated-zlib", "piped-zlib"],
)


@kinds_and_codecs
def test_a_zip_that_is_cut_anywhere_never_passes(data, new_inflater):
    for size in range(len(data)):
        message = refused(data[:size], new_inflater=new_inflater)
        assert "cut short" in message or not size
        with pytest.raises(ArchiveError):
            directory(data[:size])


@kinds_and_codecs
def test_a_flipped_bit_anywhere_never_passes_for_other_data(data, new_inflater):
    right, whole, passed = read(data), bytearray(data), 0
    for bit in range(8 * len(whole)):
        whole[bit // 8] ^= 1 << bit % 8
        for ahead in (False, True):
            try:
                listed = directory(bytes(whole)) if ahead else None
                assert read(bytes(whole), new_inflater=new_inflater, directory=listed) == right
                passed += 1
            except ArchiveError:
                pass
        whole[bit // 8] ^= 1 << bit % 8
    # Times, attributes, versions and comments say nothing of the data.
    assert 0 < passed < 16 * len(whole) / 2


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 1 << 30), size=st.integers(1, 300))
def test_bytes_overwritten_anywhere_never_pass_for_other_data(kind, seed, size):
    chance, data = random.Random(seed), bytearray(KINDS[kind])
    right = read(KINDS[kind])
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(20)] = chance.randbytes(chance.randrange(20))
    with contextlib.suppress(ArchiveError):
        assert read(bytes(data), size) == right


@given(data=st.binary(max_size=200))
def test_noise_is_an_error(data):
    refused(data)
    with pytest.raises(ArchiveError):
        directory(data)


@kinds
def test_garbage_before_between_and_behind(data):
    second = data.index(b"PK\x03\x04", 4)
    central = data.index(b"PK\x01\x02")
    assert "not a zip" in refused(b"garbage" + data)
    assert "damaged" in refused(data[:second] + b"garbage" + data[second:])
    assert "does not belong" in refused(data[:central] + b"garbage" + data[central:])
    assert "behind its end" in refused(data + b"garbage")
    assert "behind its end" in refused(data + data)


@kinds
@pytest.mark.parametrize("padding", [1, 512, 10_240, 70_000, 1 << 20])
def test_zero_bytes_behind_the_end_are_padding(data, padding):
    padded = data + bytes(padding)
    assert directory(padded) == directory(data)
    assert read(padded, 4096) == read(padded, 4096, directory=directory(padded)) == read(data)


@pytest.mark.parametrize("padding", [100, 100_000])
def test_zero_bytes_may_follow_a_long_comment_too(padding):
    padded = made(FILES, comment=b"x" * 65_535) + bytes(padding)
    assert read(padded, directory=directory(padded)) == FILES


def test_zero_bytes_without_an_end_or_before_other_bytes_are_no_padding():
    data = made(FILES)
    assert "behind its end" in refused(data + bytes(512) + b"x")
    assert "behind its end" in refused(data + bytes(512) + data)
    with pytest.raises(ArchiveError, match="more than 1 MB of zero bytes follow its end"):
        read(data + bytes((1 << 20) + 1))
    endless = itertools.chain([data], itertools.repeat(bytes(1 << 16)))
    with pytest.raises(ArchiveError, match="more than 1 MB"):
        list(ZipStream(endless).members())
    for cut_off in (data + bytes(2 << 20), data[:-30] + bytes(512), bytes(512)):
        with pytest.raises(ArchiveError):
            directory(cut_off)
    with pytest.raises(ArchiveError):
        read(data[:-30] + bytes(512))


HEADERS = {
    "name": {"central_name": b"b.csv"},
    "method": {"central_method": 8},
    "encryption": {"central_flags": 1},
    "checksum": {"central_crc": 1},
    "compressed size": {"central_compressed": 5},
    "size": {"central_inflated": 5},
}


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(("what", "fields"), HEADERS.items(), ids=HEADERS)
def test_a_directory_that_disagrees_with_the_member(what, fields, ahead):
    data = by_hand([fields])
    message = refused(data, directory=directory(data) if ahead else None)
    assert message.startswith("Member 'a.csv' of the zip is damaged: its " + what)
    assert "but the directory says" in message


def test_with_the_directory_known_what_is_wrong_shows_at_the_member():
    data = by_hand([{"central_crc": 1}, {}])
    member = next(ZipStream([data], directory=directory(data)).members())
    with pytest.raises(ArchiveError, match="checksum is .* but the directory says 00000001"):
        list(member)
    assert not member.finished


@pytest.mark.parametrize("fields", [{"local_crc": 1}, {"local_inflated": 3}, {"local_compressed": 3}])
def test_a_header_that_disagrees_with_the_data(fields):
    assert "damaged" in refused(by_hand([fields]))


def test_sizes_in_the_header_are_only_believed_when_they_are_final():
    """With a descriptor the sizes in front may be anything."""
    content = b"some text " * 50
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = deflater.compress(content) + deflater.flush()
    for signature in (b"PK\x07\x08", b""):
        for form in ("<III", "<IQQ"):
            behind = signature + struct.pack(form, zlib.crc32(content), len(packed), len(content))
            member = {"content": content, "packed": packed, "behind": behind, "local_crc": 1}
            for key, value in {"flags": 8, "method": 8}.items():
                member |= {f"local_{key}": value, f"central_{key}": value}
            member |= {"local_inflated": 99, "local_compressed": 0}
            assert read(by_hand([member, {}])) == [("a.csv", content), ("a.csv", b"a\n1\n")]
            member["behind"] = behind[:-1] + b"\x01"
            assert "checksum or size" in refused(by_hand([member, {}]))


ENDS = {
    "fewer members": ({"entries": 1}, "not what the record at its end says"),
    "more members": ({"entries": 3}, "not what the record at its end says"),
    "another length": ({"length": 5}, "not what the record at its end says"),
    "another place": ({"offset": 5}, "not what the record at its end says"),
    "another disk": ({"disk": 1}, "several parts"),
    "a directory elsewhere": ({"start_disk": 1}, "several parts"),
}


@pytest.mark.parametrize(("end", "message"), ENDS.values(), ids=ENDS)
def test_an_end_that_is_wrong(end, message):
    data = by_hand([{}, {"name": b"b.csv"}], **end)
    assert message in refused(data)
    with pytest.raises(ArchiveError):
        directory(data)


@pytest.mark.parametrize("data", [b"PK\x07\x08" + by_hand([{}]), by_hand([{"central_disk": 1}])])
def test_a_part_of_several(data):
    assert "several parts" in refused(data)


def test_members_and_directory_that_do_not_match():
    assert "does not list 'b.csv'" in refused(by_hand([{}, {"name": b"b.csv", "central": False}]))
    assert "lists 'a.csv' where no member begins" in refused(by_hand([{"central_offset": 7}]))
    assert "lists 'a.csv' where no member begins" in refused(by_hand([{}, {"central_offset": 0}]))


METHOD_NAMES = {1: "Shrink", 6: "Implode", 9: "Deflate64", 20: "Zstandard", 95: "XZ", 98: "PPMd", 77: "unknown"}


@pytest.mark.parametrize(("method", "name"), METHOD_NAMES.items(), ids=METHOD_NAMES.values())
def test_methods_that_are_not_read(method, name):
    data = by_hand([{"local_method": method, "central_method": method}])
    assert f"'a.csv' of the zip is packed with method {method} ({name}" in refused(data)
    with pytest.raises(UnsafeArchiveError):
        read(data)


@pytest.mark.parametrize("fields", [{"local_flags": 1}, {"local_flags": 0x41}, {"local_method": 99}])
def test_encrypted_members(fields):
    assert refused(by_hand([fields])) == "Member 'a.csv' of the zip is encrypted; an export never is."


def test_a_folder_that_holds_data_is_not_passed_over():
    assert read(by_hand([{"name": b"folder/", "content": b""}, {}])) == [("a.csv", b"a\n1\n")]
    assert "'folder/' of the zip is damaged: it is a folder" in refused(by_hand([{"name": b"folder/"}, {}]))
    assert "a folder" in refused(by_hand([{"name": b"folder\\"}]))


BODIES = {
    "XML": b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Q>X-Amz-Signature=secret</Q></Error>',
    "a web page": b"\n<!DOCTYPE html><html><body>secret</body></html>",
    "JSON": b'{"message": "secret"}',
    "a gzip file": b"\x1f\x8b\x08secret",
    "a PDF": b"%PDF-1.7 secret",
    "plain text": b"id,name\n1,secret\n",
    "something else": bytes(range(200)) + b"secret",
    "empty": b"",
}


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize(("kind", "body"), BODIES.items(), ids=BODIES)
def test_a_body_that_is_no_zip(kind, body, size):
    message = refused(body, size=size)
    assert message.startswith(f"The download is {kind}") and message.endswith(", not a zip.")
    assert "secret" not in message


def test_a_name_that_is_called_utf_8_in_one_place_only():
    for flags in ({"local_flags": 0x800}, {"central_flags": 0x800}):
        data = by_hand([{"name": "é.csv".encode(), **flags}])
        for listed in (None, directory(data)):
            ((_, content),) = read(data, directory=listed)
            assert content == b"a\n1\n"
