"""Audits of a healthy and of a sick history, in CSV and in Parquet: simulator, operators and a real S3 server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from chargebee_operators._compat import AirflowFailException
from chargebee_operators.audit.bucket import AuditBucket
from chargebee_operators.audit.report import REPAIR
from chargebee_operators.common.exceptions import UploadError
from chargebee_operators.partition.key_templates import DEFAULT_MANIFEST_NAME
from chargebee_simulator import Simulator, SimulatorSettings
from support.audit_history import KEY, SITE, History
from support.buckets import WORKER, new_bucket
from support.uploads import body, manifest

LONG_AGO = "2020-01-01"
TYPES = {"*_at": "timestamp[s, UTC]", "*.auto_close_invoices": "bool", "*.net_term_days": "int32"}


@pytest.fixture(scope="module", params=["csv.gz", "parquet"])
def made(request: pytest.FixtureRequest, s3: Any) -> Iterator[Any]:
    """Make histories in a format. The look of real files goes with CSV: there customers have no ``updated_at``."""
    is_parquet = request.param == "parquet"
    profile = "api" if is_parquet else "chargebee"
    # So many that the two that are drawn at random are not both among the few that have changed.
    settings = {"customers": 500, "now": "2026-11-24T12:00:00Z", "job_seconds": 0, "rate_limit": 0, "profile": profile}
    arguments = {"file_format": request.param, **({"column_types": TYPES} if is_parquet else {})}
    with pytest.MonkeyPatch.context() as environment, ExitStack() as running:
        bucket = running.enter_context(new_bucket(s3.client(), f"audit-{request.param.replace('.', '-')}-{WORKER}"))
        environment.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())

        def make(prefix: str) -> History:
            simulator = running.enter_context(Simulator(SimulatorSettings(sites=(f"{SITE}:{KEY}",), **settings)))
            return History(s3, bucket, simulator, prefix, arguments, environment)

        yield make


@pytest.fixture(scope="module")
def sick(made: Any) -> History:
    """A history to which everything has happened that an audit has to find."""
    history: History = made("sick")
    history.connect()
    control = history.simulator.control
    old = [
        each["id"] for each in control.records("customers") if each["updated_at"] < 1794700800
    ]  # before the fifteenth
    names = ["never run", "late", "no event", "lost", "replaced", "deleted", "again", "deleted lately", "lately"]
    history.ids = ids = dict(zip(names, old, strict=False))
    ids |= {"no updated_at": "cust-null", "of another time": "cust-later"}
    control.create("customers", ["cust-later"], at="2026-11-22T05:00:00Z")
    history.land(LONG_AGO, "2026-11-19")
    control.touch("customers", [ids["replaced"]], at="2026-11-19T10:00:00Z", fields={"first_name": "New"})
    replaced = history.land("2026-11-19", "2026-11-20")
    control.settings(ignore_filters=True)
    history.land("2026-11-20", "2026-11-21", window_check="off")
    control.settings(ignore_filters=False)
    control.touch("customers", [ids["never run"]], at="2026-11-21T10:00:00Z", fields={"first_name": "New"})
    control.remove("customers", [ids["deleted"], ids["again"]], at="2026-11-22T08:00:00Z")
    control.create("customers", [ids["again"]], at="2026-11-22T20:00:00Z")
    control.create("customers", ["cust-null"], at="2026-11-22T12:00:00Z", fields={"updated_at": None})
    history.land("2026-11-22", "2026-11-23")
    control.touch("customers", [ids["late"]], at="2026-11-22T23:59:00Z", fields={"first_name": "New"})
    control.touch("customers", [ids["lost"]], at="2026-11-23T10:00:00Z", fields={"first_name": "New"})
    lost = history.land("2026-11-23", "2026-11-24")
    control.remove("customers", [ids["no event"]], at="2026-11-23T12:00:00Z", event=False)
    control.remove("customers", [ids["deleted lately"]], at="2026-11-24T05:00:00Z")
    control.touch("customers", [ids["lately"]], at="2026-11-24T06:00:00Z", fields={"first_name": "New"})
    client, first = history.s3.client(), manifest(history.s3, history.bucket, replaced["manifest_key"])["files"][0]
    other = manifest(
        history.s3, history.bucket, "sick/manifests/customers/site=acme-test/window_start=20200101T000000Z.json"
    )
    client.copy_object(
        Bucket=history.bucket,
        Key=first["key"],
        CopySource={"Bucket": history.bucket, "Key": other["files"][0]["key"]},
    )
    gone = manifest(history.s3, history.bucket, lost["manifest_key"])["files"][0]
    client.delete_object(Bucket=history.bucket, Key=gone["key"])
    history.audit(ignored_columns=["frist_name", "phone", "of_invoices"])
    return history


def test_what_a_window_that_never_ran_a_late_and_a_lost_row_lack_differs(sick):
    assert {"never run", "late", "lost"} <= sick.found("differs")
    assert sick.found("differs") <= {"never run", "late", "lost", "replaced"}


def test_a_row_without_updated_at_is_missing(sick):
    assert sick.found("missing") == {"no updated_at"}


def test_a_record_that_was_deleted_without_an_event_should_be_gone_and_the_others_are_right(sick):
    assert sick.found("gone") == {"no event"}


def test_what_changed_since_the_last_window_is_not_yet_due(sick):
    assert sick.found("not_yet_due") == {"deleted lately", "lately"}


def test_the_time_without_a_window_has_the_commands_that_export_it(sick):
    never, *damaged = [each for each in sick.report["backfills"] if each["why"] == "no window covers it"]
    assert (never["from"], never["to"], damaged) == ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", [])
    assert "backfill" in never["command"] and "2026-11-21T00:00:00" in never["command"]
    assert "airflow dags trigger chargebee_export --conf" in never["single_run"]


def test_where_values_differ_each_ignored_column_that_no_file_has_is_named(sick):
    known = "ignored_columns has 'frist_name', and no file of customers has this column (did you mean 'first_name'?)."
    unknown = [each for each in sick.report["notes"] if "'of_invoices'" in each]
    assert known in sick.report["notes"] and len(unknown) == 1
    assert not [each for each in sick.report["notes"] if "'phone'" in each]


def test_damaged_partitions_are_named(sick):
    says = {each["manifest_key"].rpartition("=")[2]: each["says"] for each in sick.report["problems"]}
    assert says["20261123T000000Z.json"].endswith("does not exist")
    assert says["20261119T000000Z.json"].endswith("has other bytes than its manifest says")
    assert says["20261120T000000Z.json"].endswith("a filter was ignored")
    assert set(says) == {f"202611{day}T000000Z.json" for day in (19, 20, 23)}


def test_the_task_fails_with_counts_and_the_report_has_no_personal_data(sick):
    assert sick.error.startswith("customers: missing 1, gone 1, differs ")
    assert "damaged partitions 3" in sick.error
    text = json.dumps(sick.report)
    assert "@example.com" not in text and "New" not in text
    assert sick.report["repair"] == REPAIR
    assert sick.extra["findings"] == sick.report["findings"]


@pytest.fixture(scope="module")
def healthy(made: Any) -> History:
    """A history in which every change was written in time, and records change while the snapshot is made."""
    history: History = made("healthy")
    history.connect()
    control = history.simulator.control
    ids = [each["id"] for each in control.records("customers")][20:40]
    history.land(LONG_AGO, "2026-11-21")
    control.touch("customers", ids[:5], at="2026-11-21T10:00:00Z", fields={"first_name": "New", "cf_city": None})
    control.create("customers", ["cust-new"], at="2026-11-21T12:00:00Z")
    history.land("2026-11-21", "2026-11-22")
    control.touch("customers", ids[3:8], at="2026-11-22T00:00:00Z", fields={"first_name": 'Newer, "x"\n'})
    control.remove("customers", ids[8:10], at="2026-11-22T23:59:59Z")
    history.land("2026-11-22", "2026-11-23")
    control.create("customers", [ids[8]], at="2026-11-23T07:00:00Z")
    history.land("2026-11-23", "2026-11-24")
    control.touch("customers", ids[10:12], at="2026-11-24T00:00:00Z", fields={"first_name": "Due tomorrow"})

    def meanwhile() -> None:
        control.touch("customers", ids[12:14], fields={"first_name": "Meanwhile"})
        control.remove("customers", ids[14:16])
        control.create("customers", ["cust-meanwhile"])

    history.audit(meanwhile, ignored_columns=["of_invoices"])
    return history


def test_a_healthy_history_has_no_fault(healthy):
    assert not healthy.error
    assert healthy.report["passed"] and healthy.report["faults"] == 0
    assert healthy.report["problems"] == healthy.report["backfills"] == healthy.report["notes"] == []
    assert healthy.found("not_yet_due") == set(healthy.report["findings"]["not_yet_due"]["ids"])
    assert healthy.report["findings"]["not_yet_due"]["count"] >= 2
    assert healthy.extra["passed"] is True
    assert "first_name" in healthy.report["compared_columns"]


def test_the_next_audit_counts_the_snapshot_of_the_last_one(sick):
    report = sick.report
    again = replace(sick, ids=dict(sick.ids), error="")
    again.simulator.control.advance(3600)
    again.audit()
    assert again.report["taken_at"] > report["taken_at"]
    assert again.found("missing") == again.found("differs") == set()
    # A snapshot can't show that a record is no more.
    assert again.found("gone") == {"no event"}
    assert again.report["counts"]["snapshots"] == 1


def test_a_file_of_deletions_that_was_removed_is_a_damaged_partition(healthy):
    again = replace(healthy, error="")
    again.simulator.control.advance(5400)
    key = f"{again.prefix}/manifests/deleted_records/site=acme-test/window_start=20261122T000000Z.json"
    (file,) = manifest(again.s3, again.bucket, key)["files"]
    client = again.s3.client()
    kept = body(again.s3, again.bucket, file["key"])
    client.delete_object(Bucket=again.bucket, Key=file["key"])
    again.audit()
    client.put_object(Bucket=again.bucket, Key=file["key"], Body=kept)
    assert [each["manifest_key"] for each in again.report["problems"]] == [key]
    assert again.report["findings"]["gone"]["count"] > 0
    (damaged,) = again.report["backfills"]
    assert (damaged["why"], damaged["from"]) == ("its partition of deleted_records is damaged", "2026-11-22T00:00:00Z")
    assert "deleted_records" in damaged["command"]


def test_time_without_a_window_of_deletions_is_named(healthy):
    again = replace(healthy, error="")
    again.simulator.control.advance(5400)
    key = f"{again.prefix}/manifests/deleted_records/site=acme-test/window_start=20261122T000000Z.json"
    client = again.s3.client()
    kept = body(again.s3, again.bucket, key)
    client.delete_object(Bucket=again.bucket, Key=key)
    again.audit()
    client.put_object(Bucket=again.bucket, Key=key, Body=kept)
    (missing,) = again.report["backfills"]
    says = ("no window of deleted_records covers it", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z")
    assert (missing["why"], missing["from"], missing["to"]) == says


def test_deletions_are_read_below_their_own_prefix(healthy):
    again = replace(healthy, error="")
    again.simulator.control.advance(5400)
    again.audit(deletions_s3_prefix="elsewhere")
    assert again.report["counts"]["deletions"] == 0
    again.audit(s3_prefix=f"{again.prefix}/", deletions_s3_prefix=again.prefix)
    assert again.report["counts"]["deletions"] > 0


def test_exports_of_the_latest_changes_are_no_partitions_that_could_be_compared(healthy):
    again = replace(healthy, error="")
    again.simulator.control.advance(5400)
    again.audit(
        manifest_name="{{ ds }}/{resource}/site={site}/{partition}.json", deletions_manifest_name=DEFAULT_MANIFEST_NAME
    )
    assert not again.error
    assert again.report["counts"]["windows"] == healthy.report["counts"]["windows"]
    assert not [each for each in again.report["notes"] if each.startswith("Not compared")]


def test_a_window_that_is_exported_again_meanwhile_is_no_damage(healthy, monkeypatch):
    again = replace(healthy)
    again.connect()
    again.simulator.control.advance(7200)
    read, exports = AuditBucket.manifests, []

    def read_and_export(self: AuditBucket, *arguments: Any) -> Any:
        found = read(self, *arguments)
        if "customers" in arguments and not exports:
            exports.append(again.land("2026-11-22", "2026-11-23"))
        return found

    monkeypatch.setattr(AuditBucket, "manifests", read_and_export)
    with pytest.raises(UploadError, match="was replaced while the audit read it"):
        again.audit()


def test_an_ignored_filter_of_the_changes_is_no_excuse(healthy):
    again = replace(healthy)
    control = again.simulator.control
    control.advance(3600)
    try:
        with pytest.raises(AirflowFailException, match="Chargebee ignored the filter"):
            again.audit(lambda: control.settings(ignore_filters=True))
    finally:
        control.settings(ignore_filters=False)


def test_other_names_of_columns_are_noted_until_a_snapshot_has_them(healthy):
    again = replace(healthy, error="")
    control = again.simulator.control
    control.settings(profile="bulk")
    notes = []
    for _ in range(2):
        control.advance(5400)
        again.audit()
        notes.append([each for each in again.report["notes"] if "less than half of the snapshot's columns" in each])
    control.reset_settings()
    assert [len(each) for each in notes] == [1, 0]
    assert re.match(r"Most values of \d{3} records were not compared", notes[0][0])
