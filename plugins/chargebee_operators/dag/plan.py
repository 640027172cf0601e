"""The task in front: it picks the window and the resources, and checks what can be checked before anything is exported."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from chargebee_operators._compat import Context, is_backfill, params_are_overridden
from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.chargebee.windows import iso_in
from chargebee_operators.common.run_configuration import check_configuration
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.dag.first_runs import FIRST_RUN_ARGUMENTS, is_first_run
from chargebee_operators.dag.planning import NO_INTERVAL, Interval, Run, RunPlan, plan_run
from chargebee_operators.dag.preflight import check_chargebee, check_glue, check_packages, check_s3
from chargebee_operators.dag.settings import ExportDagSettings
from chargebee_operators.dag.ticks import CronTicks
from chargebee_operators.dag.trigger_form import params_of
from chargebee_operators.task_errors import failing_fast

log = task_log(__name__)

# The grid of Airflow 3 sorts tasks by their ids, and only then by their order. So it begins with the first of all letters.
PLAN = "a_plan"
# The task that lists what was deleted.
DELETIONS = f"{DELETED_RECORDS}.upload"
# The group, inside that of a resource, whose tasks take the snapshot of its first run.
INITIAL = "initial"
# What the plan leaves in XCom: the window's two ends, and why resources are skipped.
WINDOW, SKIPPED = "window", "skipped"


def plan_of_run(settings: ExportDagSettings, context: Context) -> list[str]:
    """Return the first tasks to run; leave the window, and why resources are skipped, in XCom.

    :raises AirflowFailException: when the configuration, the window, a resource, a package, a connection or the bucket is
        wrong.
    :raises ChargebeeExportError: when Chargebee or S3 can't be reached, so that Airflow tries again.
    """
    now = datetime.now(UTC)
    with failing_fast():
        _check_configuration(settings, context)
        plan = plan_run(
            _run(context), _latest_interval(settings, now), settings.each_resource, now, settings.deleted_records
        )
        check_packages()
        site = check_chargebee(_rendered(settings.chargebee_conn_id, context))
        prefix = str(context["params"].get("prefix", settings.prefix))
        targets = _rendered(_targets(settings, plan), context)
        check_s3(targets, prefix)
        if settings.glue_database:
            check_glue(_rendered(settings.glue_database, context), [each["aws_conn_id"] for each in targets])
        first = _first_runs(settings, plan, prefix, site, context)
    every = counted(len(settings.resources), "resource")
    log.info("Site %s, window %s, %s of %s", site, plan.window, len(plan.resources), every)
    for name, why in plan.skipped.items():
        log.info("Skipping %s: %s", name, why)
    context["ti"].xcom_push(key=WINDOW, value=_ends(plan, settings.timezone))
    context["ti"].xcom_push(key=SKIPPED, value=dict(plan.skipped))
    return [
        *(f"{name}.start" for name in plan.resources),
        *(f"{name}.{INITIAL}.start" for name in first),
        *([DELETIONS] if plan.deletions else []),
    ]


def _run(context: Context) -> Run:
    # .get, for a manual run without a logical date has no interval in its context at all.
    interval = (context.get("data_interval_start"), context.get("data_interval_end"))
    return Run(context["params"], interval, is_backfill=is_backfill(context.get("dag_run")))


def _check_configuration(settings: ExportDagSettings, context: Context) -> None:
    own = dict(settings.default_args.get("params") or {})
    check_configuration(
        getattr(context.get("dag_run"), "conf", None),
        [*params_of(settings), *own],
        is_heeded=params_are_overridden(),
    )


def _targets(settings: ExportDagSettings, plan: RunPlan) -> list[dict[str, Any]]:
    """Return where the uploads of a run go, and with what."""
    every = [settings.upload_args_of(each) for each in settings.each_resource if each.name in plan.resources]
    every += [settings.deleted_records_args()] if plan.deletions else []
    return [{name: args[name] for name in ("s3_bucket", "aws_conn_id", "extra_args")} for args in every]


def _first_runs(settings: ExportDagSettings, plan: RunPlan, prefix: str, site: str, context: Context) -> list[str]:
    """Return the resources of which this run takes a snapshot as well, because it is their first run.

    :param prefix: of the run.
    """
    if context["params"].get("snapshot"):
        return []
    ti, found = context["ti"], []
    for each in settings.each_resource:
        if each.name in plan.resources and settings.begins_with_snapshot(each):
            arguments = {"s3_prefix": prefix, **settings.upload_args_of(each)}
            target = _rendered({name: arguments.get(name) for name in FIRST_RUN_ARGUMENTS}, context)
            # Rendered, it would name the manifests of this run alone.
            target["manifest_name"] = arguments.get("manifest_name")
            if is_first_run(each.name, target, site, {"dag_id": ti.dag_id, "run_id": ti.run_id}):
                found.append(each.name)
    return found


def _rendered(value: Any, context: Context) -> Any:
    """Return a setting as Airflow renders it for the tasks that take it."""
    task: Any = context["task"]
    return task.render_template(value, context)


def _latest_interval(settings: ExportDagSettings, now: datetime) -> Interval:
    if not settings.schedule:
        return NO_INTERVAL
    return CronTicks(settings.schedule, ZoneInfo(settings.timezone)).last_interval(now)


def _ends(plan: RunPlan, zone: str) -> dict[str, Any]:
    """Return the window's ends in the schedule's zone, whose months the revenue reports take; Airflow has them in UTC."""
    if plan.window is None:
        return {"start": "", "end": ""}
    return {"start": iso_in(plan.window.start, zone), "end": iso_in(plan.window.end, zone)}
