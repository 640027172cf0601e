"""Tables in Glue: what is registered is read as Glue describes it."""

from __future__ import annotations

import json
import os

import pytest

from chargebee_operators import (
    ChargebeeDeletedRecordsOperator,
    ChargebeeExportOperator,
    ChargebeeGlueTableOperator,
)
from chargebee_operators._compat import Asset
from support.glue_tables import INVOICES, LINE_ITEMS
from support.tasks import context, run
from support.uploads import upload


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


def test_an_upload_of_the_simulator_is_registered_as_it_is_written(connected, glue, tmp_path):
    connected.control.touch("customers", count=7, at="2026-11-23T12:00:00Z")
    job = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    landed = run(upload(job, glue.store.bucket, s3_prefix=glue.store.root.strip("/"), file_format="parquet"))
    glue.register(landed)
    rows = landed["tables"]["customers"]["rows"]
    assert glue.read(tmp_path, "customers").shape[0] == rows >= 7


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


def test_headers_of_any_kind_are_what_glue_takes(glue, tmp_path):
    """The stand-in refuses what the API's description does not allow."""
    names = [
        "Invoice Number",
        "a\tb\nc\x01",
        "x" * 300,
        "X" * 300,
        "№ 株式会社",
        "",
        "1st",
        "Zoë 🎉" * 90,
        "Site",
        "_id",
        "date",
    ]
    header = ",".join(f'"{each}"' for each in names)
    glue.register(glue.land(0, {"Invoices.csv": f"{header}\nI1{',v' * (len(names) - 1)}\n".encode()}))
    assert glue.read(tmp_path).shape == (1, len(names) + 2)
    columns = glue.table()["StorageDescriptor"]["Columns"]
    assert len({each["Name"] for each in columns} - {"site", "window_start"}) == len(names)
