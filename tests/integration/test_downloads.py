"""The download against the simulator's download host, and against hosts that are odd in other ways."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import odd_hosts
import pytest
import requests
from odd_hosts import Answer, asked

from chargebee_operators.connection import SiteSettings
from chargebee_operators.downloads import Download
from chargebee_operators.exceptions import AuthenticationError, ChargebeeExportError, DownloadError
from chargebee_simulator import Simulator, SimulatorSettings

SITE, KEY = "acme-test", "test_key_acme"
BLOCK = 64 << 10
ZIP = random.Random(7).randbytes(10 * BLOCK + 321)
BLOCKS = 11


class Site:
    """A simulator with one finished export, and the settings of a connection to it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self.ca_bundle = simulator.ca_bundle
        self.http = requests.Session()
        self.http.trust_env, self.http.verify, self.http.auth = False, self.ca_bundle or True, (KEY, "")
        self.export_id = ""

    def renew(self) -> None:
        """Forget what an earlier test has done: a new export, no faults, no requests."""
        self.control.clear_faults()
        self.export_id = str(self._call("POST", "coupons")["id"])
        self.control.clear_requests()

    def settings(self, **changes: Any) -> SiteSettings:
        endpoint = {"base_url": f"{self.simulator.url}/api/v2", "custom_endpoint": True, "ca_bundle": self.ca_bundle}
        return SiteSettings(**{"site": SITE, "api_key": KEY, **endpoint, **changes})

    def url(self) -> str:
        return str(self._call("GET", self.export_id)["download"]["download_url"])

    def download(self, **arguments: Any) -> Download:
        settings = self.settings(**arguments.pop("settings", {}))
        given = {"pause": 0.001, "block_size": BLOCK, **arguments}
        return Download(given.pop("fresh_url", self.url), settings, self.export_id, **given)

    def fetched(self) -> list[dict[str, Any]]:
        return self.control.requests(listener="download")

    def urls_asked_for(self) -> int:
        return len(self.control.requests(listener="api", method="GET"))

    def _call(self, method: str, path: str) -> dict[str, Any]:
        return dict(self.http.request(method, f"{self.simulator.url}/api/v2/exports/{path}").json()["export"])


@pytest.fixture(scope="module", params=["http", "https"])
def any_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("zip") / "export.zip"
    path.write_bytes(ZIP)
    settings = SimulatorSettings(
        serve_zips={"coupons": path}, job_seconds=0, rate_limit=0, customers=1, tls=request.param == "https"
    )
    with Simulator(settings) as simulator:
        yield Site(simulator)


@pytest.fixture
def site(any_site: Site) -> Iterator[Site]:
    any_site.renew()
    yield any_site
    assert not workers()


over_tls = pytest.mark.parametrize("any_site", ["https"], indirect=True)
over_http = pytest.mark.parametrize("any_site", ["http"], indirect=True)


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("download-")]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 seconds"
        time.sleep(0.01)


def failing(download: Download) -> ChargebeeExportError:
    """Read a download that must fail, and see that nothing hangs on its error that could quote a URL."""
    with pytest.raises(ChargebeeExportError) as caught:
        b"".join(download)
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    for secret in ("http:", "https:", "X-Amz", "Signature", ".zip", "/acme", "?", KEY):
        assert secret not in f"{error!s} {error!r}"
    return error


@pytest.fixture(autouse=True)
def nothing_of_a_url_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    logging.getLogger("airflow.task").propagate = True
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.get_records("call"):
        if not record.name.startswith(("asyncio", "aiohttp")):
            assert not any(secret in record.getMessage() for secret in ("X-Amz", "Signature", "export.zip", KEY))


# The bytes, and in how many requests


@pytest.mark.parametrize("streams", [1, 4])
def test_the_zip_comes_whole_and_each_byte_once(site, streams):
    download = site.download(streams=streams)
    assert b"".join(download) == ZIP
    assert (download.size, download.received) == (len(ZIP), len(ZIP))
    spans = sorted(tuple(map(int, each["range"][6:].split("-"))) for each in site.fetched())
    ends = [min(first + BLOCK, len(ZIP)) - 1 for first in range(0, len(ZIP), BLOCK)]
    assert spans[0] == (0, BLOCK - 1)
    assert spans == [(index * BLOCK, end) for index, end in enumerate(ends)]
    assert {each["status"] for each in site.fetched()} == {206}


def test_one_url_does_for_all_ranges(site):
    assert b"".join(site.download()) == ZIP
    assert site.urls_asked_for() == 1


