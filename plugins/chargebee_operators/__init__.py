"""Chargebee exports for Airflow: ask for an export, wait for it without a worker, land it in S3.

The public names are loaded when they are first used, so that importing one of the pure modules does not import
Airflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chargebee_operators._version import __version__

if TYPE_CHECKING:
    from chargebee_operators.audit.audit_dag import chargebee_audit_dag
    from chargebee_operators.audit.operator import ChargebeeAuditOperator
    from chargebee_operators.dag.export_dag import chargebee_export_dag
    from chargebee_operators.dag.resource_settings import ResourceSettings
    from chargebee_operators.dag.settings import ExportDagSettings
    from chargebee_operators.dag.timetable import ExportTimetable
    from chargebee_operators.deleted_records import ChargebeeDeletedRecordsOperator
    from chargebee_operators.doctor.operator import ChargebeeDoctorOperator
    from chargebee_operators.glue.operator import ChargebeeGlueTableOperator
    from chargebee_operators.hooks import ChargebeeHook
    from chargebee_operators.operators import ChargebeeExportOperator
    from chargebee_operators.sensors import ExportReadySensor
    from chargebee_operators.transfers import ChargebeeExportToS3Operator

_HOMES = {
    "ChargebeeAuditOperator": "audit.operator",
    "ChargebeeDeletedRecordsOperator": "deleted_records",
    "ChargebeeDoctorOperator": "doctor.operator",
    "ChargebeeExportOperator": "operators",
    "ChargebeeExportToS3Operator": "transfers",
    "ChargebeeGlueTableOperator": "glue.operator",
    "ChargebeeHook": "hooks",
    "ExportDagSettings": "dag.settings",
    "ExportReadySensor": "sensors",
    "ExportTimetable": "dag.timetable",
    "ResourceSettings": "dag.resource_settings",
    "chargebee_audit_dag": "audit.audit_dag",
    "chargebee_export_dag": "dag.export_dag",
}

__all__ = [
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


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"chargebee_operators.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
