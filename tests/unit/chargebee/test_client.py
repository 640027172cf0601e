"""The worker's client against servers of every kind, over real sockets."""

from __future__ import annotations

import gzip
import json
import threading
import time
from typing import Any

import pytest

from chargebee_operators.chargebee.calls import NOT_JSON, ApiRequest
from chargebee_operators.chargebee.client import ChargebeeClient
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import UnavailableError
from support.http_server import send, server

LOOK = ApiRequest("GET", "/exports/one", headers={"chargebee-business-entity-id": "entity"})
ASK = ApiRequest("POST", "/exports/customers", (("customer[id][is]", "ü &"),))
BODY = json.dumps({"export": {"id": "one"}}).encode()


def client(base: str, **changes: Any) -> ChargebeeClient:
    return ChargebeeClient(SiteSettings(site="acme-test", api_key="key", base_url=f"{base}/api/v2", **changes))


def test_what_is_sent_and_what_comes_back():
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    def answer(handler: Any, body: bytes) -> None:
        seen.append((handler.command, handler.path, dict(handler.headers), body))
        send(handler, BODY, Date="Tue, 24 Nov 2026 12:00:30 GMT", Chargebee_Idempotency_Replayed="true")

    with server(answer) as base:
        chargebee = client(base)
        got = [chargebee.send(each) for each in (LOOK, ASK)]
    (get, post), key = seen, chargebee.settings.authorization
    assert get[:2] == ("GET", "/api/v2/exports/one") and get[3] == b""
    assert post[:2] == ("POST", "/api/v2/exports/customers") and post[3] == ASK.body
    assert (get[2]["Authorization"], get[2]["chargebee-business-entity-id"]) == (key, "entity")
    assert post[2]["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Content-Type" not in get[2]
    for each in got:
        assert (each.status, each.payload) == (200, {"export": {"id": "one"}})
        assert each.headers["chargebee-idempotency-replayed"] == "true"
        assert each.date is not None and each.date.isoformat() == "2026-11-24T12:00:30+00:00"


def test_calls_after_one_another_share_a_connection():
    peers: set[Any] = set()

    def answer(handler: Any, body: bytes) -> None:
        peers.add(handler.client_address)
        send(handler, BODY)

    with server(answer) as base:
        chargebee = client(base)
        for _ in range(5):
            chargebee.send(LOOK)
    assert len(peers) == 1


@pytest.mark.parametrize("status", [200, 302, 404, 429, 503])
def test_any_status_is_an_answer_and_a_redirect_is_not_followed(status):
    paths: list[str] = []

    def answer(handler: Any, body: bytes) -> None:
        paths.append(handler.path)
        send(handler, b"<html>", status, Location="/elsewhere")

    with server(answer) as base:
        got = client(base).send(LOOK)
    assert (got.status, got.payload) == (status, NOT_JSON)
    assert paths == ["/api/v2/exports/one"]


def test_a_compressed_answer_is_read():
    with server(lambda handler, _: send(handler, gzip.compress(BODY), Content_Encoding="gzip")) as base:
        assert client(base).send(LOOK).payload == {"export": {"id": "one"}}


def test_bytes_that_are_no_text_are_no_json():
    with server(lambda handler, _: send(handler, b'{"a": "\xff\xfe')) as base:
        assert client(base).send(LOOK).payload is NOT_JSON


def drop(handler: Any, _: bytes) -> None:
    handler.close_connection = True
    handler.connection.close()


def cut(handler: Any, _: bytes) -> None:
    handler.close_connection = True
    send(handler, BODY[:10], Content_Length="100")
    handler.connection.close()


def garbage(handler: Any, _: bytes) -> None:
    handler.close_connection = True
    handler.wfile.write(b"this is no HTTP\r\n\r\n")


def bad_gzip(handler: Any, _: bytes) -> None:
    send(handler, BODY, Content_Encoding="gzip")


@pytest.mark.parametrize("answer", [drop, cut, garbage, bad_gzip])
def test_an_answer_that_is_not_whole_is_an_outage_that_quotes_nothing(answer):
    with server(answer) as base, pytest.raises(UnavailableError, match="acme-test gave no complete answer") as caught:
        client(base).send(LOOK)
    assert "127.0.0.1" not in str(caught.value) and "exports" not in str(caught.value)


def test_nobody_there_is_an_outage():
    with pytest.raises(UnavailableError, match="acme-test could not be reached"):
        client("http://127.0.0.1:9").send(LOOK)


def test_a_silent_server_is_an_outage():
    ended = threading.Event()
    with server(lambda *_: ended.wait(30)) as base:
        try:
            with pytest.raises(UnavailableError, match="TimeoutError"):
                client(base, read_timeout=0.1).send(LOOK)
        finally:
            ended.set()


def test_a_server_that_gives_a_byte_at_a_time_is_an_outage():
    ended = threading.Event()

    def answer(handler: Any, _: bytes) -> None:
        send(handler, b"", Content_Length="1000000")
        while not ended.wait(0.05):
            handler.wfile.write(b" ")

    with server(answer) as base:
        try:
            begun = time.monotonic()
            with pytest.raises(UnavailableError, match="TimeoutError"):
                client(base, connect_timeout=0.3, read_timeout=0.3).send(LOOK)
            assert time.monotonic() - begun < 30
        finally:
            ended.set()


def test_a_netrc_that_names_the_site_changes_nothing(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str] = []

    def answer(handler: Any, _: bytes) -> None:
        seen.append(handler.headers["Authorization"])
        send(handler, BODY)

    with server(answer) as base:
        chargebee = client(base)
        chargebee.send(LOOK)
    assert seen == [chargebee.settings.authorization]


def test_a_proxy_is_used_with_its_credentials(monkeypatch):
    seen: list[tuple[str, str, str, str]] = []

    def answer(handler: Any, _: bytes) -> None:
        headers = handler.headers
        seen.append((handler.path, headers["Host"], headers["Proxy-Authorization"], headers["Authorization"]))
        send(handler, BODY)

    with server(answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy.replace("http://", "http://user:se%2Fcret@"))
        chargebee = client("http://acme.example")
        chargebee.send(LOOK)
    url, key = "http://acme.example/api/v2/exports/one", chargebee.settings.authorization
    assert seen == [(url, "acme.example", "Basic dXNlcjpzZS9jcmV0", key)]
