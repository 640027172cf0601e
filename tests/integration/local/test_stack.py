"""The servers of one machine: reached past any proxy, and nothing of them is left."""

from __future__ import annotations

from pathlib import Path

import stack

NOWHERE = "http://127.0.0.1:9"


def test_the_servers_are_reached_past_a_proxy(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with stack.s3_server(tmp_path / "s3") as s3, stack.simulator(tmp_path / "chargebee") as chargebee:
        s3.client().create_bucket(Bucket="past-a-proxy")
        assert [each["Name"] for each in s3.client().list_buckets()["Buckets"]] == ["past-a-proxy"]
        assert chargebee.url.startswith("http://127.0.0.1:")


def test_the_servers_leave_nothing_in_the_temporary_folder(tmp_path, monkeypatch):
    ports: list[int] = []
    free_ports = stack.free_ports

    def noted(count: int) -> list[int]:
        ports.extend(found := free_ports(count))
        return found

    monkeypatch.setattr(stack, "free_ports", noted)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    made = "*-{}.sock"
    with stack.s3_server(tmp_path / "s3"), stack.simulator(tmp_path / "chargebee"):
        sockets = [path for port in ports for path in Path("/tmp").glob(made.format(port))]
        assert sockets and list((tmp_path / "tmp").iterdir()), "both use it while they run"
    assert not [path for port in ports for path in Path("/tmp").glob(made.format(port))]
    assert not list((tmp_path / "tmp").iterdir())
    assert not [path for path in (tmp_path / "s3").iterdir() if path.is_dir()], "nor does the store stay"
