"""Builds the DAG of audits: a snapshot of each resource, an export of its latest changes, and the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chargebee_operators._compat import (
    DAG,
    Asset,
    Context,
    Param,
    TaskGroup,
    dag_ids_of_this_file,
    is_backfill,
    params_are_overridden,
    task,
)
from chargebee_operators.audit.operator import ChargebeeAuditOperator
from chargebee_operators.audit.windows import Schedule
from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.chargebee.windows import iso
from chargebee_operators.checks.spot_check import IMMUTABLE
from chargebee_operators.common.argument_checks import duration
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.run_configuration import check_configuration
from chargebee_operators.common.task_log import task_log
from chargebee_operators.dag.export_dag import register_task
from chargebee_operators.dag.resource_settings import ResourceSettings
from chargebee_operators.dag.settings import ExportDagSettings, differs_from_run_to_run
from chargebee_operators.dag.ticks import check_cron
from chargebee_operators.dag.timetable import ExportTimetable
from chargebee_operators.dag.trigger_form import prefix_param, resources_param
from chargebee_operators.operators import ChargebeeExportOperator
from chargebee_operators.partition.key_templates import DEFAULT_MANIFEST_NAME
from chargebee_operators.sensors import ExportReadySensor
from chargebee_operators.task_errors import failing_fast
from chargebee_operators.transfers import ChargebeeExportToS3Operator

log = task_log(__name__)

# The grid of Airflow 3 sorts tasks by their ids, and only then by their order. So it begins with the first of all letters.
PLAN = "a_plan"
# What the plan leaves in XCom: up to when changes should be in S3, and the second before it for the filter ``after``.
DUE, AFTER = "due", "after"
# Sundays, hours after the windows of a daily schedule.
WEEKLY = "0 9 * * 0"

DOC_MD = """
### Audit of the Chargebee exports

Each run takes a snapshot of every resource and compares it with all that `{exports}` has written to S3: windows, earlier
snapshots and deletions. The log of `compare` has a table of what is missing, what should be gone, what differs, and the
commands that export it again. The same is in `{prefix}/audit/reports/`. The task fails when more than {tolerance} records are
at fault, or a partition is damaged.

