"""What a few records prove of a window: changes meanwhile prove nothing, and a busy API fails nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.windows import Window
from chargebee_operators.checks.spot_check import LAG, PATIENCE, spot_check
from chargebee_operators.common.exceptions import AccessDeniedError, ThrottledError
from support.json_values import json_values
from support.window_cases import END, START, WINDOW

REQUESTED = END + timedelta(days=30)
SECOND = timedelta(seconds=1)


def epoch(at: datetime) -> int:
    return int(at.timestamp())


def found(record, field="updated_at"):
    return spot_check(["r1"], WINDOW, field, REQUESTED, lambda _: record)


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (START - SECOND, "outside"),
        (START, "inside"),
        (END - SECOND, "inside"),
        (END, "outside"),
        (REQUESTED - LAG, "outside"),
        (REQUESTED - LAG + SECOND, "unknown"),
        (REQUESTED + SECOND, "unknown"),
    ],
)
def test_a_time_is_judged_to_the_second(at, verdict):
    assert getattr(found({"updated_at": epoch(at)}), verdict)


@pytest.mark.parametrize("field", ["created_at", "date", "paid_at", "cancelled_at"])
def test_a_record_that_was_changed_meanwhile_proves_nothing_by_any_field(field):
    record = {field: epoch(START - SECOND), "updated_at": epoch(REQUESTED + SECOND)}
    assert found(record, field).unknown == ["record 'r1' was changed after the export was requested, or shortly before"]
    record["updated_at"] = epoch(END)
    assert found(record, field).outside == ("r1", "2026-11-22T23:59:59Z")


@pytest.mark.parametrize("field", ["updated_at", "created_at", "date", "order_date"])
def test_a_record_inside_a_window_that_has_just_ended_is_a_proof(field):
    window = Window(REQUESTED - LAG / 2, REQUESTED - LAG / 3)

    def judged(record):
        return spot_check(["r1"], window, field, REQUESTED, lambda _: record)

    assert judged({field: epoch(window.start), "updated_at": epoch(window.start)}).inside
    if field != "updated_at":
        assert judged({field: epoch(window.start), "updated_at": epoch(REQUESTED)}).inside
    assert judged({field: epoch(window.end), "updated_at": epoch(window.end)}).unknown


def test_a_field_that_may_have_moved_meanwhile_proves_nothing_inside_either():
    assert found({"cancelled_at": epoch(START), "updated_at": epoch(REQUESTED)}, "cancelled_at").unknown


def test_a_field_that_never_moves_counts_without_a_time_of_change():
    assert found({"created_at": epoch(START)}, "created_at").inside == ["r1"]
    assert found({"paid_at": epoch(START)}, "paid_at").unknown == ["record 'r1' does not say when it was changed"]


@pytest.mark.parametrize("value", [None, 0, 5, True, "soon", 10**18, -(10**18), 1.5])
def test_what_is_no_time_proves_nothing(value):
    assert found({"created_at": value, "updated_at": epoch(START)}, "created_at").unknown == [
        "record 'r1' has no created_at"
    ]


@given(
    st.dictionaries(st.sampled_from(["updated_at", "created_at", "paid_at"]), json_values | st.just(epoch(START))),
    st.sampled_from(["updated_at", "created_at", "paid_at"]),
)
def test_whatever_a_record_says_it_is_inside_or_outside_or_proves_nothing(record, field):
    result = found(record, field)
    assert len(result.inside) + (result.outside is not None) + len(result.unknown) == 1
    if not result.unknown:
        assert 10**9 <= record[field] < 10**10


def test_two_records_inside_are_enough_and_others_fill_in_for_those_that_prove_nothing():
    records = {"a": None, "b": {"updated_at": epoch(START)}, "c": None, "d": {"updated_at": epoch(START)}, "e": None}
    asked: list[str] = []

    def fetch(record_id: str):
        asked.append(record_id)
        return records[record_id]

    result = spot_check("abcde", WINDOW, "updated_at", REQUESTED, fetch)
    assert (result.inside, asked) == (["b", "d"], ["a", "b", "c", "d"])


def test_a_busy_site_is_waited_for_as_it_asks():
    waited: list[float] = []
    answers = [ThrottledError("busy", retry_after=7.0), ThrottledError("busy"), {"updated_at": epoch(START)}]

    def fetch(_: str):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert spot_check(["a"], WINDOW, "updated_at", REQUESTED, fetch, sleep=waited.append).inside == ["a"]
    assert len(waited) == 2 and waited[0] >= 7.0


def test_it_does_not_wait_for_ever():
    waited: list[float] = []

    def fetch(_: str):
        raise ThrottledError("Site s is busy.", retry_after=50.0)

    result = spot_check("ab", WINDOW, "updated_at", REQUESTED, fetch, sleep=waited.append)
    assert result.unknown == ["record 'a' was not retrieved: Site s is busy"]
    assert sum(waited) <= PATIENCE


def test_a_refusal_ends_the_check_without_a_failure():
    def fetch(record_id: str):
        raise AccessDeniedError(f"no right to read {record_id}", status=403)

    assert spot_check("ab", WINDOW, "updated_at", REQUESTED, fetch).unknown == [
        "record 'a' was not retrieved: no right to read a"
    ]
