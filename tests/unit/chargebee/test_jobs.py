"""The job record and the keys under which Chargebee knows a request again."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.jobs import JobRecord, idempotency_key, new_job, restart_key
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.exceptions import SettingsError

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
REQUESTED = datetime(2026, 11, 24, 6, 5, 4, tzinfo=UTC)
JOB = new_job(
    export_id="AbC123",
    resource="customers",
    site="acme-test",
    wire_fields=(("customer[id][is]", "é"), ("customer[updated_at][between]", "[1795392000,1795478399]")),
    window=Window(datetime(2026, 11, 23), datetime(2026, 11, 24)),
    window_field="updated_at",
    requested_at=REQUESTED,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_the_record_as_tasks_hand_it_on():
    assert JOB.to_dict() == {
        "export_id": "AbC123",
        "resource": "customers",
        "site": "acme-test",
        "filters": {"customer[id][is]": "é", "customer[updated_at][between]": "[1795392000,1795478399]"},
        "window_start": "2026-11-23T00:00:00Z",
        "window_end": "2026-11-24T00:00:00Z",
        "window_field": "updated_at",
        "requested_at": "2026-11-24T06:05:04Z",
        "restarts": 0,
        "business_entity_id": None,
        "domain": "chargebee.com",
    }


def test_it_is_read_from_a_dict_from_text_and_with_what_a_later_version_adds():
    stored = json.loads(json.dumps(JOB.to_dict()))
    assert JobRecord.from_dict(stored) == JobRecord.from_dict(json.dumps(stored)) == JOB
    assert JobRecord.from_dict({**stored, "priority": "high"}) == JOB
    added_later = ("restarts", "business_entity_id", "domain")
    assert JobRecord.from_dict({name: value for name, value in stored.items() if name not in added_later}) == JOB


def test_a_restart_takes_the_place_of_the_failed_job():
    again = JOB.restarted("XyZ", datetime(2026, 11, 24, 7, tzinfo=UTC))
    assert again == replace(JOB, export_id="XyZ", requested_at="2026-11-24T07:00:00Z", restarts=1)
    assert again.restarted("Q", REQUESTED).restarts == 2
    assert again.wire_fields == JOB.wire_fields == tuple(sorted(JOB.filters.items()))


@pytest.mark.parametrize(
    ("changes", "partition"),
    [
        ({}, "window_start=20261123T000000Z"),
        ({"window_field": None}, "taken_at=20261124T060504Z"),
        ({"window_field": None, "window_start": None, "window_end": None}, "taken_at=20261124T060504Z"),
        ({"window_start": "2026-11-23T13:00:00+01:00"}, "window_start=20261123T120000Z"),
    ],
    ids=["window", "snapshot of a run", "snapshot by hand", "another zone"],
)
def test_the_partition_is_named_after_the_window_or_the_snapshot(changes, partition):
    assert replace(JOB, **changes).partition == partition


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no record", "job 'no record' is not a job record: pass the output of a ChargebeeExportOperator"),
        (None, "job is None, not a job record.*check that this task ran"),
        (3, "job is 3"),
        ([], r"job is \[\]"),
        ("[]", r"job is \[\]"),
        ({}, "job lacks export_id, filters, requested_at, resource, site, window_end, .*pass the whole record"),
        ({**JOB.to_dict(), "export_id": 5}, "job has export_id 5: pass the record as the start task returned it"),
        ({**JOB.to_dict(), "filters": "x"}, "job has filters 'x'"),
    ],
    ids=str,
)
def test_what_is_no_record_says_what_to_pass(value, message):
    with pytest.raises(SettingsError, match=message):
        JobRecord.from_dict(value)


@given(json_values)
def test_any_other_data_is_refused_in_our_own_words(value):
    with pytest.raises(SettingsError):
        JobRecord.from_dict(value)


@given(st.lists(json_values))
def test_a_key_fits_the_header_whatever_it_is_made_from(parts):
    key = idempotency_key(*parts)
    assert len(key) <= 100
    assert key.isascii() and key.isprintable() and " " not in key
    assert idempotency_key(*parts) == key


@given(st.lists(json_values), st.lists(json_values))
def test_other_parts_make_another_key(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (idempotency_key(*one) == idempotency_key(*other)) is same


def test_the_keys_are_the_same_in_every_process():
    code = (
        "import json, sys; from chargebee_operators.chargebee.jobs import JobRecord, idempotency_key, restart_key\n"
        "print(restart_key(JobRecord.from_dict(sys.argv[1])), idempotency_key('acme', {'b': 1, 'a': 'é'}, [['x', 'y']], -1))"
    )
    ours = f"{restart_key(JOB)} {idempotency_key('acme', {'a': 'é', 'b': 1}, (('x', 'y'),), -1)}"
    for seed in ("1", "2"):
        environment = {"PYTHONPATH": str(PLUGINS), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, json.dumps(JOB.to_dict())]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        assert told.strip() == ours


def test_a_restart_has_one_key_for_each_failed_job():
    keys = {restart_key(JOB), restart_key(replace(JOB, export_id="other")), restart_key(replace(JOB, site="other"))}
    assert len(keys) == 3
    # When the failed job was asked for makes no difference, nor does what the filters were written in.
    assert restart_key(replace(JOB, requested_at="x", filters=dict(reversed(JOB.filters.items())))) == restart_key(JOB)


@pytest.mark.parametrize("own", ["customer[updated_at][between]", "updated_at[between]"])
def test_further_filters_are_those_that_do_not_follow_from_the_window(own):
    job = JobRecord("e", "any", "acme", {own: "[1,2]", "status[is]": "x"}, None, None, "updated_at", "")
    assert job.further_filters == {"status[is]": "x"}
