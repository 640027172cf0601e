"""What an upload looks at before it commits: the window, the columns; and Parquet."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow.parquet
import pytest

from chargebee_operators import ChargebeeExportOperator, ExportDagSettings
from chargebee_operators._compat import AirflowFailException
from chargebee_simulator.profiles import PROFILES
from support.tasks import context, run
from support.uploads import body, keys, manifest, records, rows_of, upload

DAYS = [f"2026-11-{day}T00:00:00Z" for day in (18, 19, 20, 21)]


def start(first: int = 0, last: int = 3, **arguments: Any) -> ChargebeeExportOperator:
    """A start for some of the days."""
    window = {"window_start": DAYS[first], "window_end": DAYS[last]}
    return ChargebeeExportOperator(**{"task_id": "start", "resource": "customers", **window, **arguments})


@pytest.fixture
def moved(connected, aws) -> None:
    """Let some customers have their latest change in the days."""
    connected.control.touch("customers", count=20, at="2026-11-19T12:00:00Z")


def inside(simulator: Any) -> int:
    """Count the customers whose latest change lies in the days."""
    low, high = (datetime.fromisoformat(DAYS[each]).timestamp() for each in (0, 3))
    return sum(low <= (each["updated_at"] or 0) < high for each in simulator.control.records("customers"))


@pytest.fixture
def with_clocks(connected) -> None:
    """Let exports show when each record was updated, under the API's names, as real ones of customers do not."""
    connected.control.settings(profile="api")


@pytest.fixture
def ignored(connected, moved) -> dict[str, Any]:
    """A job whose record says a window, but whose export holds everything, as if Chargebee had ignored the filter."""
    windowed = run(start())
    everything = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    return {**windowed, "export_id": everything["export_id"]}


@pytest.mark.parametrize("profile", PROFILES)
def test_rows_inside_the_window_pass_in_every_look_of_the_zip(connected, aws, bucket, moved, profile):
    connected.control.settings(profile=profile)
    landed = run(upload(run(start()), bucket))
    told = manifest(aws, bucket, landed["manifest_key"])
    checks = [check for each in told["files"] for check in each["window_check"]]
    assert sum(check["checked"] for check in checks) == inside(connected) >= 20
    assert not [check for check in checks if check["outside"]]
    assert not told["warnings"]


@pytest.mark.parametrize("profile", ["api", "bulk", "excel", "epoch"])
@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "parquet", "zip"])
def test_rows_outside_mean_that_the_filter_was_ignored(connected, aws, bucket, ignored, profile, file_format):
    connected.control.settings(profile=profile)
    everything = run(
        ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True),
        context(ti=type(context()["ti"])(max_tries=7)),
    )
    job = {**ignored, "export_id": everything["export_id"]}
    with pytest.raises(AirflowFailException, match="Chargebee ignored the filter") as caught:
        run(upload(job, bucket, file_format=file_format))
    told = str(caught.value)
    dated = sum(each["updated_at"] is not None for each in connected.control.records("customers"))
    assert f"{dated - inside(connected)} of {dated} rows" in told
    assert sum(each["id"] in told for each in connected.control.records("customers")) == 1
    assert not keys(aws, bucket)


@pytest.mark.parametrize(("mode", "warnings"), [("warn", 1), ("off", 0)])
def test_rows_outside_can_be_let_pass(aws, bucket, with_clocks, ignored, mode, warnings):
    landed = run(upload(ignored, bucket, window_check=mode))
    told = manifest(aws, bucket, landed["manifest_key"])
    assert len(told["warnings"]) == warnings
    assert told["files"][0]["rows"] == 60


def test_a_clock_that_is_not_found_is_a_warning(aws, bucket, moved):
    job = run(start())
    landed = run(upload(job, bucket, window_column="changed_on"))
    (warning,) = manifest(aws, bucket, landed["manifest_key"])["warnings"]
    assert "no column 'changed_on'" in warning


