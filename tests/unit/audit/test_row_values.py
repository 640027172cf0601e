"""Values of different formats that are the same, and those that are not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.audit.row_values import Digests, layout_of, reader_of, seconds_of, shape_of, whole_number
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.formats.parquet_values import Conversion

BERLIN = ClockFormat(None, "Europe/Berlin")
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "alike"),
    [
        ("string", ["", None]),
        ("bool", [True, "true", "True", "1"]),
        ("int64", [7, "7", "007", " 7"]),
        ("decimal(18, 2)", [Decimal("1.50"), "1.5", "1.500"]),
        ("decimal(18, 2)", [Decimal("0.00"), "0", "-0.0"]),
        ("float64", [1.5, "1.50"]),
        ("date", [date(2026, 11, 23), "2026-11-23", "23-Nov-2026", "2026-11-23T09:00:00Z"]),
        ("timestamp[s, UTC]", [NINE, "2026-11-23T09:00:00Z", "23-Nov-2026 10:00", str(int(NINE.timestamp()))]),
        ("timestamp[s]", [NINE.replace(tzinfo=None), "23-Nov-2026 09:00", "2026-11-23 09:00:00"]),
        ("timestamp[ms, UTC]", [None, ""]),
    ],
)
def test_values_that_are_the_same_have_one_text(kind, alike):
    assert len({reader_of(kind, BERLIN)(each) for each in alike}) == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", ["1.5", "1.50"]),
        ("bool", [True, False, None]),
        ("int64", ["7", "70", ""]),
        ("decimal(18, 2)", ["1.5", "1.51", "x", ""]),
        ("date", ["2026-11-23", "2026-11-24"]),
        ("timestamp[s, UTC]", ["2026-11-23T09:00:00Z", "2026-11-23T09:00:01Z", "soon", ""]),
    ],
)
def test_other_values_have_other_texts(kind, values):
    assert len({reader_of(kind, BERLIN)(each) for each in values}) == len(values)


@given(st.lists(st.tuples(st.text(), st.text()), min_size=2, max_size=2, unique=True))
def test_two_rows_of_text_have_two_digests_unless_they_are_the_same(pair):
    layout = layout_of(["id", "a"], "customers.csv", get_resource("customers"))
    digests = Digests(layout, shape_of(layout, layout), BERLIN)
    one, other = map(digests.of, pair)
    joined = {"\x1f".join(reversed(each)) for each in pair}
    assert (one != other) is (len(joined) == 2)


@given(st.datetimes(datetime(2001, 9, 9, 4), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0)))
def test_a_time_is_read_alike_from_text_and_from_parquet(at):
    zoned = at.replace(tzinfo=UTC)
    assert seconds_of(zoned, BERLIN) == seconds_of(zoned.isoformat(), BERLIN) == int(zoned.timestamp())


@pytest.mark.parametrize("text", ["25-Oct-2026 01:59", "25-Oct-2026 02:30", "25-Oct-2026 03:00", "29-Mar-2026 03:00"])
def test_a_text_is_read_as_it_is_written_to_parquet_also_where_the_clocks_change(text):
    (written,) = Conversion("timestamp[s, UTC]", "Europe/Berlin").values(pa.array([text])).to_pylist()
    assert seconds_of(text, BERLIN) == seconds_of(written, BERLIN)


def test_a_layout_knows_the_columns_under_any_name():
    layout = layout_of(["Customer Id", "Updated At", "resource_version"], "Customers_2.csv", get_resource("customers"))
    assert (layout.id_at, layout.version_at, layout.updated_at) == (0, 2, None)
    typed = layout_of(
        ["email", "customer[id]", "customer[updated_at]"],
        "customers.csv",
        get_resource("customers"),
        {"customer_updated_at": "timestamp[s, UTC]"},
    )
    assert (typed.id_at, typed.version_at, typed.updated_at) == (1, None, 2)
    assert layout_of(["Name"], "Customers.csv", get_resource("customers")) is None


def test_what_is_no_version_is_none():
    assert [whole_number(each) for each in (5, "5", "", None, "x")] == [5, 5, -1, -1, -1]
