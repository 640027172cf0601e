"""A person's own CSV for the demo: whose records it holds, which window finds them, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from demo_data import DataError, OwnData, own_data

NOW = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp())
YESTERDAY = ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., OwnData]:
    """Write a file and read it as the demo does."""

    def write_and_read(text: str | bytes, name: str = "customers.csv") -> OwnData:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return own_data(str(path), NOW)

    return write_and_read


def window(data: OwnData) -> tuple[object, object]:
    return data.conf["window_start"], data.conf["window_end"]


def test_records_without_times_are_in_yesterdays_window(read):
    data = read("id,first_name\na,Ada\nb,Grace\n")
    assert (data.resource, data.rows, data.inside) == ("customers", 2, 2)
    assert window(data) == YESTERDAY and data.conf["resources"] == ["customers"]
    assert "2 customers, 2 of them" in data.sentences()


def test_the_window_reaches_back_to_the_oldest_change(read):
    data = read("id,updated_at\na,2024-02-29T13:00:00Z\nb,2026-11-20\n")
    assert window(data) == ("2024-02-29T00:00:00Z", YESTERDAY[1])
    assert data.inside == data.rows == 2


def test_what_no_window_finds_is_told(read):
    data = read("id,updated_at\na,2026-11-20\nb,\nc,1999-01-01\nd,2026-11-24T01:00:00Z\n")
    assert (data.rows, data.inside, data.unstamped, data.later) == (4, 1, 2, 1)
    assert "Without an updated_at that a window can find: 2." in data.sentences()
    assert "only a later run finds them: 1." in data.sentences()
    with pytest.raises(DataError, match="1 customer, 0 of them with an updated_at in the run's window"):
        read("id,updated_at\nd,2026-11-24T01:00:00Z\n")


@pytest.mark.parametrize(
    ("name", "header", "resource"),
    [
        ("invoices.csv", "id", "invoices"),
        ("Item Prices-2026.csv", "id", "item_prices"),
        ("example_customers.csv", "customer[id]", "customers"),
        ("mine.csv", "subscription[id]", "subscriptions"),
        ("orders.csv", "order[id]", "orders"),
    ],
)
def test_the_files_name_says_the_resource_and_else_its_header(read, name, header, resource):
    assert read(f"{header}\na\n", name).resource == resource


def test_a_resource_without_a_time_filter_has_no_window(read):
    data = read("id,price\na,1\n", "differential_prices.csv")
    assert data.conf == {"resources": ["differential_prices"]} and data.inside == 1
    assert "The run exports all of them." in data.sentences()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("customers.csv", "", "The file customers.csv is empty."),
        ("customers.csv", "\n", "The file customers.csv is empty."),
        ("customers.csv", "id,first_name\n", "has a header and no rows"),
        ("customers.csv", "id;first_name\na;Ada\n", "separated by semicolons; separate them by commas"),
        ("customers.csv", "id\tfirst_name\na\tAda\n", "separated by tabs; separate them by commas"),
        ("customers.csv", b"id\n\xff\xfe\n", "is not text in UTF-8"),
        ("customers.csv", "id,email\na\n", "Line 2 of customers.csv has 1 cells where the header has 2."),
        ("mine.csv", "id\na\n", "The name 'mine' names no resource. Name the file after one: addons, attached_items"),
        ("plans.csv", "id\na\n", "does not export plans"),
        ("deferred_revenue.csv", "id\na\n", "does not export deferred_revenue"),
    ],
)
def test_a_file_that_cannot_be_taken_gets_a_sentence_of_its_own(read, name, text, sentence):
    with pytest.raises(DataError) as caught:
        read(text, name)
    sentence = sentence.replace("addons, ", "")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="none.csv cannot be read: No such file"):
        own_data(str(tmp_path / "none.csv"), NOW)


def test_the_example_can_be_taken():
    data = own_data(str(ROOT / "local" / "example_customers.csv"), NOW)
    assert data.inside == data.rows > 5
