"""Which run is the first of a resource, on a real S3 server; and the snapshot that it takes beside its window."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag
from chargebee_operators.common.exceptions import UploadError
from chargebee_operators.dag.plan import PLAN, plan_of_run
from chargebee_operators.partition.first_run import FirstRun
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.s3.bucket import S3Bucket
from support.landing import FLAT, FOLDER, hook_of, job_of
from support.tasks import TaskInstance, context, run

NIGHT, NEXT = {"dag_id": "d", "run_id": "night"}, {"dag_id": "d", "run_id": "next"}


@pytest.fixture
def is_first(proxy, store) -> Any:
    """Return whether a run is the first one below the prefix of the test."""

    def found(
        run_of: dict[str, str], resource: str = "customers", site: str = "acme", worker: int = 0, **templates: str
    ):
        bucket = S3Bucket(hook_of(worker, "{}"), store.bucket)
        return FirstRun(bucket, KeyTemplates(**{"s3_prefix": store.root, **templates}), site, run_of).is_first(resource)

    return found


def test_the_run_that_finds_nothing_is_the_first_and_so_are_its_retries(is_first):
    assert is_first(NIGHT)
    assert is_first(NIGHT)
    assert not is_first(NEXT)
    assert is_first(NIGHT)


def test_each_resource_and_site_has_a_first_run_of_its_own(is_first):
    assert is_first(NIGHT)
    assert is_first(NEXT, resource="invoices")
    assert is_first(NEXT, site="other")


def test_a_retry_is_the_first_run_although_its_window_is_written(is_first, land):
    assert is_first(NIGHT)
    land("e1", {"a": b"1"})
    assert is_first(NIGHT) and not is_first(NEXT)


@pytest.mark.parametrize("templates", [{}, FOLDER, FLAT], ids=["default", "folder", "flat"])
def test_no_run_is_the_first_where_a_partition_exists_and_later_runs_read_the_mark_alone(
    is_first, land, proxy, store, templates
):
    land("e1", {"a": b"1"}, templates)
    assert not is_first(NIGHT, **templates)
    proxy.clear()
    assert not is_first(NEXT, **templates)
    assert [each.operation for each in proxy.calls] == ["GetManifest"]
    assert is_first(NIGHT, "invoices", **templates), "the partition is not one of invoices"


def test_of_many_runs_at_once_one_is_the_first(is_first):
    def ask(number: int) -> bool:
        return is_first({"dag_id": "d", "run_id": f"{number}"}, worker=number)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(4))) == 1


def test_a_conflict_that_leaves_no_mark_is_an_error_and_the_next_try_is_the_first_run(is_first, proxy):
    proxy.rule("PutManifest", status=409, code="ConditionalRequestConflict", conditional=True)
    with pytest.raises(UploadError, match="409 ConditionalRequestConflict"):
        is_first(NIGHT)
    assert is_first(NIGHT)


def test_the_mark_has_one_key_for_all_windows(store):
    def key(prefix: str) -> str:
        return FirstRun(SimpleNamespace(), KeyTemplates(prefix), "acme", NIGHT).mark_key("customers")

    assert key("a/b") == "a/b/first_runs/customers/site=acme.json"
    assert key("a/b/") == key("a/b") and key("") == "first_runs/customers/site=acme.json"
    assert re.fullmatch(
        "a/b/first_runs/customers/site=acme-[0-9a-f]{8}.json", key("a/b/resource={resource}/{partition}")
    )
    assert re.fullmatch("first_runs/customers/site=acme-[0-9a-f]{8}.json", key("{site}/{partition}"))


def test_layouts_that_differ_behind_a_placeholder_have_a_first_run_each(is_first, store):
    first, second = (f"{store.root}/{{resource}}/{name}" for name in ("whole", "entity"))
    assert is_first(NIGHT, s3_prefix=first)
    assert is_first({**NIGHT, "dag_id": "other"}, s3_prefix=second)
    assert not is_first({**NIGHT, "run_id": "later"}, s3_prefix=first)


def plan(settings: ExportDagSettings, run_id: str, **changes: Any) -> list[str]:
    task = chargebee_export_dag(settings).get_task(PLAN)
    return plan_of_run(settings, context(ti=TaskInstance(run_id=run_id), task=task, **changes))


@pytest.fixture
def settings(connected, aws, bucket) -> ExportDagSettings:
    own = ResourceSettings("invoices", initial="window")
    return ExportDagSettings(
        s3_bucket=bucket, resources=["customers", own, "item_families"], initial="snapshot", deleted_records=False
    )


def test_the_first_run_takes_a_snapshot_beside_its_window_and_the_next_one_does_not(settings):
    windows = ["customers.start", "invoices.start", "item_families.start"]
    assert plan(settings, "one") == [*windows, "customers.initial.start", "item_families.initial.start"]
    assert plan(settings, "one") == [*windows, "customers.initial.start", "item_families.initial.start"]
    assert plan(settings, "two") == windows


def test_no_run_is_the_first_where_earlier_runs_had_another_text_in_place_of_the_jinja(settings, aws, bucket):
    name = "manifests/{{ data_interval_start.strftime('%Y/%m/%d') }}/{resource}-{partition}.json"
    named = replace(settings, upload_args={"manifest_name": name})
    job = job_of("old", site="acme-test", resource="customers")
    body = json.dumps({"job": job.to_dict(), "files": []}).encode()
    aws.client().put_object(Bucket=bucket, Key="chargebee/manifests/2024/01/31/customers-x.json", Body=body)
    assert [each for each in plan(named, "one") if ".initial." in each] == ["item_families.initial.start"]


def test_a_backfill_takes_the_snapshot_in_one_of_its_runs_when_it_comes_first(settings):
    backfill = {"dag_run": SimpleNamespace(run_type="backfill", conf={})}
    found = [plan(settings, f"backfill-{number}", **backfill) for number in range(3)]
    assert ["customers.initial.start" in each for each in found] == [True, False, False]


def test_a_run_of_snapshots_takes_no_other_one_and_is_not_the_first_run(settings):
    assert not [each for each in plan(settings, "by-hand", params={"snapshot": True}) if ".initial." in each]
    assert "customers.initial.start" in plan(settings, "scheduled")


def test_only_the_resources_of_the_run_have_their_first_run(settings):
    assert plan(settings, "some", params={"resources": ["item_families"]}) == [
        "item_families.start",
        "item_families.initial.start",
    ]
    assert "customers.initial.start" in plan(settings, "all")


def test_the_snapshot_has_the_records_that_no_window_finds(connected, aws, bucket, settings):
    made = chargebee_export_dag(settings)
    start, upload = (made.get_task(f"customers.initial.{name}") for name in ("start", "upload"))
    start.window_start = start.window_end = None
    upload.job, upload.s3_prefix, upload.replace_other_window = run(start), "p", False
    upload.outlets = []
    landed = run(upload)
    assert landed["partition"].startswith("taken_at=")
    assert landed["tables"]["customers"]["rows"] == len(connected.control.records("customers"))
