"""ChargebeeExportOperator against the simulator."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators._compat import AirflowException, AirflowFailException
from chargebee_operators.chargebee.jobs import JobRecord, idempotency_key
from chargebee_operators.links import SITE
from support.tasks import TaskDeferred, TaskInstance, context, event_of, run

WINDOW = "[1795392000,1795478399]"  # 2026-11-23, both ends included


def start(**arguments: Any) -> ChargebeeExportOperator:
    defaults = {"task_id": "start", "resource": "customers", "retry_interval": 0.01}
    return ChargebeeExportOperator(**{**defaults, **arguments})


def test_the_job_record_says_what_was_sent(connected):
    job = run(start())
    (post,) = connected.control.requests(method="POST")
    assert post["body"] == "customer%5Bupdated_at%5D%5Bbetween%5D=%5B1795392000%2C1795478399%5D"
    assert job["filters"] == {"customer[updated_at][between]": WINDOW}
    assert (job["window_start"], job["window_end"]) == ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")
    assert (job["resource"], job["site"], job["window_field"]) == ("customers", "acme-test", "updated_at")
    (export,) = connected.control.exports()
    assert export["id"] == job["export_id"]
    assert not export["ignored"], "the simulator ignores a filter in a wrong shape, as Chargebee does"


@pytest.fixture
def log(caplog, capsys) -> Callable[[], str]:
    """What was logged: the one or the other, or both, by Airflow's version."""
    caplog.set_level(logging.INFO)
    return lambda: caplog.text + capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "contents"),
    [
        ({}, "window [2026-11-23T00:00:00Z, 2026-11-24T00:00:00Z) by updated_at"),
        ({"window_field": "created_at"}, "window [2026-11-23T00:00:00Z, 2026-11-24T00:00:00Z) by created_at"),
        ({"snapshot": True}, "a snapshot, without a window"),
        (
            {"resource": "deferred_revenue", "filters": {"report_by": "invoice"}},
            "window [2026-11-23T00:00:00Z, 2026-11-24T00:00:00Z) by month",
        ),
    ],
    ids=["window", "window_field", "snapshot", "report"],
)
def test_the_log_says_in_words_what_was_requested(connected, log, arguments, contents):
    job = run(start(**arguments))
    said = log()
    first = f"Export {job['export_id']}: {job['resource']} of site acme-test, requested at {job['requested_at']}"
    assert first in said and f"Export {job['export_id']}: {contents}" in said
    assert "179539" not in said, "no time in epoch seconds"
    assert ("filters" in said) is ("filters" in arguments)


def test_the_log_names_the_further_filters(connected, log):
    job = run(start(filters={"customer[auto_collection][is]": "on"}))
    assert f"Export {job['export_id']}: filters {{'customer[auto_collection][is]': 'on'}}" in log()


def test_the_log_of_a_refusal_is_made_of_sentences(connected, log):
    connected.control.fault("status", status=429, method="POST", retry_after=0)
    run(start())
    assert ". The task waits in the triggerer and tries again." in log()


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({"window_start": "2026-11-01", "window_end": "2026-11-02"}, ["customer[updated_at][between]"]),
        ({"snapshot": True}, []),
        ({"snapshot": "True"}, []),
        ({"window_field": "created_at"}, ["customer[created_at][between]"]),
        (
            {"filters": {"customer": {"auto_collection": {"is": "on"}}}, "snapshot": True},
            ["customer[auto_collection][is]"],
        ),
        ({"export_type": "import_friendly_data", "snapshot": True}, ["export_type"]),
    ],
    ids=["window", "snapshot", "rendered snapshot", "window_field", "filters", "export_type"],
)
def test_each_argument_reaches_the_wire(connected, arguments, fields):
    run(start(**arguments))
    (post,) = connected.control.requests(method="POST")
    assert [name for name, _ in post["fields"]] == fields
    assert not connected.control.exports()[0]["ignored"]


def test_a_revenue_report_takes_its_months_from_the_window(connected):
    job = run(start(resource="deferred_revenue", filters={"report_by": "invoice"}))
    assert JobRecord.from_dict(job).partition == "window_start=20261123T000000Z"
    (post,) = connected.control.requests(method="POST")
    assert dict(post["fields"])["report_from_month"] == "11"
    assert dict(post["fields"])["report_to_year"] == "2026"