def test_a_small_zip_takes_one_request(site):
    assert b"".join(site.download(block_size=len(ZIP))) == ZIP
    assert len(site.fetched()) == 1


@pytest.mark.parametrize("streams", [1, 2, 4])
@pytest.mark.parametrize("fault", [{"kind": "stall_download"}, {"kind": "slow", "bytes_per_second": 100}])
def test_so_many_ranges_are_fetched_at_a_time(site, streams, fault):
    # The first comes, and after it none gets to its end: what is under way can be counted.
    site.control.add_faults([{**fault, "times": None, "skip": 1}])
    with closing(iter(site.download(streams=streams))) as chunks:
        assert next(chunks) == ZIP[:BLOCK]
        wait_until(lambda: len(site.fetched()) == 1 + streams)
        assert len(workers()) == streams
    assert not workers()
    assert len(site.fetched()) == 1 + streams


def test_a_host_without_ranges_sends_one_stream(site):
    site.control.fault("no_range", times=None)
    assert b"".join(site.download()) == ZIP
    assert [each["status"] for each in site.fetched()] == [200]


# What goes wrong and is mended


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut_download", "after_bytes": 0, "times": 2},
        {"kind": "cut_download", "after_bytes": 5000, "times": 3},
        {"kind": "cut_download", "after_bytes": 5000, "skip": 1, "times": 8},
        {"kind": "cut_download", "after_bytes": 5000, "chunked": True, "clean": False, "times": 3},
        {"kind": "stall_download", "after_bytes": 5000, "times": 2},
        {"kind": "stall_download", "after_bytes": 5000, "skip": 3, "times": 2},
        {"kind": "status", "status": 503, "listener": "download", "times": 3},
        {"kind": "status", "status": 410, "listener": "download", "skip": 2, "times": 3},
        {"kind": "expire_url", "times": 3},
        {"kind": "expire_url", "skip": 5},
        {"kind": "redirect", "skip": 1, "times": 5},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
@pytest.mark.parametrize("ranges", [True, False])
def test_an_interruption_is_mended(site, fault, ranges):
    # Also when what is resumed has to be sent from its front again.
    site.control.add_faults([fault] if ranges else [fault, {"kind": "no_range", "times": None}])
    assert b"".join(site.download(settings={"read_timeout": 0.5})) == ZIP


def test_a_range_that_ends_early_without_an_error_is_seen(site):
    site.control.fault("cut_download", after_bytes=5000, chunked=True, times=3)
    assert b"".join(site.download()) == ZIP


def test_a_stream_of_unknown_length_ends_where_it_ends(site):
    site.control.fault("no_range", times=None)
    site.control.fault("cut_download", after_bytes=5000, chunked=True)
    assert b"".join(site.download()) == ZIP[:5000]  # the zip's own checks find that out


def test_a_cut_range_goes_on_where_it_stopped(site):
    site.control.fault("cut_download", after_bytes=700)
    assert b"".join(site.download(block_size=len(ZIP))) == ZIP
    assert [each["range"] for each in site.fetched()] == [f"bytes=0-{len(ZIP) - 1}", f"bytes=700-{len(ZIP) - 1}"]


def test_streams_that_lose_their_url_at_once_ask_for_one_new_one(site):
    site.control.fault("stall_download", times=4, skip=1)
    chunks = iter(site.download(settings={"read_timeout": 1.0}))
    with closing(chunks):
        data = next(chunks)
        wait_until(lambda: len(site.fetched()) == 5)
        site.control.advance(14401)
        assert data + b"".join(chunks) == ZIP
    assert site.urls_asked_for() == 2


def test_an_outage_of_chargebee_is_waited_out(site):
    broken = iter([1, 1])

    def fresh_url() -> str:
        from chargebee_operators.exceptions import UnavailableError

        if next(broken, None):
            raise UnavailableError("Site acme-test could not answer: 503")
        return site.url()

    assert b"".join(site.download(fresh_url=fresh_url)) == ZIP


@over_http
def test_a_host_that_asks_to_wait_is_given_the_time(site):
    site.control.fault("status", status=503, retry_after=1, listener="download")
    before = time.monotonic()
    assert b"".join(site.download()) == ZIP
    assert time.monotonic() - before >= 1


# What goes wrong and stays so


