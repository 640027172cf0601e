"""The download against the simulator's download host: the bytes, who is told what, the end of it."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chargebee_operators.common.exceptions import DownloadError
from chargebee_operators.download import download as downloads
from chargebee_simulator.tls import server_context
from support import odd_hosts
from support.download_site import BLOCK, ZIP, failing, over_http, over_tls, wait_until, workers

pytestmark = pytest.mark.usefixtures("nothing_of_a_url_is_logged")


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


@over_tls
def test_a_proxy_over_tls_is_known_by_the_ca_bundle_and_left_at_once(site, monkeypatch, tmp_path):
    context, authority = server_context(tmp_path / "tls")
    both = tmp_path / "both.pem"
    both.write_bytes(authority.read_bytes() + Path(site.ca_bundle).read_bytes())
    url = site.url()
    with odd_hosts.proxy(context) as (address, targets):
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("NO_PROXY", "")
        arguments = {"fresh_url": lambda: url, "settings": {"ca_bundle": str(both)}}
        assert b"".join(site.download(**arguments)) == ZIP
        assert targets
        site.control.fault("stall_download", times=None, skip=1)
        with closing(iter(site.download(**arguments))) as chunks:
            next(chunks)
        assert not workers(), "what waits for a stalled host is woken"
        download = site.download(**arguments)
        thread = threading.Thread(target=lambda: (wait_until(lambda: len(site.fetched()) > told), download.close()))
        told = len(site.fetched())
        thread.start()
        assert str(failing(download)) == f"Export {site.export_id}: the download was stopped."
        thread.join()


def test_a_line_tells_how_far_it_is_also_while_nothing_comes(site, caplog, monkeypatch):
    monkeypatch.setattr(downloads, "Progress", functools.partial(downloads.Progress, interval=1.5))
    site.control.fault("stall_download", after_bytes=1000)
    with closing(iter(site.download(streams=1, settings={"read_timeout": 4}))) as chunks:
        assert len(b"".join(chunks)) == len(ZIP)
    lines = [each.getMessage() for each in caplog.records]
    told = r"Export \w+: (nothing has come yet|1\.0 kB of 655\.7 kB \(0%\), \d+ B/s(, .+ left)?)"
    assert any(re.fullmatch(told, line) for line in lines)


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


def test_the_module_is_light_until_it_is_used():
    code = (
        "import sys, chargebee_operators.download.download; sys.exit(bool({'urllib3', 'requests'} & set(sys.modules)))"
    )
    plugins = Path(__file__).parents[3] / "plugins"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(plugins)}, check=True)
