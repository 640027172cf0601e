"""The simulator as a process of its own, over TLS, and as the official SDK sees it."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

import chargebee_simulator
from chargebee_simulator import ControlClient, SettingsError, Simulator, SimulatorSettings

KEY = "test_key_acme"
SIMULATOR = Path(chargebee_simulator.__file__).parent


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "chargebee_simulator", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SIMULATOR.parent)}


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError("It did not come about in time.")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        state = tmp_path / f"state-{len(started)}.json"
        process = subprocess.Popen(
            command("--state-file", str(state), *arguments),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        wait_for(lambda: state.exists() or process.poll() is not None)
        return process, json.loads(state.read_text())

    yield run
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def download(url: str, ca_bundle: str | None = None, resource: str = "customers") -> tuple[str, zipfile.ZipFile]:
    """Export a resource and return the download URL and the ZIP. Jobs must take no time."""
    # Given with each call: the environment's own bundle would win over the session's.
    verify = ca_bundle or True
    exports = f"{url}/api/v2/exports"
    created = requests.post(f"{exports}/{resource}", auth=(KEY, ""), verify=verify, timeout=30)
    export = created.json()["export"]["id"]
    got = requests.get(f"{exports}/{export}", auth=(KEY, ""), verify=verify, timeout=30)
    link = got.json()["export"]["download"]["download_url"]
    content = requests.get(link, verify=verify, timeout=30).content
    return link, zipfile.ZipFile(io.BytesIO(content))


def test_the_state_file_tells_all_and_a_signal_ends_it(start: Any) -> None:
    process, state = start("--job-seconds", "0", "--customers", "20", "--site", f"acme-test:{KEY}", "--site", "b:c")
    assert state["pid"] == process.pid and state["ca_bundle"] is None
    assert state["sites"] == {"acme-test": KEY, "b": "c"}
    assert state["control_url"] == f"{state['url']}/_control"
    link, archive = download(state["url"])
    assert link.startswith(state["download_url"]) and archive.namelist()
    control = ControlClient(state["control_url"])
    assert control.stats("acme-test")["downloads"] == 1
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert output == f"Chargebee simulator: API {state['url']} downloads {state['download_url']}\n"


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    arguments = command("--state-file", str(state), "--customers", "5")
    script = "import os, subprocess, sys; subprocess.Popen([*sys.argv[1:], '--parent-pid', str(os.getpid())]); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment()
    )
    wait_for(state.exists)
    control = ControlClient(json.loads(state.read_text())["control_url"])
    assert control.now() > 0
    parent.communicate(b"\n", timeout=30)

    def is_gone() -> bool:
        try:
            control.now()
        except OSError:
            return True
        return False

    wait_for(is_gone)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "many"], "Argument --port: invalid int value: 'many'."),
        (["--site", "nokey"], "A site is written NAME:KEY or NAME:KEY:forbidden"),
        (["--job-seconds", "4-1"], "'4-1' is not a job time"),
        (["--now", "soon"], "'soon' is not a time in ISO 8601"),
        (["--import", "customers"], "--import is written RESOURCE=FILE"),
        (["--import", "customers=none.csv"], "There is no file 'none.csv' to take customers from."),
        (["--import", f"cats={__file__}"], "There is no resource 'cats'"),
        (["--import", f"customers={__file__}"], "has no column of customers"),
        (["--profile", "fancy"], "Argument --profile: invalid choice: 'fancy'"),
        (["--tls-dir", "x"], "A TLS directory was given, but TLS was not requested."),
        (["--customers", "0"], "The company needs at least one customer."),
        (["--host", "203.0.113.1"], "The simulator cannot start: "),
    ],
)
def test_a_wrong_argument_gets_one_sentence(arguments: list[str], sentence: str) -> None:
    done = subprocess.run(command(*arguments), env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == ""
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_settings_are_checked_in_python_as_well() -> None:
    with pytest.raises(SettingsError, match="At least one site"):
        SimulatorSettings(sites=())
    with pytest.raises(SettingsError, match="cannot be called 'api'"):
        SimulatorSettings(sites=("api:key",))


def test_tls_with_a_ca_that_is_kept(tmp_path: Path) -> None:
    settings = SimulatorSettings(tls=True, tls_dir=tmp_path / "tls", job_seconds=0, customers=20)
    with Simulator(settings) as sim:
        assert sim.url.startswith("https://") and sim.ca_bundle
        link, archive = download(sim.url, sim.ca_bundle)
        assert link.startswith("https://") and archive.namelist()
        named = sim.url.replace("127.0.0.1", "localhost")
        assert download(named, sim.ca_bundle)[0].startswith("https://localhost:")
        assert ControlClient(sim.control_url, sim.ca_bundle).stats()["downloads"] == 2
        with pytest.raises(requests.exceptions.SSLError):
            download(sim.url)
        first = Path(sim.ca_bundle).read_bytes()
    assert (tmp_path / "tls" / "server.key").stat().st_mode & 0o077 == 0
    with Simulator(settings) as sim:
        assert Path(sim.ca_bundle or "").read_bytes() == first


def named_at(sim: Simulator, host: str) -> bool:
    """Return whether a client that checks the certificate as OpenSSL does finds a host named in it."""
    url = urlsplit(sim.url)
    context = ssl.create_default_context(cafile=sim.ca_bundle)
    with socket.create_connection((url.hostname, url.port), 30) as plain:
        try:
            context.wrap_socket(plain, server_hostname=host).close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_the_certificate_names_each_site(tmp_path: Path) -> None:
    settings = SimulatorSettings(tls=True, tls_dir=tmp_path, customers=5, sites=("a-test:key_a", "b:key_b"))
    with Simulator(settings) as sim:
        hosts = ["localhost", "127.0.0.1", "a-test.localhost", "b.localhost", "c.localhost"]
        assert [named_at(sim, host) for host in hosts] == [True, True, True, True, False]
    with Simulator(replace(settings, sites=("b:key_b", "c:key_c"))) as sim:
        assert named_at(sim, "c.localhost"), "a kept certificate that lacks a site is made anew"


def test_imported_records_come_out_again(start: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("customer[id],customer[first_name],billing_address[city],customer[cf_tier]\nc1,Zoë,東京,0012\n")
    _, state = start("--job-seconds", "0", "--import", f"customers={own}", "--profile", "bulk", "--now", "2024-06-01")
    _, archive = download(state["url"])
    header, row = archive.read("customers.csv").decode().splitlines()
    assert header.startswith("customer[id],customer[first_name],billing_address[city],customer[cf_tier],")
    assert row == "c1,Zoë,東京,0012,2024-05-31T00:00:00Z,2024-05-31T00:00:00Z"


def test_a_ready_made_zip_is_served_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("anything.csv", "a,b\n1,2\n")
    with Simulator(SimulatorSettings(serve_zips={"customers": path}, job_seconds=0)) as sim:
        assert download(sim.url)[1].read("anything.csv") == b"a,b\n1,2\n"
        assert download(sim.url, resource="coupons")[1].namelist() == ["Coupons.csv"]
        assert [export["rows"] is None for export in sim.control.exports()] == [True, False]
    assert path.exists()


def test_no_log_holds_a_key_or_a_download_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    # The client's own logs are not what is looked at.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    try:
        with Simulator(SimulatorSettings(job_seconds=0, customers=20)) as sim:
            sim.control.fault("cut_download", after_bytes=10)
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                download(sim.url)
            link, _ = download(sim.url)
            told = json.dumps([sim.control.requests(), sim.control.exports(ids=True), sim.control.stats()])
    finally:
        logging.getLogger("urllib3").setLevel(logging.NOTSET)
    for secret in (KEY, "X-Amz-Signature", link.partition("?")[2][:80]):
        assert secret not in caplog.text and secret not in told


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Simulator(SimulatorSettings(job_seconds=0, customers=20, tls=True)) as sim:
        download(sim.url, sim.ca_bundle)
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    stale = tmp_path / "state.json"
    stale.write_text("{}")
    with Simulator(SimulatorSettings(customers=5)) as sim:
        port = int(sim.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            Simulator(SimulatorSettings(customers=5, port=port, state_file=stale)).start()
        assert not stale.exists(), "an earlier run's file would lead astray"
        arguments = ["--port", str(port)]
        done = subprocess.run(command(*arguments), env=environment(), capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (2, "The simulator cannot start: Address already in use.\n")


def test_the_official_sdk_drives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    main = pytest.importorskip("chargebee.main")
    from chargebee.api_error import InvalidRequestError

    monkeypatch.setattr(main.Chargebee, "verify_ca_certs", False)
    with Simulator(SimulatorSettings(now="2024-06-01T00:00:00Z", customers=40, rate_limit=0)) as sim:
        client = main.Chargebee(KEY, "acme-test", protocol="http")
        client.env.api_endpoint = f"{sim.url}/api/v2"
        window = {"between": "[1717113600,1717199999]"}
        created = client.Export.customers({"customer": {"updated_at": window}}, {"chargebee-idempotency-key": "one"})
        assert str(created.export.status) == "in_process"
        replayed = client.Export.customers({"customer": {"updated_at": window}}, {"chargebee-idempotency-key": "one"})
        assert replayed.export.id == created.export.id and replayed.is_idempotency_replayed
        # What the SDK makes of a list and of a tuple: the API ignores both, and exports everything.
        client.Export.customers({"customer": {"updated_at": {"between": ["1717113600", "1717199999"]}}})
        client.Export.customers({"customer": {"updated_at": {"between": ("1717113600", "1717199999")}}})
        with pytest.raises(InvalidRequestError) as caught:
            client.Export.customers({"customer": {"taxability": {"is": "perhaps"}}})
        assert caught.value.api_error_code == "param_wrong_value"
        sim.control.advance(2)
        done = client.Export.retrieve(created.export.id).export
        assert str(done.status) == "completed" and done.download.valid_till > 0
        assert requests.get(done.download.download_url, timeout=30).content.startswith(b"PK")
        first, *others = sim.control.exports()
        assert first["applied"][0]["value"] == window["between"] and first["rows"] < 40
        assert [(export["applied"], export["rows"]) for export in others] == [([], 40), ([], 40)]
