"""What the tests of audits write to a bucket, and the audit of it, as the DAG does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from chargebee_operators import ChargebeeAuditOperator, ChargebeeDeletedRecordsOperator, ChargebeeExportOperator
from chargebee_operators._compat import AirflowFailException, Asset
from chargebee_simulator import Simulator
from support.tasks import TaskInstance, context, run
from support.uploads import body, keys, upload

SITE, KEY = "acme-test", "test_key_0123456789abcdef"


@dataclass
class History:
    """What was written below one prefix, and the ids of the records to which something happened."""

    s3: Any
    bucket: str
    simulator: Simulator
    prefix: str
    arguments: dict[str, Any]
    environment: pytest.MonkeyPatch
    ids: dict[str, str] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    extra: Any = None
    error: str = ""
    _runs: Iterator[int] = field(default_factory=count)  # shared by copies, for an idempotency key counts once

    def connect(self) -> None:
        """Point the connection at the simulator of this history."""
        extra = {"poll_interval": 0.05, "max_poll_interval": 0.2}
        address = {"login": SITE, "password": KEY, "host": self.simulator.url}
        connection = json.dumps({"conn_type": "generic", **address, "extra": extra})
        self.environment.setenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", connection)

    def land(self, start: str, end: str, **arguments: Any) -> dict[str, Any]:
        window = {"window_start": start, "window_end": end, "settle": 0}
        job = run(ChargebeeExportOperator(task_id="start", resource="customers", **window), self._context())
        deletions = ChargebeeDeletedRecordsOperator(
            task_id="deleted", s3_bucket=self.bucket, s3_prefix=self.prefix, **window
        )
        run(deletions, self._context())
        arguments = {"s3_prefix": self.prefix, **self.arguments, **arguments}
        return run(upload(job, self.bucket, **arguments), self._context())

    def snapshot(self, prefix: str, **filters: Any) -> dict[str, Any]:
        start = ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True, filters=filters or None)
        job = run(start, self._context())
        return run(upload(job, self.bucket, s3_prefix=prefix, **self.arguments), self._context())

    def audit(self, before_changes: Any = lambda: None, **arguments: Any) -> None:
        """Audit as the DAG does, and keep the report."""
        self.connect()
        self.simulator.control.advance(120)
        snapshot = self.snapshot(self.prefix)
        before_changes()
        due = "2026-11-24T00:00:00Z"
        changes = self.snapshot(f"{self.prefix}/audit", **{"customer[updated_at][after]": "1795478399"})
        outlet = Asset("audit")
        task = ChargebeeAuditOperator(
            task_id="compare",
            snapshot=snapshot,
            changes=changes,
            due=due,
            s3_bucket=self.bucket,
            outlets=[outlet],
            **{"s3_prefix": self.prefix, **arguments},
        )
        task_context = self._context()
        try:
            run(task, task_context)
        except AirflowFailException as error:
            self.error = str(error)
            if " The report is at " not in self.error:
                raise
        self.extra = task_context["outlet_events"][outlet].extra
        key = max(each for each in keys(self.s3, self.bucket) if each.startswith(f"{self.prefix}/audit/reports/"))
        self.report = json.loads(body(self.s3, self.bucket, key))

    def found(self, kind: str) -> set[str]:
        """Return the names that the test gave to the records of a finding."""
        names = {record_id: name for name, record_id in self.ids.items()}
        told = self.report["findings"][kind]
        assert told["count"] == len(told["ids"])
        return {names.get(each, each) for each in told["ids"]}

    def _context(self) -> dict[str, Any]:
        return context(ti=TaskInstance(run_id=f"{self.prefix}-{next(self._runs)}"))
