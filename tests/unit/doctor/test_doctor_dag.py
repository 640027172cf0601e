"""The file dags/chargebee_doctor.py: one task, no schedule, and no DAG where no bucket is set."""

from __future__ import annotations

import runpy
from types import SimpleNamespace
from typing import Any

import pytest

from chargebee_operators import ChargebeeDoctorOperator
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.common.exceptions import SettingsError
from support.pages import ROOT


def parsed(monkeypatch: pytest.MonkeyPatch, bucket: str) -> list[Any]:
    """Return the DAGs of the file, as it is parsed where the option has such a value."""
    from chargebee_operators._compat import DAG

    monkeypatch.setenv("AIRFLOW__CHARGEBEE_EXPORT__BUCKET", bucket)
    made: list[Any] = []
    enter = DAG.__enter__
    monkeypatch.setattr(DAG, "__enter__", lambda dag: made.append(dag) or enter(dag))
    runpy.run_path(str(ROOT / "dags" / "chargebee_doctor.py"))
    return made


def test_one_click_examines(monkeypatch):
    (dag,) = parsed(monkeypatch, "my-bucket")
    (task,) = dag.tasks
    assert dag.dag_id == "chargebee_doctor" and isinstance(task, ChargebeeDoctorOperator)
    assert (task.s3_bucket, task.deferrable) == ("my-bucket", True)
    # No schedule: it runs when a person triggers it.
    assert type(dag.timetable).__name__ == "NullTimetable"


def test_without_a_bucket_there_is_no_dag(monkeypatch):
    assert parsed(monkeypatch, "") == []


def refused(dag: Any, conf: dict[str, Any] | None) -> None:
    """Call what Airflow calls right before it executes the task."""
    dag.tasks[0]._pre_execute_hook({"dag_run": SimpleNamespace(conf=conf)})


def test_a_configuration_is_refused_because_it_would_have_no_effect(monkeypatch):
    (dag,) = parsed(monkeypatch, "my-bucket")
    for conf in (None, {}):
        refused(dag, conf)
    with pytest.raises(
        AirflowFailException, match="has 'resources', which the DAG does not know: it has no parameters"
    ):
        refused(dag, {"resources": ["customers"]})


def test_a_prefix_with_placeholders_is_refused_because_no_manifest_is_below_it():
    with pytest.raises(SettingsError, match=r"prefix is 'a/\{resource\}': it takes no placeholders. Give .*, 'a/'"):
        ChargebeeDoctorOperator(task_id="t", s3_bucket="bucket", prefix="a/{resource}")
