"""Whether bytes are UTF-8, whatever pieces they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.formats.utf8_check import Utf8Check
from support.csv_cases import in_pieces


def wrong_at(data: bytes, size: int) -> int | None:
    check = Utf8Check()
    for piece in in_pieces(data, size):
        check.feed(piece)
    check.finish()
    return check.wrong_at


def told_by_python(data: bytes) -> int | None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


@given(
    st.lists(
        st.one_of(st.text(max_size=8).map(lambda text: text.encode(errors="surrogatepass")), st.binary(max_size=3))
    ).map(b"".join),
    st.integers(1, 9),
)
def test_the_first_byte_that_is_no_utf_8_is_found_where_python_finds_it(data, size):
    assert wrong_at(data, size) == told_by_python(data)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("at", [0, 1, 100_000])
def test_one_letter_anywhere_shows_another_encoding(encoding, at):
    data = b"x" * at + "é".encode(encoding) + b"x" * 100_000
    assert wrong_at(data, 1 << 12) == (None if encoding == "utf-8" else at)


@pytest.mark.parametrize("text", ["é", "€", "\U0001f600"])
def test_a_file_that_ends_inside_a_character_is_not_utf_8(text):
    data = text.encode()
    for end in range(1, len(data)):
        assert wrong_at(b"abc" + data[:end], 1) == 3
    assert wrong_at(b"abc" + data, 1) is None
