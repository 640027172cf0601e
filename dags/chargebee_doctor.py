"""Examines the Chargebee site, the bucket and this Airflow. It has no schedule: trigger it once, and read its log.

It takes a few minutes and one small export job for each resource.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.configuration import conf

from chargebee_operators import ChargebeeDoctorOperator
from chargebee_operators._compat import DAG
from chargebee_operators.doctor.operator import refuse_configuration

BUCKET = conf.get("chargebee_export", "bucket", fallback="")

if BUCKET:
    with DAG(
        dag_id="chargebee_doctor",
        description="Examines the Chargebee site, the bucket and this Airflow",
        schedule=None,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        tags=["chargebee"],
    ):
        # The task has no parameters. To examine fewer resources, give it resource_names here.
        ChargebeeDoctorOperator(task_id="examine", s3_bucket=BUCKET, pre_execute=refuse_configuration)
