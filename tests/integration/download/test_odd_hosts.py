"""The download from hosts that are odd in other ways than the simulator."""

from __future__ import annotations

import itertools
import threading
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import DownloadError
from chargebee_operators.download.download import Download
from support import odd_hosts
from support.download_site import BLOCK, BLOCKS, ZIP, failing
from support.odd_hosts import Answer, asked
from support.simulator_calls import KEY, SITE

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
    timeout = changes.pop("read_timeout", 10)
    settings = SiteSettings(SITE, KEY, f"{host.url}/api/v2", custom_endpoint=True, read_timeout=timeout)
    given = {"pause": 0.001, "block_size": BLOCK, "resume_attempts": 1, **changes}
    url = given.pop("fresh_url", lambda: f"{host.url}/export.zip?X-Amz-Signature=secret")
    return Download(url, settings, "odd-1", **given)


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


AMISS = [
    pytest.param({"cut": 40}, id="ends-among-the-headers"),
    pytest.param({"cut": 10}, id="ends-in-the-first-line"),
    pytest.param({"cut": 40, "drips": 1}, id="headers-drip"),
    pytest.param({"cut": 400, "drips": 1}, id="body-drips"),
]


@pytest.mark.parametrize("amiss", AMISS)
@pytest.mark.parametrize("skip", [0, 3])
@pytest.mark.parametrize(
    "behave", [lambda headers: ranged(headers, {"ETag": '"a"'}), lambda headers: whole(headers, {"ETag": '"a"'})]
)
def test_an_answer_that_ends_early_or_hardly_comes_is_asked_for_again(behave, skip, amiss):
    requests = itertools.count()

    def sometimes(headers: Any) -> Answer:
        good = behave(headers)
        return replace(good, **amiss) if next(requests) == skip else good

    with odd_hosts.odd_host(sometimes) as host:
        # A busy machine is slow as well, and is then asked once more than need be.
        drips = "drips" in amiss
        download = odd_download(host, read_timeout=1 if drips else 30)
        ranges = behave({"Range": "bytes=0-9"}).status == 206
        assert b"".join(download) == ZIP
        needed = (BLOCKS if ranges else 1) + (skip == 0 or ranges)
        assert len(host.seen) >= needed if drips else len(host.seen) == needed
        assert download.is_ranged is ranges


def test_what_came_before_a_connection_stalled_is_not_asked_for_again():
    def behave(headers: Any) -> Answer:
        first, last = asked(headers, len(ZIP)) or (0, len(ZIP) - 1)
        # All that is asked for in a first attempt breaks off. Without what it brought the second would as well.
        good = ranged(headers, {"ETag": '"a"'})
        return replace(good, body=good.body[:40_000], holds=True) if last - first >= 40_000 else good

    with odd_hosts.odd_host(behave) as host:
        assert b"".join(odd_download(host, read_timeout=1)) == ZIP
        again = [each["Range"] for each in host.seen if asked(each, len(ZIP))[0] % BLOCK]
        assert set(again) >= {f"bytes={at + 40_000}-{at + BLOCK - 1}" for at in range(0, BLOCK * 10, BLOCK)}


def test_a_host_that_is_too_slow_is_left_without_the_loss_of_what_it_gave():
    data = ZIP[:1500]

    def behave(headers: Any) -> Answer:
        first, last = asked(headers, len(data))
        marks = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "ETag": '"a"'}
        return Answer(
            206, {**marks, "Content-Length": str(last - first + 1)}, data[first : last + 1], cut=250, drips=60
        )

    with odd_hosts.odd_host(behave) as host:
        assert b"".join(odd_download(host, read_timeout=1, resume_attempts=2)) == data
        firsts = [asked(each, len(data))[0] for each in host.seen]
        assert firsts == sorted(set(firsts)) and len(firsts) > 1


def test_a_refusal_of_ranges_is_not_the_end_of_a_stream_that_was_cut():
    def behave(headers: Any) -> Answer:
        if asked(headers, len(ZIP)) in ((0, BLOCK - 1), None):
            return Answer(200, {"ETag": '"a"', "Transfer-Encoding": "chunked"}, b"%x\r\n" % len(ZIP) + ZIP[:300_000])
        return Answer(416, {"Content-Length": "0"})

    with odd_hosts.odd_host(behave) as host:
        assert "answered 416 at byte" in str(failing(odd_download(host)))


def test_the_end_is_found_where_ranges_do_not_tell_it():
    requests = itertools.count()

    def behave(headers: Any) -> Answer:
        if next(requests) == 0:  # whole, of a length that nobody tells, and cut
            return Answer(200, {"ETag": '"a"', "Transfer-Encoding": "chunked"}, b"%x\r\n" % len(ZIP) + ZIP[:300_000])
        first, last = asked(headers, len(ZIP))
        if first >= len(ZIP):
            return Answer(416, {"Content-Length": "0"})
        last = min(last, first + 299_999)
        marks = {"Content-Range": f"bytes {first}-{last}/*", "Content-Length": str(last - first + 1), "ETag": '"a"'}
        return Answer(206, marks, ZIP[first : last + 1])

    with odd_hosts.odd_host(behave) as host:
        assert b"".join(odd_download(host)) == ZIP


def test_stopped_is_never_taken_for_the_end_of_a_stream_whose_length_nobody_knows():
    with odd_hosts.odd_host(lambda headers: replace(whole(headers, {}), holds=True)) as host:
        download = odd_download(host)
        with closing(iter(download)) as chunks, pytest.raises(DownloadError, match="the download was stopped"):
            while download.received < len(ZIP) // 2:
                next(chunks)
            threading.Timer(0, download.close).start()
            while True:
                next(chunks)


@pytest.mark.parametrize(
    "url", ["https://[bad/export.zip?X-Amz-Signature=s", "https://h:99999999/export.zip?X-Amz-Signature=s"]
)
def test_an_address_that_is_no_url_is_refused_at_once(url):
    with odd_hosts.odd_host(lambda headers: Answer(500)) as host:
        download = odd_download(host, fresh_url=lambda: url)
        assert str(failing(download)) == "Export odd-1: the address of the download can't be read as a URL."


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
        (lambda headers: ranged(headers, {}, cut=7), "no ETag or date that identifies the zip"),
        (
            lambda headers: Answer(200, CUT_CHUNKS, b"80000\r\n%b\r\n" % (b"x" * 0x80000)),
            "no size that identifies the zip",
        ),
        (lambda headers: ranged({"Range": "bytes=5-"}, {"ETag": '"a"'}), "another range than was requested"),
        (
            lambda headers: Answer(206, {"ETag": '"a"', "Content-Length": "3"}, b"abc"),
            "a part where the whole was requested",
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