| task | what it does |
|---|---|
| `a_plan` | picks the resources, and the time up to which changes should be in S3 |
| `start`, `ready`, `upload` | write a snapshot, which also repairs the latest state |
| `changes_start`, `changes_ready`, `changes_upload` | export what has changed since that time, to `{prefix}/audit/` |
| `compare` | compares, and reports |
"""


def chargebee_audit_dag(
    settings: ExportDagSettings,
    *,
    dag_id: str = "",
    schedule: str | None = WEEKLY,
    tolerance: int = 0,
    ignored_columns: Sequence[str] = (),
) -> DAG:
    """Build the DAG that audits what an export DAG has written.

    Resources that each run exports whole, and revenue reports, are left out.

    :param settings: those of the export DAG.
    :param dag_id: the DAG's id; that of the export DAG with ``_audit`` behind it by default.
    :param schedule: a cron expression or preset, in the time zone of the settings; None for runs by hand only.
    :param tolerance: so many faulty records of a resource are accepted.
    :param ignored_columns: columns whose values are not compared, in snake case.
    :raises SettingsError: when no resource can be audited, or one is written in a way that can't be.
    """
    dag_id = dag_id or f"{settings.dag_id}_audit"
    if dag_id in dag_ids_of_this_file():
        raise SettingsError(f"This file has two DAGs with the dag_id {dag_id!r}: give each audit a dag_id of its own.")
    if schedule is not None:
        check_cron(f"DAG {dag_id!r}: schedule", schedule)
    resources = [each for each in settings.each_resource if each.has_windows]
    if not resources:
        raise SettingsError(
            f"DAG {dag_id!r}: no resource can be audited: each of them is exported whole at each run, or is a revenue report."
        )
    for each in resources:
        _check(dag_id, settings, each)
    with DAG(
        dag_id=dag_id,
        description="Compares what was written to S3 with Chargebee",
        doc_md=DOC_MD.format(exports=settings.dag_id, prefix=settings.prefix, tolerance=tolerance),
        schedule=ExportTimetable(schedule, timezone=settings.timezone) if schedule else None,
        start_date=settings.start_date,
        catchup=False,
        max_active_runs=1,
        params=_params(settings, resources),
        tags=list(settings.tags),
        default_args=settings.task_defaults,
    ) as dag:
        plan = _plan_task(settings, resources)
        for each in resources:
            plan >> _resource_group(settings, each, tolerance, ignored_columns)
    return dag


def due_of(settings: ExportDagSettings, now: datetime) -> dict[str, str]:
    """Return up to when changes should be in S3, for XCom.

    :param settings: those of the export DAG.
    :param now: the present.
    """
    settle = duration("settle", settings.settle)
    due = Schedule(settings.dag_id, settings.schedule, settings.timezone, settle).due(now)
    return {DUE: iso(due), AFTER: str(int(due.timestamp()) - 1)}


def _params(settings: ExportDagSettings, resources: Sequence[ResourceSettings]) -> dict[str, Param]:
    """Return the parameters of the DAG, by name."""
    return {
        "resources": resources_param([each.name for each in resources], "What to audit"),
        "prefix": prefix_param(settings),
    }


def _plan_task(settings: ExportDagSettings, resources: Sequence[ResourceSettings]) -> Any:
    @task.branch(task_id=PLAN, task_display_name="plan")
    def plan(**context: Any) -> list[str]:
        """Pick the resources, and the time up to which changes should be in S3."""
        own = settings.default_args.get("params") or {}
        return plan_of_audit(settings, [*_params(settings, resources), *own], context)  # type: ignore[arg-type]

    return plan()


def plan_of_audit(settings: ExportDagSettings, known: Sequence[str], context: Context) -> list[str]:
    """Return the first tasks to run; leave in XCom up to when changes should be in S3.

    :param settings: those of the export DAG.
    :param known: the names of the parameters of the audit's DAG.
    :raises AirflowFailException: for a configuration with other names, and in a backfill.
    """
    run = context.get("dag_run")
    with failing_fast():
        check_configuration(getattr(run, "conf", None), known, is_heeded=params_are_overridden())
        if is_backfill(run):
            raise SettingsError(
                "This is a run of a backfill. An audit looks at Chargebee as it is now, so each of the runs would do the same: "
                "trigger one run."
            )
    for name, value in due_of(settings, datetime.now(UTC)).items():
        context["ti"].xcom_push(key=name, value=value)
        log.info("%s: %s", name, value)
    return [f"{name}.start" for name in context["params"]["resources"]]


def _resource_group(
    settings: ExportDagSettings, resource: ResourceSettings, tolerance: int, ignored_columns: Sequence[str]
) -> TaskGroup:
    arguments, field = settings.upload_args_of(resource), _window_field(resource)
    since = f"{{{{ ti.xcom_pull(task_ids='{PLAN}', key='{AFTER}') }}}}"
    with TaskGroup(resource.name) as group:
        job = _export(settings, resource, "", {})
        defaults = {"s3_prefix": "{{ params.prefix }}", "outlets": [Asset(f"{settings.dag_id}/{resource.name}")]}
        upload = ChargebeeExportToS3Operator(task_id="upload", job=job, **{**defaults, **arguments})
        # After the snapshot: what changes while it is made is among the latest changes too.
        filters = {f"{get_resource(resource.name).record}[{field}][after]": since}
        changes_job = _export(settings, resource, "changes_", filters, after=upload)
        changes = ChargebeeExportToS3Operator(
            task_id="changes_upload",
            job=changes_job,
            s3_prefix="{{ params.prefix }}/audit",
            column_changes="off",
            **_connections(arguments),
        )
        compare = _compare_task(
            settings,
            resource,
            snapshot=upload.output,
            changes=changes.output,
            tolerance=tolerance,
            ignored_columns=ignored_columns,
        )
        if settings.glue_database:
            register_task(settings, resource.name, upload) >> compare
    return group


def _compare_task(settings: ExportDagSettings, resource: ResourceSettings, **given: Any) -> ChargebeeAuditOperator:
    """Make the task that compares.

    :param given: the arguments of the operator that do not come from the settings.
    """
    arguments, of_deletions = settings.upload_args_of(resource), settings.deleted_records_args()
    field = _window_field(resource)
    return ChargebeeAuditOperator(
        task_id="compare",
        due=f"{{{{ ti.xcom_pull(task_ids='{PLAN}', key='{DUE}') }}}}",
        s3_prefix=arguments.get("s3_prefix", "{{ params.prefix }}"),
        manifest_name=arguments.get("manifest_name", DEFAULT_MANIFEST_NAME),
        deletions_s3_prefix=of_deletions.get("s3_prefix", "{{ params.prefix }}"),
        deletions_manifest_name=of_deletions.get("manifest_name", DEFAULT_MANIFEST_NAME),
        compare_values=field == "updated_at",
        window_field=field,
        window_format=arguments.get("window_format"),
        window_timezone=arguments.get("window_timezone"),
        export_dag_id=settings.dag_id,
        schedule=settings.schedule,
        timezone=settings.timezone,
        outlets=[Asset(f"{settings.dag_id}/{resource.name}/audit")],
        **_connections(arguments),
        **given,
    )


def _connections(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all tasks of a resource have in common, of the arguments of its upload."""
    return {name: arguments[name] for name in ("s3_bucket", "aws_conn_id", "extra_args", "chargebee_conn_id")}


