"""Audits what ``chargebee_export.py`` writes: each week it compares a snapshot of each resource with the files in S3.

Give it the settings of the DAG that exports: the same ``dag_id``, connections, bucket, prefix, schedule and resources. To audit a
second site, add a second entry.
"""

from __future__ import annotations

from airflow.configuration import conf

from chargebee_operators import ExportDagSettings, chargebee_audit_dag

BUCKET = conf.get("chargebee_export", "bucket", fallback="")

if BUCKET:
    # The id of each audit, and the settings of the DAG that exports. What is not here has the same default as there.
    SITES = [
        ("chargebee_audit", ExportDagSettings(dag_id="chargebee_export", s3_bucket=BUCKET)),
    ]

    for dag_id, settings in SITES:
        globals()[dag_id] = chargebee_audit_dag(settings, dag_id=dag_id, schedule="0 9 * * 0", tolerance=0)
