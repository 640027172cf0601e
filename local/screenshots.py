"""Makes the pictures in docs/images from the running stack of docker-compose.yaml: `make screenshots`.

    docker compose down --volumes; docker compose up --build
    make screenshots

Start with a fresh stack: the pictures show its first run. Chromium must be installed; ``CHROMIUM`` is its path.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from playwright.sync_api import Page, sync_playwright

DAG_ID = "chargebee_export"
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
RUN_SECONDS = 1800
# The pictures are as wide as GitHub shows them, at twice the density.
VIEW = {"width": 1200, "height": 760}
# So long does each export take while the pictures of the waiting are made.
JOB_SECONDS = 90
# Chargebee makes five exports of a site at a time.
EXPORT_SLOTS = 5


class NotReady(Exception):
    """The stack is not what the pictures need; the message says what to do."""


class Airflow:
    """The API of the stack's Airflow."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.page = f"{url}/dags/{DAG_ID}"
        self._session = requests.Session()
        self._session.trust_env = False  # loopback never goes through a proxy
        token = self._session.get(f"{url}/auth/token", timeout=60).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        """Return the answer to a call below /api/v2/dags/chargebee_export."""
        answer = self._session.get(f"{self.url}/api/v2/dags/{DAG_ID}{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def is_parsed(self) -> bool:
        """Whether Airflow knows the DAG."""
        return self._session.get(f"{self.url}/api/v2/dags/{DAG_ID}", timeout=60).status_code == 200

    def switch_on(self) -> str:
        """Switch the DAG on, and return the id of the run that Airflow starts then."""
        self._session.patch(
            f"{self.url}/api/v2/dags/{DAG_ID}", json={"is_paused": False}, timeout=60
        ).raise_for_status()
        runs = until("the first run", lambda: self.get("/dagRuns")["dag_runs"])
        return str(runs[0]["dag_run_id"])

    def states(self, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run."""
        answer = self.get(f"/dagRuns/{quote(run_id)}/taskInstances?limit=200")
        return {each["task_id"]: each["state"] for each in answer["task_instances"]}

    def ended(self, run_id: str) -> bool:
        """Whether a run has ended well.

        :raises NotReady: when it failed.
        """
        state = self.get(f"/dagRuns/{quote(run_id)}")["state"]
        if state == "failed":
            raise NotReady(f"The run {run_id} failed. Look at its logs at {self.url}.")
        return bool(state == "success")


def main() -> int:
    """Make all pictures; return 1 with a sentence where the stack is not ready."""
    parser = argparse.ArgumentParser(description="Make the pictures in docs/images from the running compose stack.")
    parser.add_argument("--airflow", default=f"http://127.0.0.1:{os.environ.get('AIRFLOW_PORT', '8080')}")
    parser.add_argument("--chargebee", default=f"http://127.0.0.1:{os.environ.get('CHARGEBEE_PORT', '8090')}")
    parser.add_argument("--bucket", default=f"http://127.0.0.1:{os.environ.get('BUCKET_PORT', '8888')}")
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    try:
        if not chromium:
            raise NotReady("No Chromium was found. Install it, or set CHROMIUM to its path.")
        airflow = Airflow(options.airflow)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--no-proxy-server"])
            page = browser.new_page(viewport=VIEW, device_scale_factor=1.5)
            page.set_default_timeout(300_000)
            requests.post(f"{options.chargebee}/_control/settings", json={"job_seconds": JOB_SECONDS}, timeout=60)
            before_the_run(page, airflow)
            run_id = airflow.switch_on()
            waited = while_it_waits(page, airflow, run_id)
            requests.post(f"{options.chargebee}/_control/settings", json={"job_seconds": 1}, timeout=60)
            until("the end of the run", lambda: airflow.ended(run_id))
            after_the_run(page, airflow, run_id, waited, options.bucket)
            browser.close()
    except (NotReady, requests.RequestException) as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def before_the_run(page: Page, airflow: Airflow) -> None:
    """Make the picture of the form that starts a run."""
    until("the DAG", airflow.is_parsed)
    page.goto(airflow.page)
    page.get_by_role("button", name="Trigger Dag").click()
    page.get_by_text("Window start").wait_for()
    page.set_viewport_size({**VIEW, "height": 1500})
    take(page, "trigger-form", "[role=dialog]:visible")
    page.set_viewport_size(VIEW)


def while_it_waits(page: Page, airflow: Airflow, run_id: str) -> str:
    """Make the pictures of a run whose sensors wait in the triggerer, and return one of these sensors."""

    def all_slots() -> list[str]:
        sensors = waiting_sensors(airflow.states(run_id))
        return sensors if len(sensors) >= EXPORT_SLOTS else []

    sensors = until("sensors in the triggerer", all_slots)
    expand = page.get_by_role("button", name="Expand all task groups")

    def is_open() -> bool:
        # A page that is loaded while Airflow is busy may stay without its buttons.
        page.goto(airflow.page)
        page.wait_for_timeout(10_000)
        return expand.is_visible()

    until("the page of the DAG", is_open)
    expand.click()
    page.get_by_text("ready").first.wait_for()
    take(page, "grid")
    page.get_by_role("button", name="Show Graph").click()
    page.locator(".react-flow__node").first.wait_for()
    take(page, "graph", ".react-flow")
    page.get_by_role("button", name="Show Grid").click()
    return str(sensors[0])


def after_the_run(page: Page, airflow: Airflow, run_id: str, sensor: str, bucket: str) -> None:
    """Make the pictures of two logs, and of what was written."""
    run = f"{airflow.page}/runs/{quote(run_id)}/tasks"
    for task, name, text in ((sensor, "sensor-log", "completed"), ("summary", "summary-log", "customers")):
        page.goto(f"{run}/{task}")
        page.get_by_text(text).last.wait_for()
        take(page, name)
    page.goto(f"{bucket}/buckets/chargebee-demo/chargebee/windows/")
    page.get_by_text("customers").first.wait_for()
    take(page, "bucket")


def waiting_sensors(states: dict[str, str | None]) -> list[str]:
    """Return the sensors that wait in the triggerer."""
    return sorted(name for name, state in states.items() if state == "deferred" and name.endswith(".ready"))


def take(page: Page, name: str, element: str = "body") -> None:
    """Write one picture, of the page or of an element of it."""
    IMAGES.mkdir(exist_ok=True)
    # What moves has come to rest: nothing on the page tells when.
    page.wait_for_timeout(3_000)
    page.locator(element).first.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
    print(f"docs/images/{name}.png", flush=True)


def until(what: str, found: Callable[[], Any]) -> Any:
    """Return what a call finds, as soon as it finds anything."""
    end = time.monotonic() + RUN_SECONDS
    while not (result := found()):
        if time.monotonic() > end:
            raise NotReady(f"{what} did not come within {RUN_SECONDS} s.")
        time.sleep(1)
    return result


if __name__ == "__main__":
    sys.exit(main())
