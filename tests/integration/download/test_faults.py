"""What goes wrong with a download: it is mended, or ends in one clear error."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from typing import Any

import pytest

from chargebee_operators.common.exceptions import AuthenticationError
from support.download_site import ZIP, failing, over_http, over_tls, wait_until

pytestmark = pytest.mark.usefixtures("nothing_of_a_url_is_logged")


# What goes wrong and is mended


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut_download", "after_bytes": 0, "times": 2},
        {"kind": "cut_download", "after_bytes": 5000, "times": 3},
        # No more than one block may have in a row, for all of them may meet the same one.
        {"kind": "cut_download", "after_bytes": 5000, "skip": 1, "times": 5},
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
    assert b"".join(site.download(settings=patience(fault, 0.5))) == ZIP


def patience(fault: dict[str, Any], seconds: float) -> dict[str, float]:
    """Wait for so short a time only where nothing will come: a busy machine is slow as well."""
    return {"read_timeout": seconds if fault["kind"] == "stall_download" else 30.0}


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
    chunks = iter(site.download(settings={"read_timeout": 3.0}))
    with closing(chunks):
        data = next(chunks)
        wait_until(lambda: len(site.fetched()) >= 5)
        site.control.advance(14401)
        assert data + b"".join(chunks) == ZIP
    assert site.urls_asked_for() == 2


def test_an_outage_of_chargebee_is_waited_out(site):
    broken = iter([1, 1])

    def fresh_url() -> str:
        from chargebee_operators.common.exceptions import UnavailableError

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
    assert str(error) == f"Export {site.export_id}: the connection was cut at byte {reached}, in 3 tries in a row."
    assert len(site.fetched()) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "expire_url", "times": None}, "the download host answered 403 at byte 0, in 2 tries in a row"),
        ({"kind": "status", "status": 500, "listener": "download", "times": None}, "answered 500 at byte 0"),
        ({"kind": "stall_download", "times": None}, "nothing came for 0.2 seconds at byte"),
        ({"kind": "change_object", "skip": 3}, "the zip changed while it was fetched; the task must start over"),
        ({"kind": "no_range", "times": None, "skip": 1}, "gave another range than was requested"),
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
    assert words in str(failing(site.download(resume_attempts=1, settings=patience(fault, 0.2))))


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
