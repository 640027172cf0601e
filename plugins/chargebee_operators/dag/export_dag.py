"""Builds the DAG: one task group a resource, and a plan in front that picks the window and the resources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chargebee_operators._compat import DAG, Asset, Context, Param, TaskGroup, task
from chargebee_operators.chargebee.windows import iso_in
from chargebee_operators.common.task_log import task_log
from chargebee_operators.dag.planning import Interval, plan_run
from chargebee_operators.dag.settings import ExportDagSettings, ResourceSettings
from chargebee_operators.dag.ticks import CronTicks
from chargebee_operators.dag.timetable import ExportTimetable
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.operators import ChargebeeExportOperator
from chargebee_operators.s3.connection import check_bucket, s3_hook
from chargebee_operators.sensors import ExportReadySensor
from chargebee_operators.task_errors import failing_fast
from chargebee_operators.transfers import ChargebeeExportToS3Operator

log = task_log(__name__)

PLAN = "plan"

DOC_MD = """
### Chargebee exports to S3

Each run takes one window of time, its data interval or the one typed in the trigger form, and lands every
resource as a partition in S3:

`{prefix}/site=.../resource=customers/window_start=20261123T000000Z/`

| task | what it does | when it fails |
|---|---|---|
| `plan` | picks the window and the resources, checks the connections and the bucket | its log says which setting to mend |
| `start` | asks Chargebee for the export; waits in the triggerer for one of the site's five slots | clear it for a new export |
| `ready` | waits in the triggerer until the export is completed | clear `start` and all below it |
| `upload` | streams the zip into S3 and writes `_manifest.json` last | clear it: it asks for a fresh URL |

A partition without `_manifest.json` is not there yet. A rerun replaces it.
"""


def chargebee_export_dag(settings: ExportDagSettings) -> DAG:
    """Build the DAG that exports one Chargebee site to S3.

    :param settings: what differs from DAG to DAG.
    """
    dag = DAG(
        dag_id=settings.dag_id,
        description="Lands Chargebee exports in S3, one partition a resource and window",
        doc_md=DOC_MD.format(prefix=settings.prefix),
        schedule=ExportTimetable(settings.schedule, timezone=settings.timezone) if settings.schedule else None,
        start_date=settings.start_date,
        catchup=False,
        max_active_runs=settings.max_active_runs,
        params=_params(settings),
        render_template_as_native_obj=False,
        tags=list(settings.tags),
        default_args={
            "owner": settings.owner,
            "retries": settings.retries,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
            **settings.default_args,
        },
    )
    with dag:
        plan = _plan_task(settings)
        for resource in settings.each_resource:
            plan >> _resource_group(settings, resource)
    return dag


def _params(settings: ExportDagSettings) -> dict[str, Param]:
    names = [each.name for each in settings.each_resource]
    instant: dict[str, Any] = {"type": ["null", "string"], "format": "date-time"}
    return {
        "resources": Param(
            names,
            type="array",
            items={"type": "string", "enum": names},
            examples=names,
            minItems=1,
            title="Resources",
            description="What to export. The others are skipped in this run.",
        ),
        "window_start": Param(
            None,
            title="Window start",
            description="First instant of the window. Leave both ends empty for the run's data interval, or for the "
            "last complete interval when it has none.",
            **instant,
        ),
        "window_end": Param(
            None,
            title="Window end",
            description="First instant after the window; it must be later than the start. Rows of a window over several "
            "intervals are also in their partitions, and one with an interval's start but another end is refused.",
            **instant,
        ),
        "snapshot": Param(
            False,
            type="boolean",
            title="Full snapshot",
            description="Take everything there is, without a window, into a partition of its own, named after "
            "the time at which it is asked for (snapshot=...).",
        ),
        "prefix": Param(
            settings.prefix,
            type="string",
            pattern="^[^{}]*$",
            maxLength=512,
            title="Key prefix",
            description="What the keys in the bucket begin with.",
        ),
    }


def _plan_task(settings: ExportDagSettings) -> Any:
    @task.branch(task_id=PLAN)
    def plan(**context: Any) -> list[str]:
        """Pick the window and the resources; check what can be checked before anything is sent to Chargebee."""
        return plan_of_run(settings, context)  # type: ignore[arg-type]

    return plan()


def plan_of_run(settings: ExportDagSettings, context: Context) -> list[str]:
    """Return the start tasks to run, and leave the window in XCom.

    :raises AirflowFailException: when the window, a resource, a connection or the bucket is wrong.
    """
    with failing_fast():
        latest = _latest_interval(settings)
        interval = (context.get("data_interval_start"), context.get("data_interval_end"))
        run = plan_run(context["params"], interval, latest, settings.each_resource)
        site = ChargebeeHook(settings.chargebee_conn_id).settings.site
        check_bucket(s3_hook(settings.aws_conn_id), settings.s3_bucket)
    log.info("Site %s, window %s, %s of %s resources", site, run.window, len(run.resources), len(settings.resources))
    for name, why in run.skipped.items():
        log.info("Skipping %s: %s", name, why)
    # In the schedule's zone, whose months the revenue reports take: the data interval comes in UTC.
    ends = [iso_in(each, settings.timezone) for each in (run.window.start, run.window.end)] if run.window else ["", ""]
    context["ti"].xcom_push(key="window", value={"start": ends[0], "end": ends[1]})
    return [f"{name}.start" for name in run.resources]


def _latest_interval(settings: ExportDagSettings) -> Interval:
    if not settings.schedule:
        return None, None
    return CronTicks(settings.schedule, ZoneInfo(settings.timezone)).last_interval(datetime.now(UTC))


def _resource_group(settings: ExportDagSettings, resource: ResourceSettings) -> TaskGroup:
    window = f"ti.xcom_pull(task_ids='{PLAN}', key='window')"
    with TaskGroup(resource.name) as group:
        start = ChargebeeExportOperator(
            task_id="start",
            resource=resource.name,
            window_start=f"{{{{ {window}['start'] }}}}",
            window_end=f"{{{{ {window}['end'] }}}}",
            window_field=resource.window_field,
            snapshot=True if resource.is_snapshot else "{{ params.snapshot }}",
            filters=dict(resource.filters) or None,
            export_type=resource.export_type,
            business_entity_id=resource.business_entity_id,
            chargebee_conn_id=settings.chargebee_conn_id,
        )
        ready = ExportReadySensor(
            task_id="ready",
            job=start.output,
            chargebee_conn_id=settings.chargebee_conn_id,
        )
        _upload_task(settings, resource, ready.output)
    return group


def _upload_task(settings: ExportDagSettings, resource: ResourceSettings, job: Any) -> None:
    arguments = {
        "s3_bucket": settings.s3_bucket,
        "s3_prefix": "{{ params.prefix }}/site={site}/resource={resource}/{partition}",
        "file_format": settings.file_format,
        "chargebee_conn_id": settings.chargebee_conn_id,
        "aws_conn_id": settings.aws_conn_id,
        "extra_args": settings.extra_args,
        # Without a scheme: for one, Airflow would load every provider's handlers, boto3 among them, at each parse.
        "outlets": [Asset(f"{settings.dag_id}/{resource.name}")],
        **settings.upload_args,
        **resource.upload_args,
    }
    ChargebeeExportToS3Operator(task_id="upload", job=job, **arguments)
