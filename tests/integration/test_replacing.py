"""What an upload may take the place of: another run of the same export, and nothing else unless it is told to."""

from __future__ import annotations

from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.common.exceptions import SettingsError
from support.landing import attempt_of
from support.tasks import TaskInstance, context, run
from support.uploads import keys, manifest, upload

START, HOUR, DAY = "2026-11-19T00:00:00Z", "2026-11-19T01:00:00Z", "2026-11-20T00:00:00Z"


def export(end: str, **arguments: Any) -> dict[str, Any]:
    """The job of a window that begins at START, as after a clear, so that it is a new one."""
    start = ChargebeeExportOperator(
        task_id="start", resource="customers", window_start=START, window_end=end, **arguments
    )
    return run(start, context(ti=TaskInstance(max_tries=9)))


@pytest.fixture
def day(connected, aws, bucket) -> dict[str, Any]:
    """A landed day with rows."""
    connected.control.touch("customers", count=10, at="2026-11-19T12:00:00Z")
    landed = run(upload(export(DAY), bucket))
    assert landed["rows"] >= 10
    return landed


@pytest.mark.parametrize(
    "other",
    [
        {"end": HOUR},
        {"end": DAY, "window_field": "created_at"},
        {"end": DAY, "filters": {"customer[auto_collection][is]": "on"}},
        {"end": DAY, "export_type": "import_friendly_data"},
    ],
    ids=["end", "time field", "filter", "export type"],
)
def test_another_export_leaves_what_stands_and_is_not_even_fetched(connected, aws, bucket, day, other):
    before, fetched = sorted(keys(aws, bucket)), len(connected.control.requests(listener="download"))
    job = export(**other)
    with pytest.raises(AirflowFailException, match="which would replace it: give this one another prefix"):
        run(upload(job, bucket))
    assert sorted(keys(aws, bucket)) == before
    assert len(connected.control.requests(listener="download")) == fetched
    landed = run(upload(job, bucket, replace_other_window=True))
    assert manifest(aws, bucket, day["manifest_key"])["job"]["export_id"] == landed["export_id"]


def test_without_its_manifest_a_partition_is_replaced_whole(aws, bucket, day):
    aws.client().delete_object(Bucket=bucket, Key=day["manifest_key"])
    run(upload(export(HOUR), bucket))
    told = manifest(aws, bucket, day["manifest_key"])
    assert sorted(keys(aws, bucket)) == sorted([day["manifest_key"], *(each["key"] for each in told["files"])])


def test_a_flat_layout_replaces_the_window_before(aws, bucket, day):
    flat = {"s3_prefix": "exports", "object_name": "{member}{suffix}", "manifest_name": "_manifests/{resource}.json"}
    run(upload(export(DAY), bucket, **flat))
    following = ChargebeeExportOperator(task_id="s", resource="customers", window_start=DAY, window_end="2026-11-21")
    run(upload(run(following), bucket, **flat))
    assert manifest(aws, bucket, "exports/_manifests/customers.json")["job"]["window_start"] == DAY


def test_a_partition_that_another_run_has_committed_during_the_download_is_looked_at_too(store, land):
    old = land("e0", {"a": b"old"})

    def refuse(standing: Any) -> None:
        raise SettingsError(f"it is {standing['job']['export_id']}'s")

    with pytest.raises(SettingsError, match="it is e0's"):
        land("e1", {"a": b"new"}, check=refuse)
    assert attempt_of(store.check()) == old
