"""Importing records from CSV in the format of Chargebee's bulk operations."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargebee_simulator.csv_import import Imported, ImportFailed, load

DAY = 86400
NOW = 1_717_243_200 + 3600  # 2024-06-01T13:00:00Z
YESTERDAY = range(NOW // DAY * DAY - DAY, NOW // DAY * DAY)


def loaded(tmp_path: Path, text: str | bytes, resource: str = "customers") -> Imported:
    path = tmp_path / "own.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(resource, path, NOW)


def test_bulk_headers_become_fields_and_every_column_stays(tmp_path: Path) -> None:
    made = loaded(
        tmp_path,
        "customer[id],customer[first_name],billing_address[city],customer[cf_city],card[number]\n"
        'c1,"Zoë ""Z"", Dr.",東京,Kraków,0012\n',
    )
    assert made.columns == [
        "id", "first_name", "billing_address.city", "cf_city", "card.number", "created_at", "updated_at",
    ]  # fmt: skip
    assert made.records[0] | {"created_at": 0, "updated_at": 0} == {
        "id": "c1",
        "first_name": 'Zoë "Z", Dr.',
        "billing_address.city": "東京",
        "cf_city": "Kraków",
        "card.number": "0012",
        "created_at": 0,
        "updated_at": 0,
    }


def test_plain_headers_and_a_byte_order_mark_do_as_well(tmp_path: Path) -> None:
    made = loaded(tmp_path, b"\xef\xbb\xbfid,first_name,anything\r\nc1,Ada,x\r\n\r\n")
    assert made.columns[:3] == ["id", "first_name", "anything"]
    assert [record["id"] for record in made.records] == ["c1"]


def test_missing_ids_are_made(tmp_path: Path) -> None:
    without = loaded(tmp_path, "first_name\nAda\nGrace\n")
    assert without.columns[0] == "id"
    assert len({record["id"] for record in without.records}) == 2
    empty = loaded(tmp_path, "id,first_name\n,Ada\nc2,Grace\n")
    assert empty.records[0]["id"] and empty.records[1]["id"] == "c2"
    assert loaded(tmp_path, "first_name\nAda\nGrace\n") == without


def test_missing_times_are_spread_over_the_last_whole_day(tmp_path: Path) -> None:
    made = loaded(tmp_path, "id\n" + "".join(f"c{n}\n" for n in range(100)))
    for key in ("created_at", "updated_at"):
        times = [record[key] for record in made.records]
        assert all(time in YESTERDAY for time in times)
        assert len(set(times)) == 100
    assert loaded(tmp_path, "invoice[id]\n1\n", "invoices").records[0]["date"] in YESTERDAY
    assert "created_at" not in loaded(tmp_path, "invoice[id]\n1\n", "invoices").columns


def test_given_times_are_read_and_an_empty_one_is_null(tmp_path: Path) -> None:
    made = loaded(
        tmp_path,
        "id,created_at,updated_at\na,1700000000,2023-11-15T00:00:00Z\nb,2023-11-14 22:13:20,\n",
    )
    assert [record["created_at"] for record in made.records] == [1700000000, 1700000000]
    assert [record["updated_at"] for record in made.records] == [1700006400, None]


def test_updated_at_never_precedes_created_at(tmp_path: Path) -> None:
    later, earlier = NOW + DAY, NOW - 90 * DAY
    made = loaded(tmp_path, f"id,created_at\na,{later}\n")
    assert made.records[0]["updated_at"] == later
    made = loaded(tmp_path, f"id,updated_at\na,{earlier}\n")
    assert made.records[0]["created_at"] == earlier


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,email\nc1,a@b.c\nc2\n", "Line 3 of own.csv has 1 cells where the header has 2."),
        ('id,email\nc1,"two\nlines"\nc2,x,y\n', "Line 4 of own.csv has 3 cells where the header has 2."),
        ("colour,size\nred,2\n", "The header of own.csv has no column of customers"),
        ("", "The header of own.csv has no column of customers"),
        ("id,id\na,b\n", "has a column without a name or twice: 'id'"),
        ("id,created_at\na,soon\n", "Line 2 of own.csv, column created_at: 'soon' is no time"),
        ("id,created_at\na,99999999999999\n", "column created_at: '99999999999999' is no time"),
        (b"id\n\xff\xfe\n", "The file own.csv is not text in UTF-8."),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    with pytest.raises(ImportFailed) as caught:
        loaded(tmp_path, text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_resource_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="There is no resource 'cats' to import"):
        loaded(tmp_path, "id\n1\n", "cats")
    with pytest.raises(ImportFailed, match="cannot be read: No such file"):
        load("customers", tmp_path / "none.csv", NOW)
