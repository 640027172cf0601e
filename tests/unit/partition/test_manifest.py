"""What a manifest says, and which keys it knows."""

from __future__ import annotations

import json

import pytest

from chargebee_operators.partition.manifest import FileEntry, LeftOut, Manifest, job_of, known_keys, total_rows

FOLDER = "c/windows/{}/site=a/window_start=1/"


def entry(table: str, name: str, rows: int | None) -> FileEntry:
    return FileEntry(FOLDER.format(table) + name, table, f"{name}.csv", 10, "00", rows, ["id"])


def test_a_manifest_tells_the_rows_of_each_table_and_its_keys():
    files = [entry("invoices", "a", 2), entry("invoices__line_items", "b", 3), entry("invoices", "c", 4)]
    made = Manifest({"export_id": "e"}, "1", {}, "csv", "", files, replaced=["c/old"])
    made.left_out = [
        LeftOut("Transactions.csv", "it has no rows", "invoices__transactions", ["id"]),
        LeftOut("__MACOSX/._a.csv", "macOS"),
    ]
    document = json.loads(made.to_json())
    assert document["tables"] == {
        "invoices": {"rows": 6, "bytes": 20, "files": 2, "prefix": FOLDER.format("invoices")},
        "invoices__line_items": {"rows": 3, "bytes": 10, "files": 1, "prefix": FOLDER.format("invoices__line_items")},
        "invoices__transactions": {"rows": 0, "bytes": 0, "files": 0, "prefix": None},
    }
    assert (document["bytes"], document["schema_version"]) == (30, 2)
    assert known_keys(document) == {*(each.key for each in files), "c/old"}


def test_rows_that_can_not_be_counted_make_no_sum():
    made = Manifest({}, "1", {}, "csv", "", [entry("customers", "a", 2), entry("customers", "b", None)])
    assert made.tables["customers"]["rows"] is None
    assert (total_rows([]), total_rows([1, 2]), total_rows([1, None])) == (0, 3, None)


def test_keys_without_a_folder_have_no_prefix():
    files = [FileEntry(key, "t", "m", 1, "00", 1, []) for key in ("customers_1.csv", "customers_2.csv")]
    assert Manifest({}, "1", {}, "csv", "", files).tables["t"]["prefix"] == ""


NOT_ONE = [None, [], {}, "text", {"files": 1}, {"files": [1]}, {"files": [{}]}, {"files": [], "replaced": None}]


@pytest.mark.parametrize("document", [*NOT_ONE, {"job": 1}, {"job": {}}, {"job": {"export_id": "e"}}])
def test_what_is_no_manifest_knows_no_keys_and_no_job(document):
    assert known_keys(document) == set()
    assert job_of(document) is None
