"""Tables in Glue: what is registered is read as Glue describes it, and nothing that others made is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import count, product
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from chargebee_operators import (
    ChargebeeDeletedRecordsOperator,
    ChargebeeExportOperator,
    ChargebeeGlueTableOperator,
    ExportDagSettings,
    chargebee_export_dag,
)
from chargebee_operators._compat import AirflowFailException, Asset
from chargebee_operators.common.exceptions import CatalogError
from chargebee_operators.dag.plan import PLAN, plan_of_run
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.parquet import ParquetSettings
from chargebee_operators.glue import catalog
from chargebee_operators.glue.catalog import Catalog, glue_hook
from chargebee_operators.glue.registering import Registration
from chargebee_operators.s3.bucket import S3Bucket
from chargebee_operators.s3.connection import s3_hook
from stack import free_ports
from support import landing
from support.glue_proxy import GlueProxy, glue_proxy
from support.iam import actions, statements
from support.landing import Store, job_of
from support.odd_exports import task_log_lines
from support.tasks import TaskInstance, context, run
from support.uploads import upload
from support.zips import made

DAYS = [f"2026-11-{day}T00:00:00Z" for day in range(20, 30)]
INVOICES = b"Invoice Number,Invoice Date,Amount\nI1,23-Nov-2026 09:15,10.50\nI2,,\n"
LINE_ITEMS = b"Invoice Number,Quantity\nI1,2\n"
BOTH = {"Invoices.csv": INVOICES, "LineItems.csv": LINE_ITEMS}
# What DuckDB calls Glue's types.
DUCKDB = {"string": "VARCHAR", "int": "INTEGER", "bigint": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN"}
_numbers = count()


class Glue:
    """A Glue database of a test's own, an S3 prefix, and what is registered there."""

    def __init__(self, client: Any, proxy: GlueProxy, store: Store) -> None:
        self.client = client
        self.proxy = proxy
        self.store = store
        self.database = f"chargebee_{next(_numbers)}"

    def land(
        self, day: int = 0, files: Mapping[str, bytes] = BOTH, types: Mapping[str, str] | None = None, **how: Any
    ) -> dict[str, Any]:
        """Write a window, and return what the upload task would."""
        window = {"window_field": "date", "window_start": DAYS[day], "window_end": DAYS[day + 1]}
        job = job_of(f"day{day}", **{"resource": "invoices", **window, **how.pop("job", {})})
        form, templates = how.pop("file_format", "parquet"), how.pop("templates", None)
        parquet = ParquetSettings(ColumnTypes(types), timezone="UTC", **how)
        checks = {"window_check": "off", "column_changes": "off"}
        manifest = landing.land_archive(
            self.store, job, made([*files.items()]), form, templates, parquet=parquet, **checks
        )
        (key,) = [key for key in self.keys(".json") if json.loads(self.store.body(key)) == manifest]
        return {
            "bucket": self.store.bucket,
            "manifest_key": key,
            "resource": job.resource,
            "export_id": job.export_id,
            "format": manifest["format"],
        }

    def keys(self, ending: str = "") -> list[str]:
        found = self.store.keys()
        return [each for each in found if each.endswith(ending)]

    def register(self, written: Mapping[str, Any], **arguments: Any) -> dict[str, str]:
        """Register a window; return what was done with each table."""
        given = {"task_id": "register", "written": written, "database": self.database, **arguments}
        return {each["table"]: each["change"] for each in run(ChargebeeGlueTableOperator(**given))["tables"]}

    def register_beside(self, written: Mapping[str, Any]) -> None:
        """Register a window from another thread, in which Airflow 2 runs no operator."""
        bucket = S3Bucket(s3_hook("aws_default"), written["bucket"])
        Registration(written, Catalog(glue_hook("aws_default"), self.database), bucket).run()

    def table(self, name: str = "invoices") -> dict[str, Any]:
        return self.client.get_table(DatabaseName=self.database, Name=name)["Table"]

    def change(self, **changes: Any) -> None:
        """Change a table as a person would."""
        table = self.table()
        kept = {each: table[each] for each in ("Name", "StorageDescriptor", "PartitionKeys", "Parameters")}
        self.client.update_table(DatabaseName=self.database, TableInput={**kept, **changes})

    def columns(self, name: str = "invoices") -> dict[str, str]:
        return {each["Name"]: each["Type"] for each in self.table(name)["StorageDescriptor"]["Columns"]}

    def read(self, folder: Path, name: str = "invoices") -> Any:
        """Read a table with DuckDB from the places where Athena would look for it; check names and types."""
        table = self.table(name)
        location = table["StorageDescriptor"]["Location"]
        assert location.startswith(f"s3://{self.store.bucket}/")
        root = location.removeprefix(f"s3://{self.store.bucket}/")
        keys = [each["Name"] for each in table["PartitionKeys"]]
        assert {table["Parameters"][f"projection.{key}.type"] for key in keys} == {"enum"}
        values = [table["Parameters"][f"projection.{key}.values"].split(",") for key in keys]
        paths = []
        for each in product(*values):
            below = root + "".join(f"{key}={value}/" for key, value in zip(keys, each, strict=True))
            for key in [key for key in self.keys() if key.startswith(below)]:
                path = folder / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.store.body(key))
                paths.append(str(path))
        hive = "hive_partitioning = true, hive_types_autocast = false, union_by_name = true"
        found = duckdb.sql(f"SELECT * FROM read_parquet({paths}, {hive})")
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        assert {key: types.pop(key) for key in keys} == dict.fromkeys(keys, "VARCHAR")
        assert {name: in_glue(kind) for name, kind in types.items()} == self.columns(name)
        return found