@pytest.fixture
def two_days(connected, with_clocks, moved) -> tuple[dict[str, Any], dict[str, Any]]:
    """Jobs of two windows one after the other, the second with other columns."""
    connected.control.touch("customers", count=5, at="2026-11-20T12:00:00Z")
    return run(start(1, 2)), run(start(2, 3, export_type="import_friendly_data"))


def test_new_columns_are_told(aws, bucket, two_days):
    first, second = two_days
    assert not manifest(aws, bucket, run(upload(first, bucket))["manifest_key"])["column_changes"]
    told = manifest(aws, bucket, run(upload(second, bucket))["manifest_key"])
    change = told["column_changes"].pop("customers")
    assert "customer[first_name]" in change["added"]
    assert "first_name" in change["removed"]
    (columns,) = told["warnings"]
    assert "customer[first_name]" in columns
    # The other look has no files of related things.
    assert {each["file"] for each in told["column_changes"].values()} == {"removed"}


def test_new_columns_can_stop_the_run(aws, bucket, two_days):
    first, second = two_days
    run(upload(first, bucket))
    before = keys(aws, bucket)
    with pytest.raises(AirflowFailException, match=r"customer\[first_name\]"):
        run(upload(second, bucket, column_changes="fail"))
    assert keys(aws, bucket) == before


@pytest.fixture
def two_orders(connected, moved) -> Callable[..., list[dict[str, Any]]]:
    """Return a function that exports two windows one after the other, the second with some columns behind the first one."""
    connected.control.settings(profile="chargebee", zone="UTC")
    connected.control.touch("customers", count=5, at="2026-11-20T12:00:00Z")

    def export(*columns: str) -> list[dict[str, Any]]:
        first = run(start(1, 2))
        connected.control.stats()  # it is done, with the columns of that time
        connected.control.settings(columns={"Customers": [*columns]})
        return [first, run(start(2, 3))]

    return export


@pytest.mark.parametrize("file_format", ["csv.gz", "csv", "parquet", "zip"])
def test_another_order_of_columns_is_told_for_readers_that_go_by_positions(aws, bucket, two_orders, file_format):
    first, second = two_orders("Region", "Company")
    run(upload(first, bucket, file_format=file_format))
    told = manifest(aws, bucket, run(upload(second, bucket, file_format=file_format))["manifest_key"])
    (change,) = told["column_changes"].values()
    assert change == {"added": ["Region"], "removed": [], "moved": ["Company"]}
    assert told["warnings"] == [
        "The columns are not those of the partition before (Customers: Region added, Company moved)."
    ]


def test_another_order_of_columns_alone_can_stop_the_run(aws, bucket, two_orders):
    first, second = two_orders("Company")
    run(upload(first, bucket))
    before = keys(aws, bucket)
    with pytest.raises(AirflowFailException, match="Customers: Company moved"):
        run(upload(second, bucket, column_changes="fail"))
    assert keys(aws, bucket) == before


def test_new_columns_can_be_let_pass(aws, bucket, two_days):
    for job in two_days:
        landed = run(upload(job, bucket, column_changes="off"))
    assert not manifest(aws, bucket, landed["manifest_key"])["column_changes"]


def test_a_quiet_day_carries_the_columns_of_the_files_that_it_lacks(connected, aws, bucket, moved):
    connected.control.settings(profile="empty-zip")
    before = manifest(aws, bucket, run(upload(run(start(1, 2)), bucket))["manifest_key"])
    connected.control.advance(30 * 24 * 60 * 60)
    quiet = run(upload(run(start(window_start="2026-12-20", window_end="2026-12-21")), bucket))
    told = manifest(aws, bucket, quiet["manifest_key"])
    assert (told["files"], told["warnings"], before["absent_files"]) == ([], [], {})
    assert told["absent_files"] == {each["member"].removesuffix(".csv"): each["columns"] for each in before["files"]}


