"""The parse of the DAG file in a fresh interpreter: what it imports, and how Airflow takes what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.clean_interpreter import ROOT, airflow_major, in_a_clean_interpreter

HEAVY = ("chargebee", "boto3", "botocore", "requests", "httpx", "aiohttp", "pandas", "pyarrow", "isal")


@pytest.fixture(scope="module")
def parses(tmp_path_factory) -> list[dict[str, Any]]:
    """What Airflow makes of two wrong files and a right one, in two parses of their folder."""
    folder = tmp_path_factory.mktemp("dags")
    (folder / "sites.py").write_text(
        "import airflow\n"
        "from chargebee_operators import ExportDagSettings, chargebee_export_dag\n"
        "for site in ('acme', 'acme_us'):\n"
        "    made = chargebee_export_dag(ExportDagSettings(s3_bucket='mine', chargebee_conn_id=site))\n"
    )
    (folder / "other.py").write_text(
        "import airflow\n"
        "from chargebee_operators import ExportDagSettings, chargebee_export_dag\n"
        "made = chargebee_export_dag(ExportDagSettings(s3_bucket='mine', dag_id='another'))\n"
    )
    entry = '        ("chargebee_audit", ExportDagSettings(dag_id="chargebee_export", s3_bucket=BUCKET)),\n'
    text = (ROOT / "dags" / "chargebee_audit.py").read_text(encoding="utf-8")
    assert entry in text
    (folder / "audits.py").write_text(text.replace(entry, 2 * entry))
    code = f"""
import json, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "plugins")!r})
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models import DagBag
bags = [DagBag({str(folder)!r}) for _ in range(2)]
errors = [{{Path(file).name: error for file, error in bag.import_errors.items()}} for bag in bags]
print(json.dumps([{{"dags": sorted(bag.dags), "errors": each}} for bag, each in zip(bags, errors)]))
"""
    return json.loads(in_a_clean_interpreter(code))


def test_two_dags_of_one_id_in_a_file_are_refused(parses):
    """Airflow keeps one of the two, and at each parse perhaps another."""
    for each in parses:
        assert each["dags"] == ["another"]
        assert sorted(each["errors"]) == ["audits.py", "sites.py"]
        assert (
            "This file has two DAGs with the dag_id 'chargebee_export': give each ExportDagSettings a dag_id"
            in each["errors"]["sites.py"]
        )


def test_an_audit_that_is_copied_without_a_dag_id_of_its_own_is_refused(parses):
    for each in parses:
        assert (
            "This file has two DAGs with the dag_id 'chargebee_audit': give each audit a dag_id of its own."
            in each["errors"]["audits.py"]
        )


def test_importing_the_dag_imports_nothing_heavy():
    # What Airflow itself imports is not ours to answer for, so an empty DAG is the measure.
    plain = "from airflow.models import DAG, BaseOperator\nfrom airflow.sensors.base import BaseSensorOperator"
    if airflow_major() >= 3:
        plain = "import airflow.hooks.base\nfrom airflow.sdk import DAG, task"
        plain += "\nfrom airflow.sdk.bases.sensor import BaseSensorOperator"
    code = f"""
import json, sys
{plain}
import airflow.configuration, airflow.triggers.base, airflow.timetables.interval
before = set(sys.modules)
import chargebee_export
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    new = json.loads(in_a_clean_interpreter(code))
    assert "chargebee_operators.dag.export_dag" in new
    assert not [name for name in new if name.partition(".")[0] in HEAVY]


def test_a_missing_bucket_is_one_clear_sentence():
    code = """
try:
    import chargebee_export
except ValueError as error:
    print(error)
"""
    told = in_a_clean_interpreter(code, AIRFLOW__CHARGEBEE_EXPORT__BUCKET="")
    assert "s3_bucket is empty" in told
    # In brackets, Airflow's command line would take the section for markup and leave it out.
    assert "chargebee_export.bucket" in told and "[" not in told


def test_airflow_loads_the_folders_without_errors_or_stray_modules():
    code = """
import json, sys
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()
newest = hasattr(plugins_manager, "get_import_errors")  # 3.2 and later
errors = plugins_manager.get_import_errors() if newest else plugins_manager.import_errors
plugins = plugins_manager._get_plugins()[0] if newest else plugins_manager.plugins
stray = [name for name in ("hooks", "operators", "sensors", "triggers", "transfers", "links", "resources") if name in sys.modules]
twice = [name for name in sys.modules if name.endswith("chargebee_operators.triggers")]
print(json.dumps([errors, stray, twice, [plugin.name for plugin in plugins]]))
"""
    errors, stray, twice, plugins = json.loads(in_a_clean_interpreter(code))
    assert (errors, stray) == ({}, [])
    assert len(twice) <= 1
    assert "chargebee" in plugins
