"""docker-compose.yaml: what it promises that can be seen without a container engine; `make compose-check` sees the rest."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import compose_check
import pytest
import yaml

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load(TEXT)["services"]


def test_every_port_is_published_on_loopback_alone_and_can_be_another(services):
    published = {name: port for name, service in services.items() for port in service.get("ports", ())}
    assert sorted(published) == ["api-server", "chargebee", "s3"]
    for port in published.values():
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port), port


def test_every_variable_is_explained_at_the_top():
    explained = TEXT[: TEXT.index("\nx-airflow")]
    for name, usual in re.findall(r"\$\{([A-Z_]+):-(\d+)\}", TEXT):
        assert name in explained and f"http://127.0.0.1:{usual}" in explained


def test_what_must_outlive_a_container_is_in_a_volume(services):
    volumes = yaml.safe_load(TEXT)["volumes"]
    assert set(volumes) == {"bucket", "database", "logs"}
    assert "bucket:/opt/s3" in services["s3"]["volumes"] and "-dir=/opt/s3 " in services["s3"]["command"][-1]
    assert services["postgres"]["volumes"] == ["database:/var/lib/postgresql/data"]


def test_every_start_may_take_minutes(services):
    checks = {name: service["healthcheck"] for name, service in services.items() if "healthcheck" in service}
    assert sorted(checks) == ["api-server", "chargebee", "postgres", "s3"]
    for name, check in checks.items():
        assert int(check["start_period"].removesuffix("m")) >= 5 and check["retries"] >= 30, name


def test_python_finds_what_the_image_has_compiled(services):
    for service in services.values():
        assert not [name for name in service.get("environment", ()) if name.startswith("PYTHONPYC")]


def test_jobs_take_long_enough_to_be_seen_waiting(services):
    shortest, longest = map(int, re.search(r"--job-seconds (\d+)-(\d+)", services["chargebee"]["command"]).groups())
    assert 5 <= shortest < longest


def test_without_a_container_engine_the_check_says_so(tmp_path):
    done = subprocess.run(
        [sys.executable, compose_check.__file__],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (
        "compose-check: There is no container engine that answers (`docker info`). Install and start one.\n"
    )
