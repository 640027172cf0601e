"""What the package offers, and what importing it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import chargebee_operators

PACKAGE = Path(chargebee_operators.__file__).parent
HEAVY = {"airflow", "aiohttp", "boto3", "botocore", "chargebee", "httpx", "isal", "pandas", "pyarrow", "requests"}


def imported_by(statements: str) -> set[str]:
    """Return the top-level modules that a clean interpreter holds after some statements."""
    code = (
        f"import json, sys\n{statements}\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(PACKAGE.parent)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads(done.stdout))


def test_the_public_names_are_pinned():
    assert chargebee_operators.__all__ == [
        "ChargebeeAuditOperator",
        "ChargebeeDeletedRecordsOperator",
        "ChargebeeDoctorOperator",
        "ChargebeeExportOperator",
        "ChargebeeExportToS3Operator",
        "ChargebeeGlueTableOperator",
        "ChargebeeHook",
        "ExportDagSettings",
        "ExportReadySensor",
        "ExportTimetable",
        "ResourceSettings",
        "__version__",
        "chargebee_audit_dag",
        "chargebee_export_dag",
    ]


@pytest.mark.parametrize("name", [name for name in chargebee_operators.__all__ if name != "__version__"])
def test_each_public_name_is_there(name):
    assert getattr(chargebee_operators, name).__name__ == name


def test_another_name_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match="module 'chargebee_operators' has no attribute 'ChargebeeHok'"):
        chargebee_operators.ChargebeeHok  # noqa: B018


def test_the_settings_of_a_dag_do_without_airflow():
    statements = (
        "from chargebee_operators import ExportDagSettings, ResourceSettings\n"
        "ExportDagSettings(s3_bucket='bucket', resources=[ResourceSettings('invoices', window_field='date')])"
    )
    assert not imported_by(statements) & HEAVY
