"""Whether an export holds its window, and by which proof: right exports pass, wrong ones fail, and nothing is claimed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chargebee_operators.checks.window_verdict import check_mode, judge_window
from chargebee_operators.common.exceptions import SettingsError, UnavailableError, WindowCheckError
from support.window_cases import JOB, WINDOW, check_of, customers

IN, OUT = "2026-11-23T01:00:00Z", "2020-01-01T00:00:00Z"
REAL = b"Customer Id,First Name,Created At\nc1,Ada,10-Jan-2024 18:01\nc2,Grace,05-Mar-2025 07:30\n"


def record(updated_at: datetime | None, **others: Any) -> dict[str, Any]:
    return {"updated_at": None if updated_at is None else int(updated_at.timestamp()), **others}


INSIDE, LONG_AGO = record(datetime(2026, 11, 23, 5, tzinfo=UTC)), record(datetime(2024, 1, 10, tzinfo=UTC))


def judged(*checks, mode="fail", fetch=None, job=JOB):
    return judge_window(checks, mode, job, fetch)


def test_rows_inside_are_a_proof_by_column():
    proof, warnings = judged(check_of(customers([IN, IN])))
    assert (proof.by, proof.confirmed, warnings) == ("column", True, [])
    assert proof.says == "updated_at was compared in 2 rows."


def test_where_a_column_proves_it_no_record_is_retrieved():
    def fetch(record_id: str):
        raise AssertionError(record_id)

    assert judged(check_of(customers([IN] * 50)), fetch=fetch)[0].by == "column"


def test_rows_outside_fail_by_name_and_count():
    checks = [check_of(customers([IN, OUT])), check_of(b"customer_id,x\n", member="a")]
    with pytest.raises(WindowCheckError) as caught:
        judged(*checks)
    assert "1 of 2 rows have their updated_at outside" in str(caught.value)
    assert "'id1'" in str(caught.value) and 'a "b"' not in str(caught.value)
    assert caught.value.permanent
    proof, (warning,) = judged(*checks, mode="warn")
    assert warning == proof.says and warning in str(caught.value)
    assert (proof.by, proof.confirmed) == ("column", False)


def test_a_related_file_does_not_fail_a_correct_export():
    subscriptions = replace(JOB, resource="subscriptions")
    main = f"id,customer_id,updated_at\ns,c,{IN}\n".encode()
    related = f"id,email,updated_at\nc,a,{OUT}\n".encode()
    checks = [
        check_of(main, member="data.csv", resource="subscriptions"),
        check_of(related, member="customers.csv", resource="subscriptions"),
    ]
    assert judged(*checks, job=subscriptions)[0].by == "column"


def test_times_in_an_unknown_format_beside_known_ones_are_counted_in_the_proof():
    proof, warnings = judged(check_of(customers([IN, "soon"])))
    assert proof.says == "updated_at was compared in 1 row, and has an unknown format in 1 more row."
    assert warnings == []


@pytest.mark.parametrize(
    "main", [b"id,updated_at\n", b"", b"Customer Id,Name\n\n"], ids=["clock", "nothing", "no clock"]
)
@pytest.mark.parametrize("related", [b"customer_id,line1\n", b"", b"customer_id,line1\nc1,x\n"])
@pytest.mark.parametrize("mode", ["fail", "require"])
def test_a_quiet_day_is_a_proof(main, related, mode):
    proof, warnings = judged(check_of(main), check_of(related, member="addresses.csv"), mode=mode)
    assert (proof.by, proof.confirmed, warnings) == ("empty", True, [])


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize("data", [b'id\n""\n', b'updated_at\n""\n""\n', b"id\n \n", b"id,updated_at\n,\n"])
def test_rows_of_empty_values_are_rows_and_prove_nothing(data, file_format):
    proof, _ = judged(check_of(data, file_format=file_format))
    assert (proof.by, proof.confirmed) == ("none", False)


@pytest.mark.parametrize("mode", ["fail", "require", "warn"])
def test_a_snapshot_needs_no_proof(mode):
    job = replace(JOB, window_field=None)
    assert judged(check_of(customers([OUT]), window=None), mode=mode, job=job) == (None, [])


def test_the_real_layout_with_an_ignored_filter_is_refused_by_the_api():
    with pytest.raises(WindowCheckError, match=r"Record 'c[12]' has the updated_at 2024-01-10T00:00:00Z, outside"):
        judged(check_of(REAL, member="Customers.csv"), fetch=lambda _: LONG_AGO)


def test_the_real_layout_with_a_right_export_is_confirmed_by_two_records():
    asked: list[str] = []

    def fetch(record_id: str):
        asked.append(record_id)
        return INSIDE

    rows = b"".join(b"c%d,Ada,10-Jan-2024 18:01\n" % number for number in range(1000))
    proof, warnings = judged(
        check_of(b"Customer Id,First Name,Created At\n" + rows, member="Customers.csv"), fetch=fetch, mode="require"
    )
    assert (proof.by, proof.confirmed, warnings, len(asked)) == ("spot_check", True, [], 2)
    assert len(set(asked)) == 2


def test_an_unread_clock_leads_to_the_api():
    values = customers(["soon", "later"])
    assert judged(check_of(values), fetch=lambda _: INSIDE)[0].by == "spot_check"


def test_one_record_outside_is_enough():
    records = {"c1": INSIDE, "c2": LONG_AGO}
    with pytest.raises(WindowCheckError, match="Record 'c2'"):
        judged(check_of(REAL, member="Customers.csv"), fetch=records.__getitem__)


@pytest.mark.parametrize(
    ("fetch", "reason"),
    [
        (lambda _: None, "does not exist any more"),
        (lambda _: record(datetime(2026, 11, 24, 1, tzinfo=UTC)), "was changed after the export was requested"),
        (lambda _: record(None), "does not say when it was changed"),
        (None, "Chargebee has no call to retrieve one record"),
    ],
)
def test_what_proves_nothing_is_no_failure_unless_proof_is_required(fetch, reason):
    check = check_of(REAL, member="Customers.csv")
    proof, warnings = judged(check, fetch=fetch)
    assert (proof.by, proof.confirmed, warnings) == ("none", False, [])
    assert reason in proof.says
    with pytest.raises(WindowCheckError, match="nothing proves that its rows belong to the window") as caught:
        judged(check, fetch=fetch, mode="require")
    assert reason in str(caught.value)


def test_an_api_that_does_not_answer_fails_no_export():
    def fetch(_: str):
        raise UnavailableError("Site s could not answer: 503", status=503, retry_after=1000.0)

    proof, warnings = judged(check_of(REAL, member="Customers.csv"), fetch=fetch)
    assert (proof.by, warnings) == ("none", [])
    assert "could not answer: 503" in proof.says


def test_rows_created_after_the_window_prove_that_the_filter_was_ignored():
    """A record that was created after the end was not changed in the window; one created before proves nothing."""
    late = JOB.__class__(**{**JOB.to_dict(), "requested_at": "2027-06-01T00:00:00Z"})
    requested = datetime(2027, 6, 1, tzinfo=UTC)
    before, after = b"c1,10-Jan-2024 18:01\n", b"c2,05-Mar-2027 07:30\n"
    header = b"Customer Id,Created At\n"
    arguments = {"member": "Customers.csv", "requested_at": requested}
    with pytest.raises(WindowCheckError, match=r"1 of 2 rows were created \(Created At\) after the end of the window"):
        judged(check_of(header + before + after, **arguments), job=late)
    assert judged(check_of(header + before, **arguments), job=late)[0].by == "none"


@pytest.mark.parametrize(
    ("resource", "member", "header"),
    [
        ("subscriptions", "Subscriptions.csv", "subscriptions.id,subscriptions.status"),
        ("invoices", "Invoices.csv", "Invoice Number,Customer Id"),
        ("credit_notes", "CreditNotes.csv", "Credit Note Number,Customer Id"),
        ("customers", "data.csv", "customer[id],customer[email]"),
        ("item_prices", "ItemPrices.csv", "Id,Name"),
    ],
)
def test_the_ids_of_each_look_are_found(resource, member, header):
    asked: list[str] = []

    def fetch(record_id: str):
        asked.append(record_id)
        return INSIDE

    check = check_of(f"{header}\nr1,x\n".encode(), member=member, resource=resource)
    assert judged(check, fetch=fetch, job=replace(JOB, resource=resource))[0].by == "spot_check"
    assert asked == ["r1"]


def test_text_that_is_too_long_for_an_id_is_neither_retrieved_nor_quoted():
    retrieved: list[str] = []

    def fetch(record_id: str):
        retrieved.append(record_id)
        return INSIDE

    long = b"Customer Id,Email\n" + b"x" * 300_000 + b",a\n"
    proof, _ = judged(check_of(long, member="Customers.csv"), fetch=fetch)
    assert (proof.by, retrieved) == ("none", []) and len(proof.says) < 500


def test_ids_of_related_things_are_not_retrieved():
    invoices = replace(JOB, resource="invoices")
    checks = [
        check_of(b"Id,Amount\nx1,1\n", member="data.csv", resource="invoices"),
        check_of(b"Id,Invoice Number\nt1,i1\n", member="Transactions.csv", resource="invoices"),
        check_of(b"Id,Sum\ny1,1\n", member="more.csv", resource="invoices"),
    ]
    proof, _ = judged(*checks, fetch=lambda record_id: pytest.fail(record_id), job=invoices)
    assert proof.by == "none"


def test_the_ids_of_a_related_file_say_whose_things_were_exported():
    subscriptions = replace(JOB, resource="subscriptions")
    related = check_of(b"Subscription Id,Addon Id\ns1,a1\n", member="SubscriptionAddons.csv", resource="subscriptions")
    asked: list[str] = []
    proof, _ = judged(related, fetch=lambda record_id: asked.append(record_id) or INSIDE, job=subscriptions)
    assert (proof.by, asked) == ("spot_check", ["s1"])


def test_a_column_given_by_hand_that_no_file_has_is_a_warning():
    _, (warning,) = judged(check_of(REAL, member="Customers.csv", column="Changed"), fetch=lambda _: INSIDE)
    assert "Customers.csv: it has no column 'Changed'" in warning


def test_the_window_of_the_cases_is_that_of_the_job():
    assert (WINDOW.start, WINDOW.end) == (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))


def test_an_unknown_mode_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'require'"):
        check_mode("required")
