"""Runs the DAG for real on this machine, and shows what landed.

    make demo                         # a made-up company, every resource
    make demo DATA=customers.csv      # your own customers, in Chargebee's bulk-operation format

Airflow is the real one, deferred tasks included; Chargebee is the simulator, S3 is SeaweedFS.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stack

DAG_ID = "chargebee_export"
BUCKET = "chargebee-demo"
SITE = "acme-test"
# A run takes about a minute; this is for one that hangs.
RUN_TIMEOUT = 900


class DemoError(Exception):
    """The demo could not be run; the message is for the person who ran it."""


def main() -> int:
    """Run the demo that the command line asks for."""
    parser = argparse.ArgumentParser(description="Run the Chargebee export DAG on this machine.")
    parser.add_argument("--data", metavar="FILE.csv", help="customers in Chargebee's bulk-operation format")
    data = parser.parse_args().data
    stack.exit_on_signals()
    try:
        demo(data)
    except (DemoError, stack.StackError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def demo(data: str | None) -> None:
    """Start the servers, run the DAG, and print what landed.

    :param data: path of a CSV of customers, or None for a made-up company.
    """
    rows_in = count_rows(data) if data else None
    key = f"test_{secrets.token_hex(16)}"
    folder = stack.ROOT / ".local" / "demo" / f"airflow-{airflow_version()}"
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--site", f"{SITE}:{key}", "--customers", "500", "--job-seconds", "2"]
    options += ["--import", f"customers={Path(data).resolve()}"] if data else []
    with stack.simulator(folder, *options) as chargebee, stack.s3_server(folder) as s3:
        s3.client().create_bucket(Bucket=BUCKET)
        print(f"Airflow {airflow_version()}, Chargebee simulator {chargebee.url}, S3 {s3.endpoint_url}")
        environment = airflow_environment(folder, chargebee, s3, key)
        prepare(environment, folder)
        seconds = run_dag(environment, folder, {"resources": ["customers"]} if data else {})
        landed = manifests(s3)
        show(s3, landed)
    print(f"\nThe run took {seconds:.0f} s.")
    if rows_in is not None:
        rows_out = sum(file["rows"] for file in landed[0]["files"] if file["member"] == own_file("customers"))
        print(f"Customers in {data}: {rows_in}; customers landed: {rows_out}.")
        if rows_in != rows_out:
            raise DemoError(f"{rows_in} customers went in and {rows_out} came out.")


def count_rows(path: str) -> int:
    """Return the records of a CSV file.

    :raises DemoError: when there is no such file, or it is not UTF-8 text.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return max(0, sum(1 for row in csv.reader(file) if row) - 1)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DemoError(f"DATA={path} cannot be read: {error}.") from None


def own_file(resource: str) -> str:
    """Return the name of the file that holds a resource's own records, beside those of related things."""
    return f"{resource.replace('_', ' ').title().replace(' ', '')}.csv"


def airflow_version() -> str:
    """Return the version of the Airflow in this environment."""
    from importlib.metadata import version

    return version("apache-airflow")


def airflow_environment(
    folder: Path, chargebee: stack.SimulatorAddress, s3: stack.S3Server, key: str
) -> dict[str, str]:
    """Return the environment in which Airflow finds the project, the servers and nothing else."""
    connection = {
        "conn_type": "generic",
        "login": SITE,
        "password": key,
        "host": chargebee.url,
        "extra": {"poll_interval": 1},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    # Airflow's many processes want their compiled modules, and our servers are on this machine, past any proxy.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **kept,
        "NO_PROXY": "127.0.0.1",
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(stack.ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(stack.ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CHARGEBEE_EXPORT__BUCKET": BUCKET,
        "AIRFLOW_CONN_CHARGEBEE_DEFAULT": json.dumps(connection),
        "AIRFLOW_CONN_AWS_DEFAULT": s3.connection(),
    }


def prepare(environment: Mapping[str, str], folder: Path) -> None:
    """Make Airflow's database."""
    airflow(["db", "migrate"], environment, folder / "db-migrate.log")
    if airflow_version().startswith("3.0."):
        # There `dags test` refuses the tasks of a DAG whose assets no DAG processor has seen yet.
        airflow(["dags", "reserialize"], environment, folder / "dags-reserialize.log")


def run_dag(environment: Mapping[str, str], folder: Path, conf: dict[str, Any]) -> float:
    """Run the DAG for the last complete day and return the seconds that it took."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    log = folder / "run.log"
    print(f"Running the DAG {DAG_ID}; its log is {os.path.relpath(log)} ...", flush=True)
    began = time.monotonic()
    airflow(["dags", "test", DAG_ID, today, "--conf", json.dumps(conf)], environment, log)
    return time.monotonic() - began


def airflow(arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
    """Run an Airflow command.

    :raises DemoError: when it fails, with the lines of its log that matter.
    """
    command = [sys.executable, "-m", "airflow", *arguments]
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                command,
                env=dict(environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=RUN_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DemoError(
                f"`airflow {' '.join(arguments[:2])}` did not end within {RUN_TIMEOUT} s; see {log}."
            ) from None
    if done.returncode:
        lines = log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if "Error" in line or "Exception" in line][-8:] or lines[-8:]
        raise DemoError(f"`airflow {' '.join(arguments[:2])}` failed; {log} ends:\n" + "\n".join(telling))


def manifests(s3: stack.S3Server, prefix: str = "") -> list[dict[str, Any]]:
    """Return the manifest of every committed partition below a prefix."""
    client = s3.client()
    keys = [each["Key"] for each in objects(client) if each["Key"].endswith("/_manifest.json")]
    wanted = [key for key in keys if key.startswith(prefix)]
    return [json.load(client.get_object(Bucket=BUCKET, Key=key)["Body"]) for key in wanted]


def objects(client: Any) -> list[dict[str, Any]]:
    """Return every object of the bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [each for page in pages for each in page.get("Contents", [])]


def show(s3: stack.S3Server, landed: list[dict[str, Any]]) -> None:
    """Print the objects, the rows of each resource and one manifest."""
    if not landed:
        raise DemoError("The run succeeded, but no partition was committed.")
    print(f"\nObjects in s3://{BUCKET}:")
    for each in objects(s3.client()):
        print(f"  {each['Size']:>8}  {each['Key']}")
    print("\nRows, file by file:")
    for manifest in landed:
        files = ", ".join(f"{file['member']} {file['rows']}" for file in manifest["files"])
        print(f"  {manifest['job']['resource']:<20} {files}")
    example = next((each for each in landed if each["job"]["resource"] == "customers"), landed[0])
    print("\nOne manifest in full:")
    print(json.dumps(example, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
