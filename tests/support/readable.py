"""Exports in a bucket as they are after some days, for readers: three days, a snapshot, related files, other columns.

The rows that readers must find are taken from the zips of the exports by Python's own ``zipfile`` and ``csv``.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators.partition.tables import snake_kind
from chargebee_simulator import Simulator, SimulatorSettings
from support.tasks import TaskInstance, context, run
from support.uploads import manifest, upload

BUCKET = "readable"
SITE, KEY = "acme-test", "test_key_0123456789abcdef"
FORMATS = ("parquet", "csv.gz")
DAYS = ("2026-12-20", "2026-12-21", "2026-12-22", "2026-12-23")
# What breaks readers: line breaks in quotes, quotes, commas, letters of all kinds, numbers with zeros in front.
COMPANIES = ("Zoë, GmbH", "two\nlines", 'says "hi"', "李\r\nand\n\nmore", "007", "plain")

TYPES = {
    "*_at": "timestamp[s, UTC]",
    "*_date": "timestamp[s, UTC]",
    "invoices.amount": "decimal(18, 2)",
    "invoices__line_items.quantity": "int64",
}

Rows = list[dict[str, str]]


@dataclass
class Readable:
    """What readers are pointed at, and what they must find.

    :param folder: a copy of the bucket; below it a folder for each format, below that the default layout.
    :param rows: (``windows`` or ``snapshots``, table) -> partition -> rows, each with the names of the CSV's header.
    :param manifests: all of them, by format.
    """

    folder: Path
    rows: dict[tuple[str, str], dict[str, Rows]] = field(default_factory=dict)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)

    def found(self, what: str, table: str) -> Rows:
        """Return the rows of a table, with its partition."""
        name = "window_start" if what == "windows" else "taken_at"
        parts = self.rows[what, table].items()
        return [{**row, "site": SITE, name: value} for value, rows in parts for row in rows]


def land_all(s3: Any, folder: Path) -> Readable:
    """Land the exports in each format, by the package's operators, and copy the bucket to a folder."""
    s3.client().create_bucket(Bucket=BUCKET)
    settings = SimulatorSettings(
        sites=(f"{SITE}:{KEY}",),
        customers=8,
        now="2026-12-01T00:00:00Z",  # no record changes by itself after that
        job_seconds=0,
        rate_limit=0,
        profile="chargebee",
        zone="UTC",
    )
    with Simulator(settings) as simulator, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())
        connection = {"conn_type": "generic", "login": SITE, "password": KEY, "host": simulator.url}
        environment.setenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", json.dumps(connection))
        simulator.control.advance(22.5 * 86400)
        made = _Landing(simulator, s3, Readable(folder))
        made.everything()
        client = s3.client()
        for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]:
            path = folder / each["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(BUCKET, each["Key"], str(path))
        return made.made


class _Landing:
    """Lands one export after the other, as the records change."""

    def __init__(self, simulator: Simulator, s3: Any, made: Readable) -> None:
        self._control, self._url, self._s3, self.made = simulator.control, simulator.url, s3, made
        self._ids = {
            resource: [each["id"] for each in self._control.records(resource)] for resource in ("customers", "invoices")
        }
        self._count = 0

    def everything(self) -> None:
        self._change("customers", 0, 0, 3)
        self._change("invoices", 0, 0, 2)
        self._land("customers", 0)
        self._land("invoices", 0)
        self._change("customers", 1, 2, 2)
        self._land("customers", 1)
        self._land("invoices", 1)  # a quiet day
        self._land("customers")
        # An administrator has added a column and moved another, in both files.
        self._control.settings(
            columns={"Customers": ["Region", "Company"], "Invoices": ["Amount"], "LineItems": ["Region", "Amount"]}
        )
        self._change("customers", 2, 4, 2)
        self._change("invoices", 2, 1, 2)
        self._land("customers", 2)
        self._land("invoices", 2)
        # A late change of the second day, which is exported once more.
        self._control.settings(columns={})
        self._change("customers", 1, 6, 1)
        self._land("customers", 1)

    def _change(self, resource: str, day: int, first: int, count: int) -> None:
        """Change some records on a day."""
        for number in range(first, first + count):
            fields = {"company": COMPANIES[number % len(COMPANIES)]} if resource == "customers" else None
            at = f"{DAYS[day]}T12:00:0{number}Z"
            self._control.touch(resource, ids=[self._ids[resource][number]], at=at, fields=fields)

    def _land(self, resource: str, day: int | None = None) -> None:
        """Export a day, or a snapshot, and land it in each format."""
        self._count += 1
        window = {"snapshot": True} if day is None else {"window_start": DAYS[day], "window_end": DAYS[day + 1]}
        ti = TaskInstance(run_id=f"run {self._count}")
        job = run(ChargebeeExportOperator(task_id="start", resource=resource, **window), context(ti=ti))
        for each in FORMATS:
            types = {"column_types": TYPES, "window_timezone": "UTC"} if each == "parquet" else {}
            landed = run(upload(job, BUCKET, s3_prefix=each, file_format=each, **types))
            key = landed["manifest_key"]
            self.made.manifests.setdefault(each, {})[key] = manifest(self._s3, BUCKET, key)
        what = "snapshots" if day is None else "windows"
        partition = landed["partition"].partition("=")[2]
        for member, rows in self._exported(job["export_id"]).items():
            table = resource if snake_kind(member) == resource else f"{resource}__{snake_kind(member)}"
            self.made.rows.setdefault((what, table), {})[partition] = rows

    def _exported(self, export_id: str) -> Mapping[str, Rows]:
        """Return the rows of each file of an export."""
        export = requests.get(f"{self._url}/api/v2/exports/{export_id}", auth=(KEY, ""), timeout=60).json()["export"]
        data = requests.get(export["download"]["download_url"], timeout=60).content
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {
                name: list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))
                for name in archive.namelist()
            }