def in_glue(kind: str) -> str:
    """Return the type that Glue has for one of DuckDB's."""
    if kind.startswith("TIMESTAMP"):
        return "timestamp"
    return {other: name for name, other in DUCKDB.items()}.get(kind, kind.lower())


@pytest.fixture(scope="module")
def running_proxy_of_glue(moto: dict[str, str]) -> Iterator[GlueProxy]:
    with glue_proxy(moto["AWS_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture
def glue(aws: Any, store: Store, running_proxy_of_glue: GlueProxy, monkeypatch: pytest.MonkeyPatch) -> Glue:
    """``aws_default`` leads to the S3 server, and for Glue to moto."""
    proxy = running_proxy_of_glue
    proxy.calls.clear()
    proxy.denied.clear()
    proxy.before.clear()
    connection = json.loads(aws.connection())
    connection["extra"]["service_config"] = {"glue": {"endpoint_url": proxy.url}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    return Glue(boto3.client("glue", endpoint_url=f"http://{proxy._target}", **keys), proxy, store)


def test_each_table_of_an_export_is_read_as_glue_describes_it(glue, tmp_path):
    types = {
        "invoice_date": "timestamp[s, UTC]",
        "amount": "decimal(18, 2)",
        "invoices__line_items.quantity": "int32",
    }
    done = glue.register(glue.land(0, types=types))
    assert done == {"invoices": "created", "invoices__line_items": "created"}
    assert glue.columns() == {"invoice_number": "string", "invoice_date": "timestamp", "amount": "decimal(18,2)"}
    assert glue.columns("invoices__line_items") == {"invoice_number": "string", "quantity": "int"}
    rows = glue.read(tmp_path).project("invoice_number, amount, site, window_start").order("invoice_number").fetchall()
    assert [(row[0], str(row[1]), *row[2:]) for row in rows] == [
        ("I1", "10.50", "acme", "20261120T000000Z"),
        ("I2", "None", "acme", "20261120T000000Z"),
    ]
    assert glue.read(tmp_path, "invoices__line_items").fetchall() == [("I1", 2, "acme", "20261120T000000Z")]


@pytest.mark.parametrize("kind", ["bool", "int64", "float64", "date", "timestamp[us]"])
def test_each_type_is_read_as_glue_describes_it(glue, tmp_path, kind):
    value = {"bool": "true", "date": "2026-11-23", "timestamp[us]": "2026-11-23 01:02:03"}.get(kind, "7")
    glue.register(glue.land(files={"Invoices.csv": f"Invoice Number,V\nI1,{value}\n".encode()}, types={"v": kind}))
    assert glue.read(tmp_path).project("v").fetchall()


def test_windows_columns_and_sites_join_over_time(glue, tmp_path):
    more = {"Invoices.csv": b"Invoice Number,Custom,Invoice Date\nI3,x,\n"}
    glue.register(glue.land(0))
    assert glue.register(glue.land(1, more)) == {"invoices": "updated"}
    assert list(glue.columns()) == ["invoice_number", "invoice_date", "amount", "custom"]
    glue.register(glue.land(1, more, job={"site": "other"}))
    found = glue.read(tmp_path).project("invoice_number, site, window_start, custom").order("ALL")
    assert found.fetchall() == [
        ("I1", "acme", "20261120T000000Z", None),
        ("I2", "acme", "20261120T000000Z", None),
        ("I3", "acme", "20261121T000000Z", "x"),
        ("I3", "other", "20261121T000000Z", "x"),
    ]


def test_the_first_registration_finds_all_windows_and_a_later_one_those_that_were_missed(glue, tmp_path):
    glue.land(0, {"Invoices.csv": b"Invoice Number,Old\nI0,a\n"})
    glue.register(glue.land(2))
    glue.land(1, {"Invoices.csv": b"Invoice Number,Missed\nI5,b\n"})
    glue.register(glue.land(3))
    assert {"old", "missed"} <= glue.columns().keys()
    assert len(glue.read(tmp_path).project("window_start").distinct().fetchall()) == 4


def test_snapshots_have_a_table_beside_the_windows(glue, tmp_path):
    glue.register(glue.land(0))
    whole = {"window_start": None, "window_end": None, "window_field": None}
    done = glue.register(glue.land(1, job={**whole, "requested_at": "2026-11-24T06:05:04Z"}))
    assert done == {"invoices__snapshots": "created", "invoices__line_items__snapshots": "created"}
    assert {row[-1] for row in glue.read(tmp_path, "invoices__snapshots").fetchall()} == {"20261124T060504Z"}
    assert glue.table()["Parameters"]["projection.window_start.values"] == "20261120T000000Z"


def test_nothing_is_written_and_no_other_manifest_is_read_when_nothing_has_changed(glue, running_proxy, monkeypatch):
    for day in range(3):
        glue.register(glue.land(day))
    written = glue.land(1)
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    connection["extra"]["endpoint_url"] = running_proxy.url
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    running_proxy.clear()
    glue.proxy.calls.clear()
    assert set(glue.register(written).values()) == {"unchanged"}
    assert glue.proxy.calls == ["GetTable", "GetTable"]
    assert (running_proxy.count("GetManifest"), running_proxy.count("ListObjects")) == (1, 1)


def test_the_event_of_a_registration_names_the_tables_and_the_window(glue):
    asset, task_context = Asset("chargebee_export/invoices/glue"), context()
    written = glue.land(0)
    given = {"task_id": "register", "written": written, "database": glue.database, "outlets": [asset]}
    registered = run(ChargebeeGlueTableOperator(**given), task_context)
    assert task_context["outlet_events"][asset].extra == {**written, "glue": registered}
    assert [each["table"] for each in registered["tables"]] == ["invoices", "invoices__line_items"]


def test_a_rerun_of_a_window_brings_its_new_columns(glue):
    glue.register(glue.land(0))
    again = {"Invoices.csv": INVOICES.replace(b"Amount", b"Amount Due"), "LineItems.csv": LINE_ITEMS}
    assert glue.register(glue.land(0, again)) == {"invoices": "updated", "invoices__line_items": "unchanged"}
    assert list(glue.columns()) == ["invoice_number", "invoice_date", "amount", "amount_due"]


def test_an_export_without_rows_is_registered_too(glue, tmp_path):
    glue.register(glue.land(0))
    glue.register(glue.land(1, {"Invoices.csv": INVOICES.splitlines(keepends=True)[0]}))
    assert glue.read(tmp_path).shape[0] == 2
    assert glue.register(glue.land(2, {"Invoices.csv": b""})) == {}
    glue.register(glue.land(3))
    assert glue.read(tmp_path).shape[0] == 4


def test_a_type_that_differs_between_windows_is_refused_until_all_have_it(glue):
    glue.register(glue.land(0))
    glue.land(1)
    typed = glue.land(1, types={"amount": "decimal(18, 2)"})
    either = r"(string|decimal\(18, 2\))"
    message = f"Column 'amount' of table invoices is {either} in earlier files and {either} in .*land the other windows"
    with pytest.raises(AirflowFailException, match=message):
        glue.register(typed)
    glue.land(0, types={"amount": "decimal(18, 2)"})
    with pytest.raises(
        AirflowFailException, match=r"invoices is string, and decimal\(18,2\) in all files.*drop the table"
    ):
        glue.register(typed)
    assert glue.columns()["amount"] == "string"
    glue.client.delete_table(DatabaseName=glue.database, Name="invoices")
    assert glue.register(typed)["invoices"] == "created"
    assert glue.columns()["amount"] == "decimal(18,2)"


def test_a_table_that_someone_else_made_is_left_as_it_is(glue):
    glue.client.create_database(DatabaseInput={"Name": glue.database})
    glue.client.create_table(DatabaseName=glue.database, TableInput={"Name": "invoices", "Description": "mine"})
    with pytest.raises(AirflowFailException, match=r"invoices exists, and this package has not made it"):
        glue.register(glue.land(0))
    assert glue.table()["Description"] == "mine"
    assert not glue.proxy.changes


def test_a_table_over_another_prefix_is_left_as_it_is(glue):
    glue.register(glue.land(0))
    other = {"object_name": "again/{table}/site={site}/{partition}/{member}-{attempt}{suffix}"}
    with pytest.raises(AirflowFailException, match="is over s3://.*, but the files are in s3://.*again/invoices/"):
        glue.register(
            glue.land(1, templates={**other, "manifest_name": "again/{resource}/site={site}/{partition}.json"})
        )


def test_files_of_csv_in_the_same_folders_are_refused(glue):
    glue.land(0, file_format="csv")
    with pytest.raises(AirflowFailException, match="holds files of two formats, 'csv' and 'parquet'"):
        glue.register(glue.land(1))


def test_an_upload_of_csv_is_refused(glue):
    with pytest.raises(AirflowFailException, match=r"A Glue table needs file_format 'parquet', but it is 'csv'"):
        glue.register(glue.land(0, file_format="csv"))
    assert not glue.proxy.calls


@pytest.mark.parametrize("written", [None, {}, {"bucket": "b"}, "text"])
def test_what_is_no_result_of_an_upload_is_refused(glue, written):
    with pytest.raises(AirflowFailException, match="written is not what an upload task returns: pass upload.output"):
        glue.register(written)


def test_the_policy_has_the_actions_that_are_used_and_no_other(glue):
    glue.register(glue.land(0))
    glue.register(glue.land(1))
    assert {f"glue:{call}" for call in glue.proxy.calls} == actions(statements("optional/glue.json"))


@pytest.mark.parametrize("call", ["GetTable", "CreateTable", "CreateDatabase", "UpdateTable"])
def test_a_missing_right_is_named(glue, call):
    if call == "UpdateTable":
        glue.register(glue.land(0))
    glue.proxy.denied = {call}
    with pytest.raises(
        AirflowFailException, match=rf"AWS connection 'aws_default' may not do glue:{call} on {glue.database}"
    ):
        glue.register(glue.land(1))


def test_two_runs_that_change_a_table_at_once_both_count(glue, tmp_path):
    glue.register(glue.land(0))
    one = glue.land(1, {"Invoices.csv": b"Invoice Number,One\nI1,a\n"})
    two = {"Invoices.csv": b"Invoice Number,Two\nI1,a\n"}
    glue.proxy.before["UpdateTable"] = lambda: glue.register_beside(glue.land(2, two))
    glue.register(one)
    assert {"one", "two"} <= glue.columns().keys()
    assert glue.read(tmp_path).shape[0] == 4


def test_what_a_person_changes_during_a_registration_is_not_lost(glue):
    glue.register(glue.land(0))
    glue.proxy.before["UpdateTable"] = lambda: glue.change(Description="Ask Jo")
    glue.register(glue.land(1))
    assert glue.table()["Description"] == "Ask Jo"
    assert glue.table()["Parameters"]["projection.window_start.values"] == "20261120T000000Z,20261121T000000Z"


def test_two_runs_that_create_a_table_and_its_database_at_once_both_count(glue):
    one = glue.land(1, {"Invoices.csv": b"Invoice Number,One\nI1,a\n"})
    glue.proxy.before["CreateDatabase"] = lambda: glue.register_beside(one)
    glue.register(glue.land(2, {"Invoices.csv": b"Invoice Number,Two\nI1,a\n"}))
    assert {"one", "two"} <= glue.columns().keys()


def test_a_table_that_never_stays_the_same_is_tried_again_later(glue):
    glue.register(glue.land(0))
    written = glue.land(1)

    def change() -> None:
        glue.proxy.before["UpdateTable"] = change
        glue.change()

    change()
    with pytest.raises(CatalogError, match="was changed by other runs 10 times in a row"):
        glue.register(written)


def test_a_layout_without_a_folder_for_each_table_is_refused_before_anything_is_listed(glue):
    layout = {"object_name": "site={site}/{partition}/{member}-{attempt}{suffix}", "manifest_name": "{partition}.json"}
    with pytest.raises(AirflowFailException, match=r"put \{table\}/ into object_name"):
        glue.register(glue.land(0, {"Invoices.csv": INVOICES}, templates=layout))


def test_an_upload_of_the_simulator_is_registered_as_it_is_written(connected, glue, tmp_path):
    connected.control.touch("customers", count=7, at="2026-11-23T12:00:00Z")
    job = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    landed = run(upload(job, glue.store.bucket, s3_prefix=glue.store.root.strip("/"), file_format="parquet"))
    glue.register(landed)
    rows = landed["tables"]["customers"]["rows"]
    assert glue.read(tmp_path, "customers").shape[0] == rows >= 7


def test_no_region_is_a_sentence(glue, monkeypatch):
    written = glue.land(0)
    bare = {"conn_type": "aws", "login": "a", "password": "b", "extra": {}}
    monkeypatch.setenv("AIRFLOW_CONN_GLUE", json.dumps(bare))
    with pytest.raises(AirflowFailException, match="AWS connection 'glue' names no region.*region_name"):
        glue.register(written, glue_conn_id="glue")


def test_deleted_records_are_registered_with_their_types(glue, connected):
    connected.control.remove("customers", count=2, at="2026-11-23T12:00:00Z")
    where = {"s3_bucket": glue.store.bucket, "s3_prefix": glue.store.root}
    written = run(ChargebeeDeletedRecordsOperator(task_id="deleted", file_format="parquet", **where))
    assert glue.register(written) == {"deleted_records": "created"}
    columns = glue.columns("deleted_records")
    assert (columns["id"], columns["resource_version"], columns["deleted"]) == ("string", "bigint", "boolean")
    assert columns["occurred_at"] == columns["record_updated_at"] == "timestamp"
    quiet = {"window_start": "2026-11-22", "window_end": "2026-11-23"}
    without_rows = run(ChargebeeDeletedRecordsOperator(task_id="quiet", file_format="parquet", **quiet, **where))
    glue.register(without_rows)
    assert glue.columns("deleted_records") == columns


def plan(glue: Glue) -> list[str]:
    """Run the plan of a DAG that registers its tables."""
    settings = ExportDagSettings(
        s3_bucket=glue.store.bucket, resources=["customers"], file_format="parquet", glue_database=glue.database
    )
    ti = TaskInstance()
    ti.xcom_push = lambda **_: None
    return plan_of_run(settings, context(ti=ti, task=chargebee_export_dag(settings).get_task(PLAN)))


def test_the_plan_looks_at_glue_before_anything_is_exported(connected, glue):
    assert "customers.start" in plan(glue)
    assert glue.proxy.calls == ["GetTable"]
    glue.proxy.denied = {"GetTable"}
    with pytest.raises(AirflowFailException, match="AWS connection 'aws_default' may not do glue:GetTable on"):
        plan(glue)


def test_a_glue_that_does_not_answer_is_left_to_the_registrations(connected, glue, monkeypatch):
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    connection["extra"]["service_config"]["glue"]["endpoint_url"] = nowhere
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setattr(catalog, "_ATTEMPTS", 1)
    with task_log_lines() as lines:
        assert "customers.start" in plan(glue)
    assert any("Glue could not be reached" in line and "The register tasks try again" in line for line in lines)
    with pytest.raises(CatalogError, match="Glue could not be reached with AWS connection 'aws_default'"):
        glue.register(glue.land(0))