@pytest.mark.parametrize(("ranges", "reached"), [(True, 30), (False, 10)])
def test_attempts_without_progress_are_counted(site, ranges, reached):
    site.control.add_faults([{"kind": "no_range", "times": None}] if not ranges else [])
    site.control.fault("cut_download", after_bytes=10, times=None)
    error = failing(site.download(resume_attempts=2, streams=1))
    assert str(error) == f"Export {site.export_id}: the connection was cut at byte {reached}, 3 times in a row."
    assert len(site.fetched()) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "expire_url", "times": None}, "the download host answered 403 at byte 0, 2 times in a row"),
        ({"kind": "status", "status": 500, "listener": "download", "times": None}, "answered 500 at byte 0"),
        ({"kind": "stall_download", "times": None}, "nothing came for 0.2 seconds at byte"),
        ({"kind": "change_object", "skip": 3}, "the zip changed while it was fetched; the task must start over"),
        ({"kind": "no_range", "times": None, "skip": 1}, "gave another range than was asked for"),
        ({"kind": "redirect", "times": None}, "redirects more than 5 times"),
        ({"kind": "redirect", "to": "ftp://example.com/a?Signature=b", "times": None}, "not on https"),
        ({"kind": "redirect", "to": "https://10.0.0.1/a?Signature=b"}, "'10.0.0.1' has a private address; refused"),
        ({"kind": "redirect", "to": "https://0xa9fea9fe/latest/meta-data"}, "'0xa9fea9fe' has a link-local address"),
        ({"kind": "redirect", "to": "https://[bad", "times": None}, "the connection broke"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(str(each) for each in value.values()),
)
def test_what_can_not_be_mended_is_one_clear_error(site, fault, words):
    site.control.add_faults([fault])
    assert words in str(failing(site.download(resume_attempts=1, settings={"read_timeout": 0.2})))


@over_tls
def test_a_redirect_does_not_leave_tls(site):
    site.control.fault("redirect", to="http://127.0.0.1:9/a?Signature=b")
    error = failing(site.download())
    assert "not on https" in str(error) and error.permanent


def test_only_hosts_on_the_list(site):
    error = failing(site.download(settings={"allowed_download_hosts": ("amazonaws.com",)}))
    assert "download host '127.0.0.1' is not in allowed_download_hosts" in str(error)
    assert not site.fetched()
    assert b"".join(site.download(settings={"allowed_download_hosts": ("127.0.0.1",)})) == ZIP


@over_tls
def test_a_simulator_on_this_machine_is_refused_to_chargebee_itself(site):
    settings = {"base_url": "https://acme-test.chargebee.com/api/v2", "custom_endpoint": False}
    assert "'127.0.0.1' has a loopback address; refused" in str(failing(site.download(settings=settings)))
    assert not site.fetched()


@over_tls
@pytest.mark.parametrize("known", [False, True])
def test_only_certificates_of_known_authorities(site, monkeypatch, known):
    # The environment's own choice, which requests prefers to a session's, does not count.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/dev/null" if known else str(site.ca_bundle))
    if known:
        assert b"".join(site.download()) == ZIP
    else:
        error = failing(site.download(settings={"ca_bundle": None}))
        assert "is not trusted" in str(error) and "ca_bundle" in str(error) and error.permanent


@over_tls
def test_a_name_that_changes_its_mind_is_found_out(site, monkeypatch):
    """It is public when it is judged, and this machine when it is connected to."""
    name, answers = "localhost", ["8.8.8.8", "127.0.0.1"]
    resolve = socket.getaddrinfo

    def lie(host: Any, *arguments: Any, **options: Any) -> Any:
        if host != name:
            return resolve(host, *arguments, **options)
        return resolve(answers.pop(0), *arguments, **options)

    url = site.url().replace("127.0.0.1", name)
    monkeypatch.setattr(socket, "getaddrinfo", lie)
    settings = {"base_url": "https://acme-test.chargebee.com/api/v2", "custom_endpoint": False}
    error = failing(site.download(fresh_url=lambda: url, settings=settings))
    assert "'localhost' has a loopback address; refused" in str(error)
    assert not site.fetched() and not answers


def test_chargebees_refusal_comes_through_as_it_is(site):
    def fresh_url() -> str:
        raise AuthenticationError("Chargebee refused the API key", status=401)

    assert isinstance(failing(site.download(fresh_url=fresh_url)), AuthenticationError)


# Who is told what


