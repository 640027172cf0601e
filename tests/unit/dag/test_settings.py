"""A DAG's settings: what is wrong in them is said when the file is parsed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_2, RESOURCE_NAMES, get_resource
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.dag.settings import ExportDagSettings, ResourceSettings
from chargebee_operators.formats.column_types import ColumnTypes


def report_by(name: str) -> dict[str, str]:
    return {"report_by": "invoice"} if get_resource(name).is_report else {}


@pytest.mark.parametrize("name", RESOURCE_NAMES)
def test_every_export_can_be_set_up_by_its_name_alone(name):
    whole = ResourceSettings(name, filters=report_by(name)).is_snapshot
    assert whole is (name == "differential_prices")


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        ({"name": "customers", "snapshot": True}, True),
        ({"name": "customers", "snapshot": False}, False),
        ({"name": "customers", "window_field": "created_at"}, False),
        ({"name": "differential_prices", "snapshot": True}, True),
        ({"name": "deferred_revenue", "filters": {"report_by": "customer"}, "snapshot": True}, True),
    ],
    ids=str,
)
def test_what_is_taken_whole(arguments, whole):
    assert ResourceSettings(**arguments).is_snapshot is whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "customer"}, "resource 'customer'.*did you mean 'customers'"),
        ({"name": "customers", "window_field": "create_at"}, "window_field 'create_at'.*did you mean 'created_at'"),
        (
            {"name": "customers", "window_field": "updated_at", "snapshot": True},
            "customers: window_field 'updated_at' w",
        ),
        (
            {"name": "differential_prices", "snapshot": False},
            "no time filter, so snapshot=False is not possible: leave it out",
        ),
        ({"name": "differential_prices", "window_field": "updated_at"}, "has no time filter"),
        ({"name": "customers", "filters": {"customer[emial][is]": "x"}}, r"did you mean 'customer\[email\]\[is\]'"),
        ({"name": "customers", "filters": {"customer[email][iss]": "x"}}, "no operator 'iss'.*did you mean 'is'"),
        ({"name": "customers", "filters": {"customer": {"auto_collection": {"is": "of"}}}}, "did you mean 'off'"),
        (
            {"name": "customers", "filters": {"customer[updated_at][after]": 1700000000}},
            "bounds the field that the window",
        ),
        ({"name": "customers", "filters": "x"}, "filters 'x' is not a dict"),
        ({"name": "customers", "export_type": "import_data"}, "did you mean 'import_friendly_data'"),
        ({"name": "invoices", "export_type": "data"}, "the invoices export has no export_type; leave it out"),
        ({"name": "deferred_revenue"}, "needs report_by"),
        ({"name": "customers", "business_entity_id": "a\nb"}, r"business_entity_id is 'a\\nb': give the entity's id"),
        ({"name": "customers", "business_entity_id": 5}, "business_entity_id is 5: give"),
        (
            {"name": "customers", "column_types": {"created_at": "dat"}},
            r"customers: column_types: 'created_at' has the type 'dat' .did you mean 'date'",
        ),
        (
            {"name": "customers", "upload_args": {"chargebee_conn_id": "other"}},
            "customers: upload_args must not hold 'chargebee_conn_id': use the setting chargebee_conn_id",
        ),
    ],
    ids=str,
)
def test_a_wrong_resource_setting_names_the_value_and_the_mend(arguments, message):
    with pytest.raises(SettingsError, match=message):
        ResourceSettings(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"s3_bucket": ""}, "DAG 'chargebee_export': s3_bucket is empty.*option chargebee_export.bucket"),
        ({"s3_bucket": None}, "s3_bucket is empty"),
        ({"s3_bucket": "s3://mine/x"}, "s3_bucket is 's3://mine/x': give the bucket's name alone, without s3://"),
        ({"file_format": "cvs"}, "cvs"),
        (
            {"initial": "snapshots"},
            r"initial is 'snapshots' \(did you mean 'snapshot'\?\): give 'window' or 'snapshot'",
        ),
        ({"initial": True}, "initial is True"),
        (
            {"initial": "snapshot", "upload_args": {"keep_latest_only": True}},
            "attached_items: initial='snapshot' writes a snapshot beside the window",
        ),
        (
            {"initial": "snapshot", "upload_args": {"s3_prefix": "{{ params.prefix }}/{{ ds }}"}},
            "would take a snapshot. Give an s3_prefix without Jinja",
        ),
        (
            {"initial": "snapshot", "upload_args": {"manifest_name": "_m/{resource}-{window_start}.json"}},
            "put {partition} into manifest_name",
        ),
        ({"deleted_records": "yes"}, "deleted_records is 'yes': give True or False"),
        ({"resources": []}, r"resources is \[\]: give a list of one or more"),
        ({"resources": "customers"}, "resources is 'customers': give a list"),
        ({"resources": 5}, "resources is 5: give a list"),
        ({"resources": ["customers", "invoice"]}, "did you mean 'invoices'"),
        ({"resources": ["customers", ResourceSettings("customers", snapshot=True)]}, "resources names customers twice"),
        ({"retries": "3"}, "retries is '3': give a whole number from 0 upwards"),
        ({"retries": True}, "retries is True"),
        ({"max_active_runs": 0}, "max_active_runs is 0: give a whole number from 1 upwards"),
        (
            {"timezone": "Europ/Berlin"},
            r"timezone 'Europ/Berlin' is not known \(did you mean 'Europe/Berlin'\?\): give an",
        ),
        ({"timezone": "../etc/passwd"}, "timezone '../etc/passwd' is not known"),
        ({"timezone": ""}, "timezone '' is not known"),
        ({"timezone": None}, "timezone None is not known"),
        ({"resources": [["customers"]]}, r"resource \['customers'\] is not one"),
        (
            {"start_date": "2024-01-01"},
            r"start_date is '2024-01-01': give a datetime, for example datetime\(2024, 1, 1",
        ),
        ({"start_date": date(2024, 1, 1)}, r"start_date is datetime.date\(2024, 1, 1\): give a datetime"),
        ({"start_date": None}, "start_date is None: give a datetime"),
        ({"catchup": "no"}, "catchup is 'no': give True or False"),
        ({"schedule": "@dayly"}, "DAG 'chargebee_export': schedule '@dayly' is not a cron expression"),
        ({"schedule": "0 0 30 2 *"}, "schedule '0 0 30 2 \\*' is not a cron expression"),
        ({"schedule": timedelta(days=1)}, "is not a cron expression"),
        ({"schedule": ""}, "schedule '' is not a cron expression"),
        (
            {"prefix": "raw/{resource}"},
            "prefix is 'raw/{resource}': it takes no placeholders. For other keys give upload",
        ),
        ({"prefix": "{{ ds }}"}, "prefix is '{{ ds }}': it takes no placeholders"),
        ({"prefix": None}, "prefix is None: give a text"),
        ({"prefix": "x" * 600}, "characters.: give a text of at most 512"),
        ({"upload_args": {"s3_bucket": "other"}}, "upload_args must not hold 's3_bucket': use the setting s3_bucket"),
        ({"upload_args": {"file_format": "csv"}}, "must not hold 'file_format': use the setting file_format"),
        ({"upload_args": {"column_types": {}}}, "must not hold 'column_types': use the setting column_types"),
        ({"column_types": {"*_at": "date"}}, "column_types needs file_format='parquet', because CSV has no types"),
        (
            {"file_format": "parquet", "column_types": {"*_at": "time"}},
            r"DAG 'chargebee_export': column_types: '\*_at' has the type 'time'",
        ),
        ({"file_format": "parquet", "column_types": ["*_at"]}, r"column_types is \['\*_at'\]: give a dict"),
        (
            {"resources": [ResourceSettings("customers", column_types={"created_at": "date"})]},
            "customers: column_types needs file_format='parquet'",
        ),
        ({"upload_args": {"job": "{{ x }}"}}, "must not hold 'job': it is the output of the task before"),
        ({"upload_args": {"task_id": "x"}}, "must not hold 'task_id'"),
        ({"upload_args": ["verify"]}, r"upload_args is \['verify'\]: give a dict"),
        ({"default_args": ["pool"]}, r"default_args is \['pool'\]: give a dict"),
        ({"tags": "billing"}, r"tags is 'billing': give a list of texts, for example \['billing'\]"),
        (
            {"glue_database": "chargebee"},
            "glue_database, for attached_items, needs file_format 'parquet', but it is 'csv.gz': ",
        ),
        (
            {
                "glue_database": "chargebee",
                "file_format": "parquet",
                "upload_args": {"parquet_column_names": "as_exported"},
            },
            "leave parquet_column_names at 'snake_case'",
        ),
        (
            {"glue_database": "My-Database", "file_format": "parquet"},
            "glue_database is 'My-Database': give the name of a",
        ),
        ({"glue_database": "", "file_format": "parquet"}, "glue_database is '': give the name of a Glue database"),
    ],
    ids=str,
)
def test_a_wrong_dag_setting_names_the_value_and_the_mend(arguments, message):
    with pytest.raises(SettingsError, match=message):
        ExportDagSettings(**{"s3_bucket": "mine", **arguments})


def test_names_and_settings_mix():
    mine = ResourceSettings("invoices", window_field="date")
    found = ExportDagSettings(s3_bucket="mine", resources=["customers", mine]).each_resource
    assert found == (ResourceSettings("customers"), mine)


def test_product_catalog_2_is_the_default():
    assert tuple(each.name for each in ExportDagSettings(s3_bucket="mine").each_resource) == PRODUCT_CATALOG_2


def test_a_template_may_stand_where_it_is_rendered_later():
    filters = {"customer[created_at][after]": "{{ params.since }}"}
    assert ResourceSettings("customers", filters=filters).filters == filters
    assert ExportDagSettings(s3_bucket="{{ var.value.bucket }}").s3_bucket == "{{ var.value.bucket }}"


def test_no_retries_and_an_entity_from_a_template_are_fine():
    assert ExportDagSettings(s3_bucket="mine", retries=0).retries == 0
    assert ResourceSettings("customers", business_entity_id="{{ var.value.entity }}")


def test_a_resource_may_go_to_a_bucket_of_its_own():
    own = ResourceSettings("invoices", upload_args={"s3_bucket": "theirs", "file_format": "parquet"})
    settings = ExportDagSettings(s3_bucket="mine", resources=["customers", own], upload_args={"verify": False})
    ours, theirs = map(settings.upload_args_of, settings.each_resource)
    assert (ours["s3_bucket"], ours["file_format"], ours["verify"]) == ("mine", "csv.gz", False)
    assert (theirs["s3_bucket"], theirs["file_format"], theirs["verify"]) == ("theirs", "parquet", False)


def test_types_of_columns_are_given_once_and_a_resource_may_have_its_own():
    own = ResourceSettings("invoices", column_types={"*_at": "date", "amount": "float64"})
    types = {"*_at": "timestamp[s, UTC]", "amount": "decimal(18, 2)", "invoices__line_items.quantity": "int64"}
    settings = ExportDagSettings(
        s3_bucket="mine", file_format="parquet", column_types=types, resources=["customers", own]
    )
    customers, invoices = [
        ColumnTypes(settings.upload_args_of(each)["column_types"]) for each in settings.each_resource
    ]
    assert customers.of("customers", "Created At") == "timestamp[s, UTC]"
    assert customers.of("customers__anything", "Amount") == "decimal(18, 2)"
    assert (invoices.of("invoices", "Paid At"), invoices.of("invoices", "Amount")) == ("date", "float64")
    assert invoices.of("invoices__line_items", "Quantity") == "int64"
    assert customers.unknown() == []  # no column of line items is missed in an export of customers


def test_without_types_the_upload_is_given_none():
    settings = ExportDagSettings(s3_bucket="mine", resources=["customers"])
    assert settings.upload_args_of(settings.each_resource[0])["column_types"] is None


def test_no_prefix_and_runs_by_hand_only_are_fine():
    settings = ExportDagSettings(s3_bucket="mine", prefix="", schedule=None)
    assert (settings.prefix, settings.schedule) == ("", None)


def test_one_resource_in_csv_stops_the_registration_of_tables():
    own = ResourceSettings("invoices", upload_args={"file_format": "csv"})
    with pytest.raises(
        SettingsError, match="glue_database, for invoices, needs file_format 'parquet', but it is 'csv'"
    ):
        ExportDagSettings(
            s3_bucket="mine", resources=["customers", own], file_format="parquet", glue_database="chargebee"
        )


@pytest.mark.parametrize("own", [{"name": "differential_prices"}, {"name": "customers", "snapshot": True}])
def test_what_is_exported_whole_has_no_first_snapshot(own):
    with pytest.raises(SettingsError, match="initial='snapshot' is for an export whose runs take windows"):
        ResourceSettings(**own, initial="snapshot")
    settings = ExportDagSettings(s3_bucket="mine", resources=[ResourceSettings(**own)], initial="snapshot")
    assert not settings.begins_with_snapshot(settings.each_resource[0])


def test_a_resource_may_begin_in_its_own_way():
    own = [
        ResourceSettings("customers", initial="window", upload_args={"s3_prefix": "{{ ds }}"}),
        ResourceSettings("invoices", upload_args={"s3_prefix": "{{ var.value.lake }}/{{ params.prefix }}"}),
    ]
    found = ExportDagSettings(s3_bucket="mine", resources=own, initial="snapshot")
    assert [found.begins_with_snapshot(each) for each in found.each_resource] == [False, True]


def test_deletions_are_parquet_where_tables_are_registered():
    own = ResourceSettings("invoices", upload_args={"file_format": "parquet"})
    settings = ExportDagSettings(s3_bucket="mine", resources=[own], glue_database="chargebee")
    assert settings.deleted_records_args()["file_format"] == "parquet"


def test_a_start_date_without_a_zone_is_in_utc_whatever_the_zone_of_airflow():
    """Airflow takes one in the zone of its option ``core.default_timezone``."""
    assert ExportDagSettings("bucket", start_date=datetime(2024, 1, 1)).start_date == datetime(2024, 1, 1, tzinfo=UTC)
