"""The plan task: what it leaves for the start tasks."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from chargebee_operators import ChargebeeExportOperator, ExportDagSettings, ResourceSettings
from chargebee_operators.chargebee.windows import as_utc
from chargebee_operators.dag.export_dag import plan_of_run
from support.tasks import TaskInstance, context, run


class PlanInstance(TaskInstance):
    """A task instance that keeps what is pushed."""

    def xcom_push(self, key: str, value: dict[str, str]) -> None:
        self.pushed = {key: value}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_a_monthly_run_asks_a_revenue_report_for_one_month_of_its_zone(connected, aws, bucket, zone):
    report = ResourceSettings("deferred_revenue", filters={"report_by": "customer"})
    settings = ExportDagSettings(s3_bucket=bucket, schedule="@monthly", timezone=zone, resources=[report])
    # As Airflow hands it over: in UTC.
    start, end = (as_utc(datetime(2026, month, 1, tzinfo=ZoneInfo(zone))) for month in (10, 11))
    plan = PlanInstance()
    told = context(ti=plan, data_interval_start=start, data_interval_end=end)
    assert plan_of_run(settings, told) == ["deferred_revenue.start"]
    window = plan.pushed["window"]
    job = run(
        ChargebeeExportOperator(
            task_id="start",
            resource="deferred_revenue",
            filters=report.filters,
            window_start=window["start"],
            window_end=window["end"],
        )
    )
    assert (job["filters"]["report_from_month"], job["filters"]["report_to_month"]) == ("10", "10")
    assert (datetime.fromisoformat(job["window_start"]), job["window_start"][-1]) == (start, "Z")


def test_a_snapshot_without_any_interval_leaves_no_window(connected, aws, bucket):
    plan = PlanInstance()
    settings = ExportDagSettings(s3_bucket=bucket, schedule=None, resources=["differential_prices"])
    assert plan_of_run(settings, {"ti": plan, "params": {}}) == ["differential_prices.start"]
    assert plan.pushed == {"window": {"start": "", "end": ""}}
