"""Every export by every clock and in every look: right, with its filter ignored, empty, and changed in the meantime.

It knows no Airflow, so that it need not run on each version. ``test_window_proof`` shows some of the same with the operators.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.chargebee.api import create_export_request, get_export_request, read_export
from chargebee_operators.chargebee.client import ChargebeeClient
from chargebee_operators.chargebee.connection import settings_from_connection
from chargebee_operators.chargebee.filters import export_fields
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.records import RETRIEVABLE, get_record_request, read_record
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.common.exceptions import WindowCheckError
from chargebee_operators.download.download import Download
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.landing import Landing
from chargebee_operators.partition.manifest import total_rows
from chargebee_operators.partition.verdict import Checks
from chargebee_simulator import Simulator, SimulatorSettings
from support.landing import Store
from support.simulator_calls import KEY, SITE

LOOKS = ("chargebee", "bulk", "excel")
# Clocks that never move once a record exists.
IMMUTABLE = {"created_at", "date", "order_date"}
CLOCKS = [
    (name, field)
    for name in RESOURCE_NAMES
    for field in get_resource(name).window_fields
    if field == "updated_at" or field in IMMUTABLE
]
every_case = pytest.mark.parametrize(("resource", "field"), CLOCKS)
every_look = pytest.mark.parametrize("look", LOOKS)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
# Long enough for every resource to have rows in it; it ended hours before the simulator's present.
YEAR = Window(datetime(2025, 11, 25, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
# Before the company began: a right export has no rows, and each row proves that the filter was ignored.
BEFORE = Window(datetime(2001, 10, 1, tzinfo=UTC), datetime(2001, 10, 2, tzinfo=UTC))
_numbers = itertools.count()


def test_the_cases_are_all_that_chargebee_has():
    assert {name for name, _ in CLOCKS} == {name for name in RESOURCE_NAMES if get_resource(name).default_window_field}
    by_immutable = {name for name, field in CLOCKS if field in IMMUTABLE}
    assert by_immutable == {
        *("coupons", "credit_notes", "customers", "invoices", "orders", "price_variants", "subscriptions"),
        "transactions",
    }


def running() -> Simulator:
    return Simulator(
        SimulatorSettings(sites=(f"{SITE}:{KEY}",), customers=60, job_seconds=0, rate_limit=0, now=iso(NOW))
    )


@pytest.fixture(scope="module")
def still() -> Iterator[Simulator]:
    """A site whose records stay as they are."""
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def changing() -> Iterator[Simulator]:
    """A site whose records the tests change."""
    with running() as simulator:
        yield simulator


class Exporter:
    """Exports from one site, and writes into one place of a bucket."""

    def __init__(self, simulator: Simulator, store: Store) -> None:
        connection = SimpleNamespace(
            conn_id="chargebee", login=SITE, password=KEY, host=simulator.url, schema=None, port=None, extra=None
        )
        self.control, self._store = simulator.control, store
        self._settings = settings_from_connection(connection)
        self._client = ChargebeeClient(self._settings)

    def look(self, name: str, **settings: Any) -> None:
        self.control.reset_settings()
        self.control.settings(profile=name, **settings)

    def request(self, resource: str, field: str, window: Window) -> JobRecord:
        kind = get_resource(resource)
        fields = export_fields(kind, window=window, window_field=field, filters={}, export_type=None)
        asked = create_export_request(self._settings, resource, fields, idempotency_key=f"key-{next(_numbers)}")
        export = read_export(self._settings, self._client.send(asked))
        start, end, requested = iso(window.start), iso(window.end), iso(export.created_at)
        return JobRecord(export.id, resource, SITE, dict(fields), start, end, field, requested)

    def land(self, job: JobRecord, window_check: str = "fail") -> dict[str, Any]:
        """Download an export, write it to S3, and return its manifest, as it is in S3 then."""
        form = get_format("zip")
        keys = PartitionKeys(KeyTemplates(self._store.root), job, form.suffix)
        fetch = self._record(job.resource) if job.resource in RETRIEVABLE else None
        with S3Partition(self._hook(), self._store.bucket, keys, job) as partition:
            landing = Landing(job, partition, form, Checks(window_check=window_check, column_changes="off"))
            landing.send(Download(lambda: self._url(job), self._settings, job.export_id), ZipStream, lambda: None)
            landing.judge(fetch)
            partition.commit(landing.manifest({}))
        written = json.loads(self._store.body(keys.manifest_key))
        rows = total_rows(each["rows"] for each in written["files"])
        return {"proof": written["window_proof"], "rows": rows, "warnings": written["warnings"]}

    def _url(self, job: JobRecord) -> str:
        answer = self._client.send(get_export_request(self._settings, job.export_id))
        return read_export(self._settings, answer, job.export_id).download_url or ""

    def _record(self, resource: str) -> Any:
        def fetch(record_id: str) -> Any:
            answer = self._client.send(get_record_request(self._settings, resource, record_id))
            return read_record(self._settings, answer, resource, record_id)

        return fetch

    def _hook(self) -> Any:
        """Return as much of Airflow's S3 hook as a partition needs, over the client of the server."""
        config = SimpleNamespace(multipart_chunksize=8 << 20, max_concurrency=1, use_threads=False)
        client = self._store.client
        return SimpleNamespace(
            aws_conn_id="aws", extra_args={}, transfer_config=config, service_config={}, get_conn=lambda: client
        )


