"""What an answer says of the bytes it brings and of the object they are from."""

from __future__ import annotations

import pytest

from chargebee_operators.download.ranges import Block, ObjectVersion, Span


@pytest.mark.parametrize(
    ("status", "headers", "span"),
    [
        (200, {"Content-Length": "10"}, Span(0, 9)),
        (200, {"Content-Length": "0"}, Span(0, -1)),
        (200, {}, Span(0, None)),
        (200, {"Content-Length": "ten"}, Span(0, None)),
        (206, {"Content-Range": "bytes 5-9/10", "Content-Length": "5"}, Span(5, 9)),
        (206, {"Content-Range": "bytes 5-9/*"}, Span(5, 9)),
        (206, {"Content-Range": "bytes 9-5/10"}, None),
        (206, {"Content-Range": "lines 5-9/10"}, None),
        (206, {"Content-Length": "5"}, None),
    ],
)
def test_span(status, headers, span):
    assert Span.of(status, headers) == span


@pytest.mark.parametrize(
    ("status", "headers", "version"),
    [
        (200, {"Content-Length": "10", "ETag": '"a"'}, ObjectVersion(10, '"a"', None)),
        (200, {"Content-Length": "10", "ETag": 'W/"a"', "Last-Modified": "Mon"}, ObjectVersion(10, None, "Mon")),
        (206, {"Content-Range": "bytes 0-4/10", "Content-Length": "5"}, ObjectVersion(10, None, None)),
        (206, {"Content-Range": "bytes 0-4/*", "Content-Length": "5"}, ObjectVersion(None, None, None)),
    ],
)
def test_version(status, headers, version):
    assert ObjectVersion.of(status, headers) == version


A, B = '"a"', '"b"'


@pytest.mark.parametrize(
    ("begun", "now", "same"),
    [
        ((10, A, None), (10, A, None), True),
        ((10, A, "Mon"), (10, A, "Tue"), True),
        ((10, A, "Mon"), (10, B, "Mon"), False),
        ((10, A, None), (11, A, None), False),
        ((None, A, None), (10, A, None), True),
        ((10, None, "Mon"), (10, None, "Mon"), True),
        ((10, None, "Mon"), (10, None, "Tue"), False),
        ((10, None, "Mon"), (11, None, "Mon"), False),
        ((None, None, "Mon"), (10, None, "Mon"), False),
        ((10, A, None), (10, None, None), False),
        ((10, None, None), (10, None, None), False),
    ],
)
def test_the_same_object_or_not_surely(begun, now, same):
    assert ObjectVersion(*begun).same_as(ObjectVersion(*now)) is same


@pytest.mark.parametrize(
    ("version", "provable"),
    [((None, A, None), True), ((10, None, "Mon"), True), ((None, None, "Mon"), False), ((10, None, None), False)],
)
def test_marks_that_a_resumption_can_be_checked_by(version, provable):
    assert ObjectVersion(*version).provable is provable


def test_a_block_is_complete_with_its_last_byte():
    block = Block(5, 9)
    block.at = 9
    assert not block.complete
    block.at = 10
    assert block.complete
    assert Block(0, -1).complete and not Block(0, None).complete