def _window_field(resource: ResourceSettings) -> str:
    """Return the time field of a resource's windows."""
    return resource.window_field or get_resource(resource.name).default_window_field or "updated_at"


def _export(
    settings: ExportDagSettings,
    resource: ResourceSettings,
    name: str,
    filters: dict[str, str],
    after: Any = None,
) -> Any:
    """Make the two tasks of an export without a window, and return the job record.

    :param name: what their ids begin with.
    :param filters: beside those of the resource.
    :param after: the task that comes before; None for the first one.
    """
    start = ChargebeeExportOperator(
        task_id=f"{name}start",
        resource=resource.name,
        snapshot=True,
        filters={**resource.filters, **filters} or None,
        export_type=resource.export_type,
        business_entity_id=resource.business_entity_id,
        chargebee_conn_id=settings.chargebee_conn_id,
    )
    if after is not None:
        after >> start
    ready = ExportReadySensor(task_id=f"{name}ready", job=start.output, chargebee_conn_id=settings.chargebee_conn_id)
    return ready.output


def _check(dag_id: str, settings: ExportDagSettings, resource: ResourceSettings) -> None:
    """Refuse what an audit can't read, and what its snapshot would replace."""
    arguments = settings.upload_args_of(resource)
    if arguments["file_format"] == "zip":
        raise SettingsError(
            f"DAG {dag_id!r}: {resource.name} has file_format 'zip', and an audit can't read that: leave it out of the "
            "settings of the audit, or choose csv.gz, csv or parquet."
        )
    if arguments.get("keep_latest_only"):
        raise SettingsError(
            f"DAG {dag_id!r}: {resource.name} has keep_latest_only, so its snapshot would replace the latest window: leave it "
            "out of the settings of the audit."
        )
    for name, given in ((resource.name, arguments), (DELETED_RECORDS, settings.deleted_records_args())):
        prefix = str(given.get("s3_prefix", ""))
        if differs_from_run_to_run(prefix):
            raise SettingsError(
                f"DAG {dag_id!r}: {name} has s3_prefix {prefix!r}, which differs from run to run. So an audit can't find the "
                "partitions of other runs: leave it out of the settings of the audit, or give an s3_prefix without Jinja."
            )
    if resource.window_field not in (None, "updated_at", *IMMUTABLE):
        raise SettingsError(
            f"DAG {dag_id!r}: {resource.name} has windows by {resource.window_field}. Not every record is in one of them, so an "
            "audit would find the others missing: leave it out of the settings of the audit."
        )