@over_http
def test_no_credentials_reach_the_download_host(site, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    userinfo = site.url().replace("://", "://someone:secret@")
    assert b"".join(site.download(fresh_url=lambda: userinfo)) == ZIP
    assert {each["headers"]["authorized"] for each in site.fetched()} == {False}


@pytest.mark.parametrize(
    ("variable", "bypassed"), [("http_proxy", ""), ("HTTPS_PROXY", ""), ("all_proxy", "127.0.0.1")]
)
def test_the_environments_proxy_is_used(site, monkeypatch, variable, bypassed):
    url = site.url()
    with odd_hosts.proxy() as (address, targets):
        monkeypatch.setenv(variable, address)
        monkeypatch.setenv("NO_PROXY", bypassed)
        assert b"".join(site.download(fresh_url=lambda: url)) == ZIP
    method = "CONNECT" if site.ca_bundle else "GET"
    used = not bypassed and variable.lower().startswith("https") == bool(site.ca_bundle)
    assert set(targets) == ({f"{method} {site.simulator.download_url.partition('://')[2]}"} if used else set())


def test_the_log_tells_how_much_came_and_what_was_resumed(site, caplog):
    site.control.fault("cut_download", after_bytes=700)
    b"".join(site.download())
    told = [record.getMessage() for record in caplog.records if record.name.startswith("airflow.task.")]
    assert told[0].startswith(f"Export {site.export_id}: the connection was cut at byte 700, resuming")
    assert told[-1].startswith(f"Export {site.export_id}: fetched 655.7 kB in ")


# The end of it


def test_an_early_end_stops_everything(site):
    with closing(iter(site.download())) as chunks:
        next(chunks)
    assert not workers()


def test_a_task_that_is_killed_leaves_nothing_running(site):
    """Airflow raises in a signal handler, on the main thread, which may be the one that waits for bytes."""

    class Killed(BaseException):
        pass

    def handler(*_: Any) -> None:
        raise Killed

    def kill() -> None:
        try:
            wait_until(lambda: bool(site.fetched()))
        finally:
            os.kill(os.getpid(), signal.SIGUSR1)

    site.control.fault("stall_download", times=None, after_bytes=0)
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(Killed):
            b"".join(site.download())
        killer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not workers()


def test_another_thread_can_stop_it(site):
    site.control.fault("stall_download", times=None)
    download = site.download()
    thread = threading.Thread(target=lambda: (wait_until(lambda: bool(site.fetched())), download.close()))
    thread.start()
    assert str(failing(download)) == f"Export {site.export_id}: the download was stopped."
    thread.join()


def test_it_can_be_read_again_from_its_start(site):
    download = site.download()
    assert [b"".join(download), b"".join(download)] == [ZIP, ZIP]


# Out of order


def test_a_part_is_read_beside_the_stream(site):
    download = site.download()
    with closing(iter(download)) as chunks:
        data = next(chunks)
        site.control.fault("cut_download", after_bytes=10)
        assert download.read(len(ZIP) - 100, 100) == ZIP[-100:]
        assert data + b"".join(chunks) == ZIP
    assert download.read(5, 7) == ZIP[5:12]
    with pytest.raises(DownloadError, match="can't give that part"):
        download.read(len(ZIP) - 1, 2)


def test_a_part_of_another_object_is_refused(site):
    download = site.download()
    b"".join(download)
    site.control.fault("change_object")
    with pytest.raises(DownloadError, match="the zip changed"):
        download.read(0, 10)


def test_a_host_without_ranges_gives_no_part(site):
    site.control.fault("no_range", times=None)
    download = site.download()
    b"".join(download)
    with pytest.raises(DownloadError, match="can't give that part"):
        download.read(0, 10)


# Hosts that are odd in other ways than the simulator


DATED = {"Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT"}


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
        (lambda headers: ranged({"Range": "bytes=5-"}, {"ETag": '"a"'}), "another range than was asked for"),
        (
            lambda headers: Answer(206, {"ETag": '"a"', "Content-Length": "3"}, b"abc"),
            "a part where the whole was asked",
        ),
        (lambda headers: Answer(204), "the download host answered 204"),
        (lambda headers: Answer(302), "the download host answered 302"),
        (lambda headers: ranged(headers, {"ETag": '"a"'}, cut=7), "the connection was cut"),
    ],
    ids=["compressed", "cut-without-marks", "other-range", "no-range-told", "204", "302", "short"],
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


def test_the_module_is_light_until_it_is_used():
    code = "import sys, chargebee_operators.downloads; sys.exit(bool({'urllib3', 'requests'} & set(sys.modules)))"
    plugins = Path(__file__).parents[2] / "plugins"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(plugins)}, check=True)
