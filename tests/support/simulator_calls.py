"""Calls of the simulator's API, as a client of one site makes them."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any
from urllib.parse import quote

import requests

from chargebee_simulator import Simulator

SITE, KEY = "acme-test", "test_key_acme"
FORBIDDEN_KEY = "test_key_reader"  # of the same site; it may not export
OTHER_SITE, OTHER_KEY = "other-test", "test_key_other"


class Caller:
    """Calls the API as a client of one site would."""

    def __init__(self, sim: Simulator, key: str = KEY, prefix: str = "") -> None:
        self.base = f"{sim.url}{prefix}/api/v2"
        self.http = requests.Session()
        self.http.trust_env, self.http.verify = False, sim.ca_bundle or True
        self.http.auth = (key, "")

    def post(self, resource: str, fields: Any = None, key: str | None = None, **more: Any) -> requests.Response:
        headers = {"chargebee-idempotency-key": key} if key else {}
        return self.http.post(f"{self.base}/exports/{resource}", data=fields, headers=headers, **more)

    def get(self, export_id: str) -> requests.Response:
        return self.http.get(f"{self.base}/exports/{export_id}")

    def create(self, resource: str, fields: Any = None, key: str | None = None) -> str:
        answer = self.post(resource, fields, key)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["export"]["id"])

    def export(self, export_id: str) -> dict[str, Any]:
        return dict(self.get(export_id).json()["export"])

    def record(self, resource: str, identity: str, **params: Any) -> requests.Response:
        return self.http.get(f"{self.base}/{resource}/{quote(identity, safe='')}", params=params)

    def events(self, **params: Any) -> requests.Response:
        """Ask for a page of events: `events(**{"event_type[in]": "[a,b]"})`."""
        return self.http.get(f"{self.base}/events", params=params)

    def all_events(self, **params: Any) -> list[dict[str, Any]]:
        """Return the events of all pages."""
        found, page = [], self.events(**params).json()
        while True:
            found += [each["event"] for each in page["list"]]
            if "next_offset" not in page:
                return found
            page = self.events(**params, offset=page["next_offset"]).json()

    def rows(self, export_id: str) -> list[dict[str, str]]:
        """Download an export and return the rows of its first file."""
        download = self.http.get(self.export(export_id)["download"]["download_url"], auth=lambda request: request)
        with zipfile.ZipFile(io.BytesIO(download.content)) as archive:
            text = archive.read(archive.namelist()[0]).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))


def error_of(answer: requests.Response) -> tuple[int, str, str | None]:
    body = answer.json()
    assert {"message", "type", "api_error_code", "error_code", "http_status_code"} <= body.keys()
    assert body["http_status_code"] == answer.status_code
    assert body["error_code"] == body["api_error_code"]
    return answer.status_code, body["api_error_code"], body.get("param")
