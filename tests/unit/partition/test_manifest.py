"""What a manifest says, which keys it knows, and how objects are named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.manifest import (
    FileEntry,
    Manifest,
    ObjectNames,
    check_replaces,
    check_template,
    known_keys,
    placeholders,
    safe_stem,
)

JOB = JobRecord("AbC.1", "customers", "acme", {}, "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "updated_at", "")
DEFAULT = "{member}-{export_id}-{attempt}{suffix}"


def entry(key: str, rows: int) -> FileEntry:
    return FileEntry(key, "m.csv", 10, "00", rows, ["id"])


def test_a_manifest_tells_its_sums_and_its_keys():
    made = Manifest({"export_id": "e"}, "1", {}, "csv", "", [entry("p/a", 2), entry("p/b", 3)], replaced=["p/old"])
    document = json.loads(made.to_json())
    assert (document["rows"], document["bytes"], document["schema_version"]) == (5, 20, 1)
    assert known_keys(document) == {"p/a", "p/b", "p/old"}


@pytest.mark.parametrize(
    "document", [None, [], {}, "text", {"files": 1}, {"files": [1]}, {"files": [{}]}, {"files": [], "replaced": None}]
)
def test_what_is_no_manifest_knows_no_keys(document):
    assert known_keys(document) == set()


@pytest.mark.parametrize(
    ("member", "stem"),
    [
        ("customers.csv", "customers"),
        ("folder/Customers.CSV", "Customers"),
        (r"..\..\evil.csv", "evil"),
        ("../../etc/passwd", "passwd"),
        ("a b\x00c.csv", "a_b_c"),
        ("..", "data"),
        ("ü.csv", "data"),
        ("x" * 500, "x" * 150),
    ],
)
def test_a_member_name_becomes_a_safe_one(member, stem):
    assert safe_stem(member) == stem


def test_two_members_of_one_name_get_two_objects():
    names = ObjectNames("{member}{suffix}", JOB, ".csv")
    assert [names.name("a/x.csv"), names.name("b/x.csv"), names.name("x_2.csv")] == ["x.csv", "x_2.csv", "x_2_2.csv"]


def test_a_template_without_the_member_holds_one():
    names = ObjectNames("{resource}{suffix}", JOB, ".zip")
    assert names.name("a.csv") == "customers.zip"
    with pytest.raises(SettingsError, match=r"put \{member\} in it"):
        names.name("b.csv")


def test_each_try_has_names_of_its_own():
    one, other = ObjectNames(DEFAULT, JOB, ".csv"), ObjectNames(DEFAULT, JOB, ".csv")
    assert one.name("x.csv") == f"x-AbC.1-{one.attempt}.csv"
    assert one.name("x.csv") != other.name("x.csv")
    assert one.unique
    assert not ObjectNames("{member}{suffix}", JOB, ".csv").unique


@pytest.mark.parametrize(
    ("name", "this_job", "any_job"),
    [
        ("x-AbC.1-0123abcd.csv", True, True),
        ("a.b_2-AbC.1-ffffffff.csv", True, True),
        ("x-other-0123abcd.csv", False, True),
        ("x-AbCx1-0123abcd.csv", False, True),
        ("x-AbC.1-0123abcd.csv.gz", True, True),
        ("x-AbC.1-0123abcd", False, False),
        ("x-AbC.1.csv", False, False),
        ("sub/x-AbC.1-0123abcd.csv", False, False),
        ("_manifest.json", False, False),
    ],
)
def test_names_of_other_tries_are_known_by_the_template(name, this_job, any_job):
    names = ObjectNames(DEFAULT, JOB, ".csv")
    assert bool(names.pattern().fullmatch(name)) == this_job
    assert bool(names.pattern(any_export=True).fullmatch(name)) == any_job


@pytest.mark.parametrize("template", ["{resourse}", "{0}", "{", "{site.x}"])
def test_a_wrong_template_is_refused_with_what_there_is(template):
    with pytest.raises(SettingsError, match=r"object_name .* use \{site\}, \{resource\}"):
        check_template("object_name", template, placeholders(JOB))


WINDOWED = replace(JOB, filters={"customer[updated_at][between]": "[1795392000,1795478399]"})
SNAPSHOT = replace(JOB, window_field=None, requested_at="2026-11-24T12:00:00Z")


@pytest.mark.parametrize(
    ("standing", "job"),
    [
        (WINDOWED, replace(WINDOWED, export_id="other", requested_at="2026-12-24T12:00:00Z", restarts=1)),
        (SNAPSHOT, replace(SNAPSHOT, export_id="other", window_start=None)),
        # In a flat layout each run replaces the one before.
        (WINDOWED, replace(WINDOWED, window_start="2026-11-24T00:00:00Z", window_end="2026-11-25T00:00:00Z")),
    ],
    ids=["rerun", "snapshot again", "next window"],
)
def test_a_rerun_and_the_next_window_may_replace_what_stands(standing, job):
    check_replaces({"job": standing.to_dict()}, job, "p/_manifest.json")


@pytest.mark.parametrize("document", [None, [], {}, {"job": 1}, {"job": {}}, {"job": {"export_id": "e"}}])
def test_what_is_no_manifest_may_be_replaced(document):
    check_replaces(document, WINDOWED, "p/_manifest.json")


@pytest.mark.parametrize(
    ("standing", "job", "parts"),
    [
        (
            WINDOWED,
            replace(WINDOWED, window_end="2026-11-23T01:00:00Z"),
            ["[2026-11-23T00:00:00Z, 2026-11-24T00:00:00Z)", "[2026-11-23T00:00:00Z, 2026-11-23T01:00:00Z)"],
        ),
        (WINDOWED, replace(WINDOWED, window_field="created_at"), ["with updated_at in", "with created_at in"]),
        (
            WINDOWED,
            replace(WINDOWED, filters={**WINDOWED.filters, "customer[created_at][between]": "[1,2]"}),
            ["customers of acme with updated_at", "and customer[created_at][between]=[1,2]"],
        ),
        (
            replace(SNAPSHOT, filters={"export_type": "data"}),
            SNAPSHOT,
            ["customers of acme and export_type=data; this run's is customers of acme, which"],
        ),
        (WINDOWED, replace(WINDOWED, resource="invoices"), ["customers of acme", "invoices of acme"]),
        (WINDOWED, replace(WINDOWED, business_entity_id="be1"), ["customers of acme for business entity be1 with"]),
    ],
    ids=["end", "time field", "filter", "export type", "resource", "business entity"],
)
def test_another_export_may_not_take_a_partitions_place(standing, job, parts):
    with pytest.raises(SettingsError) as caught:
        check_replaces({"job": standing.to_dict()}, job, "p/_manifest.json")
    for part in [*parts, "p/_manifest.json holds", "another prefix", "replace_other_window=True on the upload task"]:
        assert part in str(caught.value)
