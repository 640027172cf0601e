"""How the keys of objects are made, and which keys are known to be of the same partition."""

from __future__ import annotations

import pytest

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.partition.keys import PartitionKeys, manifest_keys, safe_stem
from chargebee_operators.partition.tables import Table

JOB = JobRecord("AbC.1", "customers", "acme", {}, "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "updated_at", "")
OWN, RELATED = Table("customers", "customers"), Table("addresses", "customers__addresses")
PARTITION = "site=acme/window_start=20261123T000000Z"
DEFAULT = KeyTemplates()
FOLDER = KeyTemplates("p/{site}/{partition}", "{member}-{export_id}-{attempt}{suffix}", "_m.json")


def keys_of(templates: KeyTemplates = DEFAULT, job: JobRecord = JOB, **arguments: bool) -> PartitionKeys:
    return PartitionKeys(templates, job, ".csv", **arguments)


def flat(object_name: str) -> PartitionKeys:
    return keys_of(KeyTemplates("p", object_name, "_m.json"))


def test_each_table_of_a_partition_has_a_folder_of_its_own_and_the_manifests_have_theirs():
    keys = keys_of()
    tail = f"{PARTITION}/x-AbC.1-{keys.attempt}.csv"
    assert keys.key("x.csv", OWN) == f"chargebee/windows/customers/{tail}"
    assert keys.key("x.csv", RELATED) == f"chargebee/windows/customers__addresses/{tail}"
    assert keys.manifest_key == f"chargebee/manifests/customers/{PARTITION}.json"


def test_a_snapshot_lies_beside_the_windows():
    job = JobRecord("e", "coupons", "acme", {}, None, None, None, "2026-11-24T06:05:04Z")
    keys = keys_of(job=job)
    where = "coupons/site=acme/taken_at=20261124T060504Z"
    assert keys.key("Coupons.csv", Table("coupons", "coupons")).startswith(f"chargebee/snapshots/{where}/Coupons-e-")
    assert keys.manifest_key == f"chargebee/manifests/{where}.json"


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
    keys = flat("{member}{suffix}")
    members = ["a/x.csv", "b/x.csv", "x_2.csv"]
    assert [keys.key(each, OWN) for each in members] == ["p/x.csv", "p/x_2.csv", "p/x_2_2.csv"]


def test_two_tables_that_the_template_does_not_tell_apart_share_no_object():
    keys = flat("{member}{suffix}")
    assert [keys.key("x.csv", each) for each in (OWN, RELATED)] == ["p/x.csv", "p/x_2.csv"]


def test_a_template_without_the_member_holds_one():
    keys = flat("{resource}{suffix}")
    assert keys.key("a.csv", OWN) == "p/customers.csv"
    with pytest.raises(SettingsError, match=r"put \{member\} into it"):
        keys.key("b.csv", OWN)


def test_no_object_takes_the_manifest_s_key():
    keys = keys_of(KeyTemplates("p", "{member}.json", "customers.json"))
    with pytest.raises(SettingsError, match=r"the key of the manifest, 'p/customers.json'"):
        keys.key("customers.csv", OWN)


def test_each_try_has_names_of_its_own():
    one, other = keys_of(), keys_of()
    assert one.key("x.csv", OWN) != other.key("x.csv", OWN)
    assert one.unique
    assert not flat("{member}{suffix}").unique


WINDOW = f"chargebee/windows/{{}}/{PARTITION}/"
MINE = WINDOW.format("customers")


@pytest.mark.parametrize(
    ("key", "this_job", "any_job"),
    [
        (f"{MINE}x-AbC.1-0123abcd.csv", True, True),
        (f"{MINE}a.b_2-AbC.1-ffffffff.csv", True, True),
        (f"{WINDOW.format('customers__line_items')}x-AbC.1-0123abcd.csv", True, True),
        (f"{WINDOW.format('customers_line_items')}x-AbC.1-0123abcd.csv", False, False),
        (f"{WINDOW.format('invoices')}x-AbC.1-0123abcd.csv", False, False),
        (f"{MINE}x-other-0123abcd.csv", False, True),
        (f"{MINE}x-AbCx1-0123abcd.csv", False, True),
        (f"{MINE}x-AbC.1-0123abcd.csv.gz", True, True),
        (f"{MINE}x-AbC.1-0123abcd", False, False),
        (f"{MINE}x-AbC.1.csv", False, False),
        (f"{MINE}sub/x-AbC.1-0123abcd.csv", False, False),
        (f"{MINE.replace('acme', 'acme2')}x-AbC.1-0123abcd.csv", False, False),
        (f"{MINE.replace('1123T', '1124T')}x-AbC.1-0123abcd.csv", False, False),
        (f"chargebee/manifests/customers/{PARTITION}.json", False, False),
    ],
)
def test_objects_of_other_tries_are_known_by_the_template(key, this_job, any_job):
    keys = keys_of()
    assert bool(keys.pattern().fullmatch(key)) == this_job
    assert bool(keys.pattern(any_export=True).fullmatch(key)) == any_job
    assert not any_job or key.startswith(keys.begin_with)


def test_a_folder_for_each_export_is_no_other_export_s():
    keys = keys_of(KeyTemplates("runs/{export_id}", "{member}-{attempt}{suffix}", "_m.json"))
    assert not keys.pattern(any_export=True).fullmatch("runs/other/x-0123abcd.csv")
    assert keys.pattern(any_export=True).fullmatch("runs/AbC.1/x-0123abcd.csv")


@pytest.mark.parametrize(
    ("templates", "of_one_manifest", "of_window"),
    [
        (DEFAULT, True, True),
        (FOLDER, True, True),
        (KeyTemplates("x/{resource}", FOLDER.object_name, "_m.json"), True, False),
        (
            KeyTemplates("x", "dt={window_start:.10}/{resource}/{attempt}", "{resource}/{window_start:.10}.json"),
            True,
            False,
        ),
        (KeyTemplates("x", "{partition}/{attempt}", "{window_start:.10}.json"), False, True),
        (KeyTemplates("x", "{partition}/{attempt}", "{resource}/{partition}.json"), False, True),
        (KeyTemplates("x", "{kind}/{partition}/{attempt}", "{resource}/{partition}.json"), False, True),
        (KeyTemplates("x", "{table}/{window_start}/{attempt}", "{resource}/{window_start:.7}.json"), True, True),
        (KeyTemplates("x", "{table}/{attempt}", "{resource}/{window_start}.json"), False, False),
    ],
)
def test_whether_a_key_says_of_which_partition_an_object_is(templates, of_one_manifest, of_window):
    keys = keys_of(templates)
    assert (keys.of_one_manifest, keys.of_window) == (of_one_manifest, of_window)
    assert not keys_of(templates, alone=False).of_one_manifest


class Bucket:
    """Lists as S3's ListObjectsV2 with a delimiter does."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.asked: list[str] = []

    def __call__(self, prefix: str) -> list[str]:
        self.asked.append(prefix)
        cut = (key[len(prefix) :].partition("/") for key in self.keys if key.startswith(prefix))
        return sorted({f"{prefix}{name}{slash}" for name, slash, _ in cut})


def test_only_the_folders_of_the_partition_are_listed():
    mine = [f"{WINDOW.format(table)}x-e-0123abcd.csv" for table in ("customers", "customers__addresses")]
    others = [key.replace("1123T", f"11{day}T") for key in mine for day in (10, 11, 12)]
    others += [key.replace("customers", "customers_of_old") for key in mine]
    bucket = Bucket(*mine, *others, f"{MINE}notes.txt", f"{MINE}sub/x-e-0123abcd.csv")
    assert list(keys_of().find(bucket)) == mine
    assert bucket.asked == [
        "chargebee/windows/customers",
        *(WINDOW.format(t) for t in ("customers", "customers__addresses")),
    ]


def test_folders_of_all_exports_are_not_gone_through():
    keys = keys_of(KeyTemplates("p", "{export_id}/{member}-{attempt}{suffix}", "{resource}/{partition}.json"))
    bucket = Bucket("p/AbC.1/x-0123abcd.csv", *(f"p/e{number}/x-0123abcd.csv" for number in range(9)))
    assert list(keys.find(bucket)) == ["p/AbC.1/x-0123abcd.csv"]
    assert bucket.asked == ["p/AbC.1/"]


def test_manifests_of_the_same_layout_are_found_whatever_their_window_and_resource():
    keys = keys_of(KeyTemplates("p", "{member}{suffix}", "m/{resource}-{site!r:>20}.json"))
    manifests = ["p/m/coupons-x.json", "p/m/customers-y.json"]
    assert list(keys.find_manifests(Bucket(*manifests, "p/m/readme.txt", "p/n/a-b.json"))) == manifests


@pytest.mark.parametrize(
    ("prefix", "name", "begin", "right", "wrong"),
    [
        (
            "chargebee",
            "manifests/{resource}/site={site}/{partition}.json",
            "chargebee/manifests/customers/site=acme/",
            "chargebee/manifests/customers/site=acme/window_start=20261123T000000Z.json",
            "chargebee/manifests/customers/site=acme/more/window_start=20261123T000000Z.json",
        ),
        ("p/{site}", "dt={window_start:.10}/{resource}.json", "p/acme/dt=", "p/acme/dt=2026-11-23/customers.json", "x"),
        ("p", "{{ ds }}/{resource}/_m.json", "p/", "p/2026/11/customers/_m.json", "p/2026/invoices/_m.json"),
    ],
)
def test_manifests_of_a_resource_are_found_in_any_layout(prefix, name, begin, right, wrong):
    found, pattern = manifest_keys(prefix, name, "customers", "acme")
    assert found == begin
    assert pattern.fullmatch(right) and not pattern.fullmatch(wrong)