@pytest.mark.parametrize("profile", PROFILES)
def test_parquet_holds_what_the_csv_holds(connected, aws, bucket, moved, profile):
    connected.control.settings(profile=profile)
    job = run(start())
    plain = manifest(aws, bucket, run(upload(job, bucket, file_format="csv", s3_prefix="csv"))["manifest_key"])
    told = manifest(aws, bucket, run(upload(job, bucket, file_format="parquet", s3_prefix="parquet"))["manifest_key"])
    assert [each["member"] for each in told["files"]] == [each["member"] for each in plain["files"]]
    for csv_file, parquet_file in zip(plain["files"], told["files"], strict=True):
        _, *rows = records(body(aws, bucket, csv_file["key"]))
        table = pyarrow.parquet.read_table(io.BytesIO(body(aws, bucket, parquet_file["key"])))
        assert table.column_names == parquet_file["columns"]
        assert [[value or "" for value in row.values()] for row in table.to_pylist()] == rows
        assert parquet_file["rows"] == len(rows)


def test_a_parquet_column_gets_the_type_that_it_is_given(aws, bucket, with_clocks, moved):
    types = {"updated_at": "timestamp[s, UTC]", "net_term_days": "int64"}
    landed = run(upload(run(start()), bucket, file_format="parquet", column_types=types))
    (main,) = [
        each for each in manifest(aws, bucket, landed["manifest_key"])["files"] if each["member"] == "customers.csv"
    ]
    schema = pyarrow.parquet.read_schema(io.BytesIO(body(aws, bucket, main["key"])))
    assert str(schema.field("updated_at").type) == "timestamp[ms, tz=UTC]"  # Parquet has no coarser ones
    assert str(schema.field("net_term_days").type) == "int64"


def test_types_that_a_dag_gives_once_are_those_of_each_resource_s_tables(connected, aws, bucket):
    """A column that a resource does not have is not missed in it."""
    types = {"created_at": "timestamp[s, UTC]", "amount": "decimal(18, 2)", "invoices.due_date": "timestamp[s, UTC]"}
    settings = ExportDagSettings(
        s3_bucket=bucket,
        file_format="parquet",
        column_types=types,
        upload_args={"window_timezone": "UTC"},
        resources=["customers", "invoices"],
    )
    connected.control.settings(profile="chargebee", zone="UTC")
    found = {}
    for each in settings.each_resource:
        job = run(ChargebeeExportOperator(task_id="start", resource=each.name, snapshot=True))
        told = manifest(aws, bucket, run(upload(job, **settings.upload_args_of(each)))["manifest_key"])
        assert told["warnings"] == []
        found |= {file["table"]: file["column_types"] for file in told["files"]}
    assert found["customers"] == {"created_at": "timestamp[s, UTC]"}
    assert found["invoices"] == {"amount": "decimal(18, 2)", "due_date": "timestamp[s, UTC]"}
    assert found["invoices__line_items"] == {"amount": "decimal(18, 2)"}


def test_a_member_without_a_header_gives_no_parquet(connected, aws, bucket):
    connected.control.settings(profile="zero-byte")
    nothing = start(window_start="2003-01-01", window_end="2003-01-02")
    landed = run(upload(run(nothing), bucket, file_format="parquet"))
    assert (landed["files"], rows_of(landed)) == (0, 0)
    assert "customers.csv" in [each["member"] for each in manifest(aws, bucket, landed["manifest_key"])["left_out"]]
    assert keys(aws, bucket) == [landed["manifest_key"]]


def test_a_type_for_a_column_that_there_is_not_is_named(aws, bucket, with_clocks, moved):
    with pytest.raises(AirflowFailException, match="did you mean 'updated_at'"):
        run(upload(run(start()), bucket, file_format="parquet", column_types={"update_at": "date"}))
    assert not keys(aws, bucket)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window_check": "warning"}, "did you mean 'warn'"),
        ({"column_changes": "ignore"}, "choose from warn, fail, off"),
        ({"column_types": {"a": "int"}}, "column_types"),
        ({"max_members": 0}, "max_members"),
        ({"download_streams": 0}, "download_streams"),
    ],
)
def test_wrong_arguments_are_named_at_parse_time(arguments, message):
    with pytest.raises(ValueError, match=message):
        upload({}, "bucket", **arguments)