@pytest.fixture
def site(still: Simulator, store: Store) -> Exporter:
    return Exporter(still, store)


@every_look
@every_case
def test_a_right_export_is_confirmed(site, look, resource, field):
    site.look(look)
    found = site.land(site.request(resource, field, YEAR))
    assert found["rows"] and found["warnings"] == []
    if resource in RETRIEVABLE:
        assert found["proof"]["confirmed"] and found["proof"]["by"] in ("column", "spot_check")
    else:
        # An attached item can't be retrieved by its id alone.
        assert found["proof"]["by"] == ("none" if look == "chargebee" else "column")
    assert found["proof"]["by"] == "column" or look == "chargebee", "these looks have a column for each clock"


@every_look
@every_case
def test_an_ignored_filter_is_refused_and_nothing_is_written(site, store, look, resource, field):
    site.look(look, ignore_filters=True)
    job = site.request(resource, field, BEFORE)
    with pytest.raises(WindowCheckError, match="Chargebee ignored the filter"):
        site.land(job)
    assert (store.keys(), store.uploads()) == ([], [])


@every_look
@every_case
def test_an_empty_export_is_confirmed_by_its_emptiness(site, look, resource, field):
    site.look(look)
    found = site.land(site.request(resource, field, BEFORE), window_check="require")
    assert (found["proof"]["by"], found["proof"]["confirmed"]) == ("empty", True)
    assert (found["rows"], found["warnings"]) == (0, [])


@every_look
@every_case
def test_rows_that_change_after_the_request_fail_no_right_export(changing, store, look, resource, field):
    site = Exporter(changing, store)
    site.look(look)
    site.control.advance(1)  # so that what the case before has changed is inside the window
    present = datetime.fromtimestamp(int(site.control.now()), UTC)
    job = site.request(resource, field, Window(YEAR.start, present))
    site.control.advance(timedelta(hours=1).total_seconds())
    site.control.touch(resource, [each["id"] for each in site.control.records(resource)])
    found = site.land(job)
    assert found["rows"] and found["warnings"] == []
    # Where the API alone can tell, it can't any more: each record was changed since.
    assert found["proof"]["by"] in ("none", "column")


def test_records_that_are_gone_by_now_fail_no_right_export(make_simulator, store):
    site = Exporter(make_simulator(sites=(f"{SITE}:{KEY}",)), store)
    job = site.request("orders", "order_date", YEAR)
    site.control.remove("orders", [each["id"] for each in site.control.records("orders")])
    found = site.land(job)
    assert found["rows"] and found["warnings"] == []
    assert found["proof"]["by"] == "column", "an order's date has a column"


def test_customers_that_are_gone_by_now_fail_no_right_export(make_simulator, store):
    site = Exporter(make_simulator(sites=(f"{SITE}:{KEY}",)), store)
    job = site.request("customers", "updated_at", YEAR)
    site.control.remove("customers", [each["id"] for each in site.control.records("customers")])
    found = site.land(job)
    assert found["rows"] and found["warnings"] == [] and found["proof"]["by"] == "none"
    assert "does not exist any more" in found["proof"]["says"]


def test_a_busy_api_is_waited_for_as_it_asks(site):
    site.look("chargebee")
    job = site.request("customers", "updated_at", YEAR)
    site.control.fault("status", status=429, retry_after=1, call="record", times=2)
    found = site.land(job)
    assert found["proof"]["by"] == "spot_check" and found["warnings"] == []


@pytest.mark.parametrize("fault", [{"status": 429, "retry_after": 600}, {"status": 403}], ids=["busy", "forbidden"])
def test_an_api_that_gives_no_record_fails_no_export_unless_a_proof_is_required(site, store, fault):
    site.look("chargebee")
    site.control.fault("status", call="record", times=None, **fault)
    try:
        found = site.land(site.request("customers", "updated_at", YEAR))
        assert found["rows"] and found["warnings"] == [] and found["proof"]["by"] == "none"
        with pytest.raises(WindowCheckError, match="nothing proves that its rows belong to the window"):
            site.land(site.request("customers", "updated_at", YEAR), window_check="require")
    finally:
        site.control.clear_faults()


def test_a_column_costs_no_call(site):
    site.look("excel")
    job = site.request("customers", "updated_at", YEAR)
    site.control.clear_requests()
    assert site.land(job)["proof"]["by"] == "column"
    assert site.control.requests(call="record") == []