def test_a_retry_finds_the_job_of_the_try_before(connected):
    first = run(start(), context(ti=TaskInstance(try_number=1)))
    again = run(start(), context(ti=TaskInstance(try_number=2)))
    assert again["export_id"] == first["export_id"]
    assert len(connected.control.exports()) == 1


@pytest.mark.parametrize(
    "other",
    [{"max_tries": 3}, {"run_id": "another"}, {"map_index": 4}, {"task_id": "another"}, {"dag_id": "another"}],
    ids=["cleared", "run", "map index", "task", "dag"],
)
def test_any_other_task_gets_a_job_of_its_own(connected, other):
    first = run(start())
    assert run(start(), context(ti=TaskInstance(**other)))["export_id"] != first["export_id"]


@pytest.mark.parametrize("deferred", [False, True], ids=["at once", "deferred"])
@pytest.mark.parametrize("where", ["operator", "connection"])
def test_a_retry_for_another_business_entity_gets_a_job_of_its_own(simulator, connect, where, deferred):
    jobs = []
    for number, entity in enumerate(("ent_a", "ent_b", "ent_a", None), 1):
        connect(simulator, extra={"business_entity_id": entity if where == "connection" else "ent_c"})
        if deferred:
            simulator.control.fault("status", status=429, method="POST", times=1, retry_after=0)
        arguments = {"business_entity_id": entity} if where == "operator" else {}
        jobs.append(run(start(**arguments), context(ti=TaskInstance(try_number=number))))
    a, b, again, none = jobs
    assert again == a
    assert len({each["export_id"] for each in (a, b, none)}) == 3
    without = None if where == "connection" else "ent_c"
    assert [each["business_entity_id"] for each in jobs] == ["ent_a", "ent_b", "ent_a", without]


def test_the_key_without_a_business_entity_is_what_it_always_was(connected):
    run(start())
    (post,) = connected.control.requests(method="POST")
    fields = [["customer[updated_at][between]", WINDOW]]
    key = idempotency_key("acme-test", "customers", fields, "dag", "run", "task", -1, 2)
    assert post["headers"]["chargebee-idempotency-key"] == key


@pytest.mark.parametrize(
    "changed",
    [
        {"window_field": "created_at"},
        {"snapshot": True},
        {"window_start": "2026-01-01", "window_end": "2026-01-02"},
        {"business_entity_id": "ent"},
        {"filters": {"customer[auto_collection][is]": "on"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_record_is_of_what_was_asked_for_even_if_the_dag_has_changed_since(connected, changed):
    expected = run(start())
    connected.control.fault("status", status=429, method="POST", times=1, retry_after=0)
    with pytest.raises(TaskDeferred) as deferred:
        start().execute(context())
    assert start(**changed).execute_complete(context(), event_of(deferred.value.trigger)) == expected


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_a_connection_lost_on_the_post_makes_one_job(connected, fault):
    connected.control.fault(fault)
    deferrals: list[str] = []
    job = run(start(), deferrals=deferrals)
    assert deferrals == ["ExportSlotTrigger"]
    assert [export["id"] for export in connected.control.exports()] == [job["export_id"]]


def test_a_sixth_job_waits_in_the_triggerer(make_simulator, connect):
    simulator = make_simulator(job_seconds=3600)
    connect(simulator)
    for number in range(5):
        run(start(), context(ti=TaskInstance(map_index=number)))
    simulator.control.fault("status", status=429, times=2)  # the first look, and one in the triggerer
    simulator.control.settings(max_jobs=6)
    deferrals: list[str] = []
    job = run(start(), context(ti=TaskInstance(map_index=5)), deferrals)
    assert deferrals == ["ExportSlotTrigger"]
    assert len(simulator.control.exports()) == 6
    assert job["filters"] == {"customer[updated_at][between]": WINDOW}


def test_without_a_triggerer_it_waits_in_the_worker(connected):
    connected.control.fault("status", status=429, times=3, retry_after=0)
    deferrals: list[str] = []
    run(start(deferrable=False), deferrals=deferrals)
    assert not deferrals
    assert len(connected.control.requests(method="POST")) == 4


@pytest.mark.parametrize(("domain", "left"), [({}, ""), ({"domain": "chargebee.com"}, "chargebee.com")])
def test_a_task_that_waits_leaves_the_site_for_its_link(connected, connect, domain, left):
    connect(connected, extra=domain)
    instance = TaskInstance()
    run(start(), context(ti=instance))
    assert not instance.pushed, "it has not waited"
    connected.control.fault("status", status=429, method="POST", times=1, retry_after=0)
    run(start(), context(ti=instance))
    assert instance.pushed == {SITE: {"site": "acme-test", "domain": left}}


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_gives_up_after_slot_timeout(connected, deferrable):
    connected.control.fault("status", status=429, times=None)
    with pytest.raises(AirflowException, match="gave up after"):
        run(start(slot_timeout=0.2, deferrable=deferrable))


def test_an_event_of_an_earlier_try_is_not_taken_for_one_of_this(connected):
    stale = {"outcome": "timed_out", "message": "gave up", "carry": {"try_number": 1}}
    assert start().execute_complete(context(ti=TaskInstance(try_number=2)), stale)["resource"] == "customers"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"status": 401}, "refused the API key"),
        ({"status": 403}, "may not do this"),
        ({"status": 400}, "refused the request"),
        ({"status": 422}, "refused the request"),
    ],
)
def test_what_no_retry_can_mend_fails_at_once(connected, fault, message):
    connected.control.fault("status", times=None, **fault)
    with pytest.raises(AirflowFailException, match=message):
        run(start())
    assert len(connected.control.requests(method="POST")) == 1


