"""The download from hosts that are odd in other ways than the simulator."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import odd_hosts
import pytest
from download_site import BLOCK, BLOCKS, ZIP, failing
from odd_hosts import Answer, asked
from simulator_calls import KEY, SITE

from chargebee_operators.connection import SiteSettings
from chargebee_operators.downloads import Download

pytestmark = pytest.mark.usefixtures("nothing_of_a_url_is_logged")

DATED = {"Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT"}


CUT_CHUNKS = {"Last-Modified": "Tue, 24 Nov 2026 00:00:00 GMT", "Transfer-Encoding": "chunked"}


def ranged(headers: Any, marks: dict[str, str], cut: int = 0) -> Answer:
    """Answer as a host that gives out ranges would, without the last ``cut`` bytes."""
    span = asked(headers, len(ZIP))
    first, last = span or (0, len(ZIP) - 1)
    named = {"Content-Range": f"bytes {first}-{last}/{len(ZIP)}"} if span else {}
    length = {"Content-Length": str(last - first + 1)}
    return Answer(206 if span else 200, {**marks, **named, **length}, ZIP[first : last + 1 - cut])


def whole(headers: Any, marks: dict[str, str], end: int | None = None) -> Answer:
    """Answer as a host without ranges and without a Content-Length would."""
    return Answer(200, marks, ZIP[:end])


def odd_download(host: odd_hosts.OddHost, **changes: Any) -> Download:
    settings = SiteSettings(SITE, KEY, f"{host.url}/api/v2", custom_endpoint=True, read_timeout=10)
    given = {"pause": 0.001, "block_size": BLOCK, "resume_attempts": 1, **changes}
    return Download(lambda: f"{host.url}/export.zip?X-Amz-Signature=secret", settings, "odd-1", **given)


@pytest.mark.parametrize(
    ("behave", "ranges"),
    [
        (lambda headers: ranged(headers, {"ETag": 'W/"weak"', **DATED}), BLOCKS),
        (lambda headers: ranged(headers, DATED), BLOCKS),
        (lambda headers: ranged(headers, {}), 1),  # nothing to know the object by: one stream, all at once
        (lambda headers: ranged(headers, {"ETag": 'W/"weak"'}), 1),
        (lambda headers: whole(headers, {}), 1),
        (lambda headers: Answer(416) if "Range" in headers else whole(headers, {}), 1),
        (lambda headers: ranged(headers, {"ETag": '"a"'}), BLOCKS),
    ],
    ids=["weak-etag-and-date", "date", "no-marks", "weak-etag", "no-length", "no-first-range", "etag-only"],
)
def test_odd_hosts_that_can_be_read(behave, ranges):
    with odd_hosts.odd_host(behave) as host:
        assert b"".join(odd_download(host)) == ZIP
        good = [each for each in host.seen if "Range" in each] if ranges > 1 else [host.seen[-1]]
        assert len(good) == ranges
        assert {each["Accept-Encoding"] for each in host.seen} == {"identity"}
        # A weak mark must not be sent as If-Range.
        assert not any(each.get("If-Range", "").startswith("W/") for each in host.seen)


def test_a_host_that_gives_less_than_was_asked_for_is_asked_again():
    def behave(headers: Any) -> Answer:
        first, last = asked(headers, len(ZIP)) or (0, len(ZIP) - 1)
        return ranged({"Range": f"bytes={first}-{min(last, first + 40_000)}"}, {"ETag": '"a"'})

    with odd_hosts.odd_host(behave) as host:
        assert b"".join(odd_download(host, resume_attempts=0)) == ZIP


def test_an_empty_object_is_an_empty_zip_for_others_to_judge():
    def behave(headers: Any) -> Answer:
        return (
            Answer(416, {"Content-Range": "bytes */0"}) if "Range" in headers else Answer(200, {"Content-Length": "0"})
        )

    with odd_hosts.odd_host(behave) as host:
        assert list(odd_download(host)) == []


def test_no_cookie_is_sent_back():
    with odd_hosts.odd_host(lambda headers: ranged(headers, {"ETag": '"a"', "Set-Cookie": "id=1; Path=/"})) as host:
        assert b"".join(odd_download(host)) == ZIP
        assert not any("Cookie" in each or "Authorization" in each for each in host.seen)


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (lambda headers: ranged(headers, {"ETag": '"a"', "Content-Encoding": "gzip"}), "Content-Encoding 'gzip'"),
        (lambda headers: ranged(headers, {}, cut=7), "no ETag or date to know the zip by"),
        (lambda headers: Answer(200, CUT_CHUNKS, b"80000\r\n%b\r\n" % (b"x" * 0x80000)), "no size to know the zip by"),
        (lambda headers: ranged({"Range": "bytes=5-"}, {"ETag": '"a"'}), "another range than was asked for"),
        (
            lambda headers: Answer(206, {"ETag": '"a"', "Content-Length": "3"}, b"abc"),
            "a part where the whole was asked",
        ),
        (lambda headers: Answer(204), "the download host answered 204"),
        (lambda headers: Answer(302), "the download host answered 302"),
        (lambda headers: ranged(headers, {"ETag": '"a"'}, cut=7), "the connection was cut"),
    ],
    ids=["compressed", "cut-without-marks", "cut-without-size", "other-range", "no-range-told", "204", "302", "short"],
)
def test_odd_hosts_that_can_not(behave, words):
    with odd_hosts.odd_host(behave) as host:
        assert words in str(failing(odd_download(host, resume_attempts=0 if "short" in words else 1, streams=1)))


def test_a_header_that_can_not_be_parsed_is_not_logged_with_the_url():
    def behave(headers: Any) -> Answer:
        answer = ranged(headers, {"ETag": '"a"'})
        answer.head = b"X-Good: 1\r\n bad\x00 : : \r\nno colon here\r\n"
        return answer

    with odd_hosts.odd_host(behave) as host, closing(iter(odd_download(host))) as chunks:
        for _ in chunks:
            break


def test_the_body_of_a_redirect_is_not_read():
    """It could go on for ever, and would be read into memory."""
    sent = threading.Event()

    def behave(headers: Any) -> Answer:
        if sent.is_set():
            return ranged(headers, {"ETag": '"a"'})
        sent.set()
        return Answer(
            302, {"Location": "/other.zip?X-Amz-Signature=1", "Content-Length": str(1 << 50)}, b"x" * 1000, holds=True
        )

    with odd_hosts.odd_host(behave) as host:
        assert b"".join(odd_download(host, resume_attempts=0)) == ZIP
