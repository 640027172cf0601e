"""Builds the DAG: a plan in front, one task group a resource, and a summary at the end."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from chargebee_operators._compat import DAG, Asset, BaseOperator, TaskGroup, dag_ids_of_this_file, task
from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest
from chargebee_operators.dag.plan import INITIAL, PLAN, WINDOW, plan_of_run
from chargebee_operators.dag.resource_settings import ResourceSettings
from chargebee_operators.dag.settings import ExportDagSettings
from chargebee_operators.dag.summary import summarize
from chargebee_operators.dag.timetable import ExportTimetable
from chargebee_operators.dag.trigger_form import params_of
from chargebee_operators.deleted_records import ChargebeeDeletedRecordsOperator
from chargebee_operators.glue.operator import ChargebeeGlueTableOperator
from chargebee_operators.operators import ChargebeeExportOperator
from chargebee_operators.sensors import ExportReadySensor
from chargebee_operators.transfers import ChargebeeExportToS3Operator

# The start or the end of the run's window, as the plan has left it.
_END_OF_WINDOW = f"{{{{{{{{ ti.xcom_pull(task_ids='{PLAN}', key='{WINDOW}')['{{}}'] }}}}}}}}"

DOC_MD = """
### Chargebee exports to S3

Each run takes one window of time, its data interval or the one typed in the trigger form, and writes every
resource to S3 as a partition:

`{prefix}/windows/customers/site=.../window_start=20261123T000000Z/`

| task | what it does | when it fails |
|---|---|---|
| `plan` | picks the window and the resources, checks the connections and the bucket | its log says what to correct |
| `start` | asks Chargebee for the export; waits in the triggerer for one of the site's five slots | clear it for a new export |
| `ready` | waits in the triggerer until the export is completed | clear `start` and all below it |
| `upload` | streams the zip into S3 and writes the manifest last | clear it: it asks for a fresh URL |
| `register` | with `glue_database`: adds the new columns and the window to the Glue tables, for Athena | clear it |
| `initial` | with `initial="snapshot"`: the same three tasks, for a snapshot in a resource's first run only | as above |
| `deleted_records.upload` | lists Chargebee's events of deletions and writes them as a table | clear it: it lists them again |
| `summary` | logs one table: rows, files and bytes of each resource, what failed, what was skipped and why | it changes nothing |

