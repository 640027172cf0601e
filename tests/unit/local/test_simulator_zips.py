"""The look of the ZIPs: what each profile and each switch does."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chargebee_simulator.company import Company
from chargebee_simulator.csv_import import Imported
from chargebee_simulator.filters import Selection, judge
from chargebee_simulator.profiles import PROFILES, ProfileError, ZipProfile, named, switched
from chargebee_simulator.records.world import World
from chargebee_simulator.tables import tables
from chargebee_simulator.zips import Written, write_zip

NOW = 1_717_200_000
COMPANY = Company(World("acme-test", 7, 250, 200, NOW), {})
NOTHING = [("customer[id][is]", "nobody")]


class Made:
    """A ZIP, and what the writer says of it."""

    def __init__(self, path: Path, resource: str, profile: ZipProfile, fields: Any = (), company: Company = COMPANY):
        profile = profile.of(resource)
        selection: Selection = judge(resource, fields)
        made = tables(company.snapshot(resource), selection, profile)
        self.written: Written = write_zip(path, resource, made, profile)
        self.bytes = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            self.infos = archive.infolist()
            self.members = {info.filename: archive.read(info) for info in self.infos}

    def rows(self, name: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.members[name].decode("utf-8-sig"), newline="")))


@pytest.fixture
def make(tmp_path: Path) -> Any:
    def made(resource: str = "customers", profile: ZipProfile = PROFILES["api"], *args: Any) -> Made:
        return Made(tmp_path / "made.zip", resource, profile, *args)

    return made


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("resource", ["customers", "invoices", "coupons"])
def test_every_profile_tells_the_same_records(make: Any, profile: ZipProfile, resource: str) -> None:
    made = make(resource, profile)
    truth = [record["id"] for record in COMPANY.snapshot(resource).read()]
    told = [row for file in made.written.files for row in made.rows(file["name"])[1:]]
    assert made.written.rows == len(truth)
    assert made.written.ids == truth
    assert [row[0] for row in told][: len(truth)] == truth
    for file in made.written.files:
        assert file["bytes"] == len(made.members[file["name"]])
        assert file["rows"] == len(made.rows(file["name"])) - 1


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_same_records_make_the_same_bytes(make: Any, profile: ZipProfile) -> None:
    assert make("orders", profile).bytes == make("orders", profile).bytes


def test_the_apis_names_are_in_several_files(make: Any) -> None:
    made = make()
    assert list(made.members) == ["customers.csv", "customers_billing_addresses.csv"]
    assert made.rows("customers.csv")[0][:2] == ["id", "first_name"]
    assert made.rows("customers_billing_addresses.csv")[0][:2] == ["customer_id", "billing_address_first_name"]
    assert list(make("invoices").members) == ["invoices.csv", "invoices_line_items.csv"]
    assert list(make("coupons").members) == ["coupons.csv"]


def test_import_friendly_data_is_one_file_in_the_bulk_format_whatever_the_profile(make: Any) -> None:
    made = make("customers", PROFILES["excel"], [("export_type", "import_friendly_data")])
    header = made.rows("Customers.csv")[0]
    assert list(made.members) == ["Customers.csv"]
    assert {"customer[id]", "customer[cf_city]", "billing_address[city]", "relationship[parent_id]"} <= set(header)


def test_parts_are_split_by_rows(make: Any) -> None:
    made = make("customers", PROFILES["parts"])
    assert [(file["name"], file["rows"]) for file in made.written.files] == [
        ("customers_1.csv", 100),
        ("customers_2.csv", 100),
        ("customers_3.csv", 50),
    ]
    assert len({made.members[name].split(b"\n")[0] for name in made.members}) == 1


def test_a_split_that_comes_out_even_has_no_empty_part(make: Any) -> None:
    made = make("customers", switched(PROFILES["parts"], {"rows_per_part": 125}))
    assert [file["rows"] for file in made.written.files] == [125, 125]


def test_excel_is_what_a_spreadsheet_would_write(make: Any) -> None:
    raw = make("invoices", PROFILES["excel"]).members["Invoices.csv"]
    assert raw.startswith(b'\xef\xbb\xbf"Invoice Id","Invoice Customer Id"')
    assert b"\r\n" in raw
    row = make("invoices", PROFILES["excel"]).rows("Invoices.csv")
    first = dict(zip(row[0], row[1], strict=True))
    truth = next(COMPANY.snapshot("invoices").read())
    assert first["Invoice Total"] == f"{truth['total'] / 100:.2f}"
    assert first["Invoice Date"].count(":") == 1 and first["Invoice Date"][2] == "-"


def test_dates_and_money(make: Any) -> None:
    truth = next(COMPANY.snapshot("invoices").read())

    def first(**switches: Any) -> dict[str, str]:
        header, row = make("invoices", switched(PROFILES["api"], switches)).rows("invoices.csv")[:2]
        return dict(zip(header, row, strict=True))

    assert first(dates="epoch")["date"] == str(truth["date"])
    assert first(dates="iso")["date"].endswith("Z")
    assert first(money="cents")["total"] == str(truth["total"])


@pytest.mark.parametrize(
    ("profile", "members"),
    [("api", {"customers.csv": True, "customers_billing_addresses.csv": True}), ("empty-zip", {})],
)
def test_an_export_without_rows(make: Any, profile: str, members: dict[str, bool]) -> None:
    made = make("customers", PROFILES[profile], NOTHING)
    assert {name: bool(data) for name, data in made.members.items()} == members
    assert made.written.rows == 0 and made.written.ids == []


def test_a_zero_byte_member(make: Any) -> None:
    made = make("customers", PROFILES["zero-byte"], NOTHING)
    assert made.members == {"customers.csv": b"", "customers_billing_addresses.csv": b""}


@pytest.mark.parametrize(("profile", "streamed"), [("api", False), ("stored", True)])
def test_sizes_stand_in_the_local_header_or_behind_the_data(make: Any, profile: str, streamed: bool) -> None:
    made = make("customers", PROFILES[profile])
    flags, method = struct.unpack("<HH", made.bytes[6:10])
    assert bool(flags & 8) is streamed
    assert method == (zipfile.ZIP_STORED if profile == "stored" else zipfile.ZIP_DEFLATED)
    assert (struct.unpack("<I", made.bytes[18:22])[0] == 0) is streamed


def test_nested_members(make: Any) -> None:
    names = list(make("customers", PROFILES["nested"]).members)
    assert names == ["exports/customers/data.csv", "exports/customers/data_billing_addresses.csv"]


def test_imported_columns_come_out_again(make: Any) -> None:
    record = {"id": "c1", "billing_address.city": "東京", "cf_x": "0012", "updated_at": NOW}
    own = Company(World("acme-test", 7, 5, 5, NOW), {"customers": Imported(list(record), [record])})
    made = make("customers", PROFILES["bulk"], (), own)
    assert made.rows("customers.csv") == [
        ["customer[id]", "billing_address[city]", "customer[cf_x]", "customer[updated_at]"],
        ["c1", "東京", "0012", "2024-06-01T00:00:00Z"],
    ]


@pytest.mark.parametrize(
    ("switches", "sentence"),
    [
        ({"colour": True}, "There is no switch 'colour'"),
        ({"bom": "yes"}, "'bom' takes a value of type bool"),
        ({"rows_per_part": True}, "'rows_per_part' takes a value of type int"),
        ({"dates": "roman"}, "'dates' takes one of iso, epoch, human"),
        ({"zone": "Mars/Base"}, "There is no time zone 'Mars/Base'"),
    ],
)
def test_a_switch_that_does_not_exist_is_refused(switches: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ProfileError, match=sentence):
        switched(PROFILES["api"], switches)


def test_a_profile_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ProfileError, match="There is no profile 'fancy'"):
        named("fancy")