def test_a_wrong_key_fails_at_once(simulator, connect):
    connect(simulator, password="not_the_key_of_this_site")
    with pytest.raises(AirflowFailException, match="Check the connection's password") as caught:
        run(start())
    assert "not_the_key" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"login": "https://acme-test.chargebee.com"}, "is not a site's name"),
        ({"login": "acme.test"}, "is not a site's name"),
        ({"login": ""}, "has no login"),
        ({"password": ""}, "has no password"),
        ({"extra": {"read_timeout": "soon"}}, "extra read_timeout"),
    ],
    ids=["scheme", "dots", "no site", "no key", "extra"],
)
def test_a_wrong_connection_fails_before_anything_is_sent(simulator, connect, changes, message):
    connect(simulator, **changes)
    with pytest.raises(AirflowFailException, match=message):
        run(start())
    assert not simulator.control.requests()


def test_a_run_without_an_interval_says_what_to_give(connected):
    bare = context()
    del bare["data_interval_start"], bare["data_interval_end"]
    with pytest.raises(AirflowFailException, match="give window_start and window_end"):
        run(start(), bare)
    assert not connected.control.requests()


def test_a_run_without_an_interval_takes_the_window_given(connected):
    bare = context()
    del bare["data_interval_start"], bare["data_interval_end"]
    job = run(start(window_start="2026-11-01T00:00:00Z", window_end="2026-11-02T00:00:00Z"), bare)
    assert job["window_start"] == "2026-11-01T00:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resource": "customer"}, "did you mean 'customers'"),
        ({"window_start": "2026-11-02", "window_end": "2026-11-01"}, "is not after window_start"),
        ({"resource": "differential_prices"}, "has no time filter"),
        ({"resource": "differential_prices", "window_field": "updated_at"}, "has no time filter"),
        ({"window_field": "update_at"}, "did you mean 'updated_at'"),
        ({"filters": {"customer[auto_colection][is]": "on"}}, "did you mean 'customer\\[auto_collection\\]\\[is\\]'"),
        ({"filters": {"customer[auto_collection][is]": "onn"}}, "did you mean 'on'"),
        ({"filters": {"customer[updated_at][after]": 1700000000}}, "bounds the field that the window bounds"),
        ({"resource": "invoices", "export_type": "data"}, "has no export_type"),
        ({"slot_timeout": 0}, "slot_timeout is 0"),
    ],
)
def test_what_is_wrong_in_the_dag_file_is_said_at_parse_time(arguments, message):
    with pytest.raises(ValueError, match=message):
        start(**arguments)
