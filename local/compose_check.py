"""Brings docker-compose.yaml up as a person would, runs the DAG in it, and takes it down again: `make compose-check`.

    python3 local/compose_check.py                 # builds the image first
    python3 local/compose_check.py --no-build      # takes an image of that name that exists

It has a project name and ports of its own, so that it runs beside a stack that is up. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import stack

PROJECT = "chargebee-compose-check"
DAG_ID = "chargebee_export"
BUCKET = "chargebee-demo"
RUN_SECONDS = 1800
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CheckFailed(Exception):
    """Something is not as docker-compose.yaml promises; the message says what."""


def main() -> int:
    """Check the stack; return 1 with a sentence where it fails."""
    parser = argparse.ArgumentParser(description="Bring docker-compose.yaml up and run the DAG in it.")
    parser.add_argument("--no-build", action="store_true", help="take an image that exists")
    options = parser.parse_args()
    stack.exit_on_signals()
    try:
        check(options.no_build)
    except CheckFailed as error:
        print(f"compose-check: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def check(no_build: bool) -> None:
    """Bring it up, run the DAG, stop and start the S3 server, and take all of it down."""
    command = compose_command()
    airflow, bucket, chargebee = stack.free_ports(3)
    ports = {"AIRFLOW_PORT": str(airflow), "BUCKET_PORT": str(bucket), "CHARGEBEE_PORT": str(chargebee)}

    def compose(*arguments: str) -> None:
        done = subprocess.run([*command, *arguments], cwd=stack.ROOT, env={**os.environ, **ports}, check=False)
        if done.returncode:
            raise CheckFailed(f"`{' '.join([*command[-3:], *arguments])}` ended with {done.returncode}.")

    try:
        say("Starting the containers ...")
        compose("up", "--detach", "--no-build" if no_build else "--build")
        say(f"All containers are up. Airflow is at http://127.0.0.1:{airflow}")
        run_dag(airflow)
        written = manifests(bucket)
        if not written:
            raise CheckFailed("The run succeeded, but the bucket has no manifest.")
        exports = get(chargebee, "/_control/exports")["exports"]
        requests = get(chargebee, "/_control/requests")["requests"]
        # Only the triggerer calls Chargebee with this client. On a slow machine, no export is left to wait for.
        looks = sum("aiohttp" in str(each["headers"].get("user-agent")) for each in requests)
        say(f"Exports made: {len(exports)}; calls of the triggerer: {looks}; partitions written: {len(written)}.")
        compose("down")
        compose("up", "--detach", "--no-build", "s3")
        if wait_for("the S3 server", lambda: manifests(bucket)) != written:
            raise CheckFailed("After `down` and `up` the bucket has other manifests.")
        say("The bucket is the same after `down` and `up`.")
    except BaseException:
        subprocess.run([*command, "logs", "--tail", "30"], cwd=stack.ROOT, env={**os.environ, **ports}, check=False)
        raise
    finally:
        compose("down", "--volumes")
    say("ok")


def compose_command() -> list[str]:
    """Return how Compose is called on this machine, with the project's name.

    :raises CheckFailed: where there is no container engine.
    """
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        raise CheckFailed("There is no container engine that answers (`docker info`). Install and start one.")
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, "version"], capture_output=True, check=False)
            if not done.returncode:
                return [*command, "--project-name", PROJECT]
    raise CheckFailed("Docker has no Compose: neither `docker compose` nor `docker-compose` answers.")


def run_dag(port: int) -> None:
    """Switch the DAG on, and wait for the run that Airflow starts then."""
    token = wait_for("Airflow", lambda: get(port, "/auth/token"))["access_token"]
    header, dag = {"Authorization": f"Bearer {token}"}, f"/api/v2/dags/{DAG_ID}"
    wait_for(f"the DAG {DAG_ID}", lambda: get(port, dag, header))
    wait_for("the switch", lambda: call(port, "PATCH", dag, header, {"is_paused": False}))
    runs = wait_for("the scheduled run", lambda: get(port, f"{dag}/dagRuns", header)["dag_runs"])
    address, began = f"{dag}/dagRuns/{runs[0]['dag_run_id']}", time.monotonic()
    reported: set[str] = set()

    def look() -> str | None:
        """Print what has ended since the last look; return the run's state, once it has ended."""
        for task in get(port, f"{address}/taskInstances?limit=200", header)["task_instances"]:
            name, state = task["task_id"], task["state"]
            if state in ("success", "failed", "upstream_failed") and name not in reported:
                reported.add(name)
                say(f"  {name:<28} {state}")
        state = get(port, address, header)["state"]
        return state if state in ("success", "failed") else None

    state = wait_for("the end of the run", look, RUN_SECONDS)
    say(f"The run took {time.monotonic() - began:.0f} s: {state}.")
    if state != "success":
        raise CheckFailed("The run failed.")


def manifests(port: int) -> list[str]:
    """Return the path of every manifest in the bucket, as the S3 server's browser lists them."""
    return sorted(path for path in files(port, f"/buckets/{BUCKET}/") if path.endswith(".json"))


def files(port: int, folder: str) -> list[str]:
    """Return the path of every file below a folder."""
    found: list[str] = []
    for entry in get(port, f"{folder}?limit=1000", {"Accept": "application/json"}).get("Entries") or []:
        is_folder = bool(entry["Mode"] >> 31)
        found += files(port, f"{entry['FullPath']}/") if is_folder else [entry["FullPath"]]
    return found


def get(port: int, path: str, headers: dict[str, str] | None = None) -> Any:
    """Return the JSON of a page on this machine."""
    return call(port, "GET", path, headers or {})


def call(port: int, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
    """Send a request to a port of this machine and return the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    place, mark, query = path.partition("?")
    address = f"http://127.0.0.1:{port}{quote(place)}{mark}{query}"
    request = urllib.request.Request(address, data, {"Content-Type": "application/json", **headers}, method=method)
    with _OPENER.open(request, timeout=60) as answer:
        return json.load(answer)


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 600) -> Any:
    """Return what ``ready`` gives, once it gives something.

    :raises CheckFailed: when it does not in time, with the last error.
    """
    deadline, last = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if answer := ready():
                return answer
        except (OSError, ValueError) as error:  # not up yet, or slow to answer
            last = f" Last error: {error}."
        time.sleep(2)
    raise CheckFailed(f"{what} did not come within {seconds:.0f} s.{last}")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
