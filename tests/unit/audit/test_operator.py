"""An audit that is killed: it has copies of objects on the disk of its worker."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from chargebee_operators import ChargebeeAuditOperator
from chargebee_operators._compat import RUNS_ON_AFTER_ON_KILL
from chargebee_operators.audit.examination import Examination


def test_an_audit_that_is_killed_leaves_nothing_on_the_disk(monkeypatch, tmp_path):
    """By Airflow's signal handler: that of Airflow 3 calls ``on_kill`` alone, that of Airflow 2 raises."""
    seen = []

    def killed(examination: Examination, snapshot_key: str, changes_key: str | None, folder: Path) -> None:
        (folder / "object").write_bytes(b"rows")
        seen.append(folder)
        operator.on_kill()
        assert not RUNS_ON_AFTER_ON_KILL
        raise SystemExit

    monkeypatch.setenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", "chargebee://acme-test:key@")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://key:secret@/?region_name=eu-central-1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Examination, "run", killed)
    operator = ChargebeeAuditOperator(
        task_id="compare", snapshot={"manifest_key": "a.json"}, s3_bucket="bucket", due="2026-11-24"
    )
    with pytest.raises(SystemExit):
        operator.execute({})
    assert seen and not seen[0].exists()
    operator.on_kill()  # nothing runs any more