Related files have tables of their own (`invoices__line_items`). The manifest, below `{prefix}/manifests/`, lists what belongs
to the partition; without it a partition does not exist yet. A rerun replaces it.
"""


def chargebee_export_dag(settings: ExportDagSettings) -> DAG:
    """Build the DAG that exports one Chargebee site to S3.

    :param settings: what differs from DAG to DAG.
    :raises SettingsError: when the file has a DAG of that id already, or an ``upload_args`` names no argument.
    """
    if settings.dag_id in dag_ids_of_this_file():
        # Airflow would keep one of the two, and at each parse perhaps another.
        raise SettingsError(
            f"This file has two DAGs with the dag_id {settings.dag_id!r}: give each ExportDagSettings a dag_id of its own."
        )
    _check_upload_args(f"DAG {settings.dag_id!r}", settings.upload_args)
    for each in settings.each_resource:
        _check_upload_args(each.name, each.upload_args)
    dag = DAG(
        dag_id=settings.dag_id,
        description="Writes Chargebee exports to S3, one partition a resource and window",
        doc_md=DOC_MD.format(prefix=settings.prefix),
        schedule=ExportTimetable(settings.schedule, timezone=settings.timezone) if settings.schedule else None,
        start_date=settings.start_date,
        catchup=settings.catchup,
        max_active_runs=settings.max_active_runs,
        params=params_of(settings),
        render_template_as_native_obj=False,
        tags=list(settings.tags),
        default_args=settings.task_defaults,
    )
    with dag:
        plan, summary = _plan_task(settings), _summary_task(settings)
        for resource in settings.each_resource:
            plan >> _resource_group(settings, resource, summary)
        if settings.deleted_records:
            plan >> _deletions_group(settings, summary)
    return dag


def _plan_task(settings: ExportDagSettings) -> Any:
    @task.branch(task_id=PLAN, task_display_name="plan")
    def plan(**context: Any) -> list[str]:
        """Pick the window and the resources; check what can be checked before anything is sent to Chargebee."""
        return plan_of_run(settings, context)  # type: ignore[arg-type]

    return plan()


def _summary_task(settings: ExportDagSettings) -> Any:
    @task(task_id="summary")
    def summary(**context: Any) -> None:
        """Log a table of what was written, what failed, and what was skipped."""
        initial = [f"{each.name}.{INITIAL}" for each in settings.each_resource if settings.begins_with_snapshot(each)]
        summarize(settings.groups, initial, context)  # type: ignore[arg-type]

    # A teardown runs whatever became of the uploads, and leaves it to them whether the run has failed.
    return summary().as_teardown()


def _resource_group(settings: ExportDagSettings, resource: ResourceSettings, summary: Any) -> TaskGroup:
    with TaskGroup(resource.name) as group:
        _export_tasks(settings, resource, "{{ params.snapshot }}") >> summary
        if settings.begins_with_snapshot(resource):
            with TaskGroup(INITIAL):
                _export_tasks(settings, resource, True) >> summary
    return group


def _export_tasks(settings: ExportDagSettings, resource: ResourceSettings, snapshot: bool | str) -> Any:
    """Make the tasks of one export, and return the last one."""
    start = ChargebeeExportOperator(
        task_id="start",
        resource=resource.name,
        window_start=_END_OF_WINDOW.format("start"),
        window_end=_END_OF_WINDOW.format("end"),
        window_field=resource.window_field if snapshot is not True else None,
        snapshot=resource.is_snapshot or snapshot,
        filters=dict(resource.filters) or None,
        export_type=resource.export_type,
        business_entity_id=resource.business_entity_id,
        chargebee_conn_id=settings.chargebee_conn_id,
        settle=settings.settle,
    )
    ready = ExportReadySensor(task_id="ready", job=start.output, chargebee_conn_id=settings.chargebee_conn_id)
    return _last_task(settings, resource.name, _upload_task(settings, resource, ready.output))


def _deletions_group(settings: ExportDagSettings, summary: Any) -> TaskGroup:
    arguments = {
        "s3_prefix": "{{ params.prefix }}",
        "replace_other_window": "{{ params.replace }}",
        **settings.deleted_records_args(),
    }
    others = _parameters(ChargebeeExportToS3Operator) - _parameters(ChargebeeDeletedRecordsOperator)
    # The assets that the settings give are of exports, and this is none.
    others |= {"outlets"}
    with TaskGroup(DELETED_RECORDS) as group:
        upload = ChargebeeDeletedRecordsOperator(
            task_id="upload",
            window_start=_END_OF_WINDOW.format("start"),
            window_end=_END_OF_WINDOW.format("end"),
            outlets=[Asset(f"{settings.dag_id}/{DELETED_RECORDS}")],
            **{name: value for name, value in arguments.items() if name not in others},
        )
        _last_task(settings, DELETED_RECORDS, upload) >> summary
    return group


def _last_task(settings: ExportDagSettings, name: str, upload: Any) -> Any:
    """Return the last task of a group: the upload, or the one that registers its tables."""
    return register_task(settings, name, upload) if settings.glue_database else upload


def _upload_task(settings: ExportDagSettings, resource: ResourceSettings, job: Any) -> ChargebeeExportToS3Operator:
    arguments = {
        "s3_prefix": "{{ params.prefix }}",
        # Without a scheme: for one, Airflow would load every provider's handlers, boto3 among them, at each parse.
        "outlets": [Asset(f"{settings.dag_id}/{resource.name}")],
        "replace_other_window": "{{ params.replace }}",
        **settings.upload_args_of(resource),
    }
    return ChargebeeExportToS3Operator(task_id="upload", job=job, **arguments)


def register_task(settings: ExportDagSettings, name: str, upload: Any) -> ChargebeeGlueTableOperator:
    """Make the task that registers what an upload has written in Glue.

    :param settings: the DAG's, with a ``glue_database``.
    :param name: of the task group that both are in.
    :param upload: the task.
    """
    return ChargebeeGlueTableOperator(
        task_id="register",
        written=upload.output,
        database=str(settings.glue_database),
        aws_conn_id=upload.aws_conn_id,
        # Not the asset of the upload: who queries with Athena must start when the table has the new window.
        outlets=[Asset(f"{settings.dag_id}/{name}/glue")],
    )


def _check_upload_args(owner: str, arguments: Mapping[str, Any]) -> None:
    """Refuse an argument that the upload task does not have; Airflow's own error does not name the settings.

    :param owner: whose ``upload_args`` they are, for the error.
    """
    known = _parameters(ChargebeeExportToS3Operator) | _parameters(BaseOperator)
    for name in arguments:
        if name not in known:
            raise SettingsError(
                f"{owner}: upload_args holds {name!r}, which the upload task does not take{nearest(name, known)}: use the "
                "arguments of ChargebeeExportToS3Operator."
            )


def _parameters(kind: type) -> set[str]:
    """Return the names of an operator's arguments."""
    return set(inspect.signature(inspect.unwrap(kind.__init__)).parameters) - {"self", "kwargs"}  # type: ignore[misc]
