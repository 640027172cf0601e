"""The statements of each dialect: which there are, and what a database needs of each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.sql.dialect import Place
from chargebee_operators.sql.dialects import DIALECTS
from chargebee_operators.sql.manifests import read_manifests
from chargebee_operators.sql.statements import statements
from support.written_tables import Bucket, day

DELETED = ["resource", "id", "occurred_at", "event_id", "event_type", "source", "resource_version"]
GONE = ["invoices", "I2", "2026-11-23T12:00:00Z", "ev", "invoice_deleted", "api", 7]


@pytest.fixture
def bucket(tmp_path) -> Bucket:
    """Invoices with a related table, coupons, and deletions."""
    made = Bucket(tmp_path)
    invoices = {
        "invoices": [["Invoice Number"], ["I1"]],
        "invoices__line_items": [["Invoice Number", "Id"], ["I1", "a"]],
    }
    made.window("invoices", day(0), day(1), invoices)
    made.window("coupons", day(0), day(1), {"coupons": [["Coupon Id", "Resource Version"], ["x", 1]]})
    made.window("deleted_records", day(0), day(1), {"deleted_records": [DELETED, GONE]})
    return made


@pytest.fixture
def printed(bucket: Bucket) -> Callable[..., list[str]]:
    def make(dialect: str = "duckdb", *tables: str, **options: bool) -> list[str]:
        found = read_manifests(str(bucket.folder))
        return list(statements(found.manifests, dialect, Place("s3://b/", "chargebee"), tables, **options))

    return make


def views(made: list[str]) -> list[str]:
    """Return the names of the views of the latest state, without schema and quotes."""
    firsts = [
        each.partition(" AS\n")[0] for each in made if each.startswith("CREATE OR REPLACE VIEW") and "_latest" in each
    ]
    return [first.rpartition(".")[2].strip('`"') for first in firsts if first.strip('`"').endswith("_latest")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_table_has_a_view_but_that_of_deletions(printed, dialect):
    made = printed(dialect)
    assert views(made) == ["coupons_latest", "invoices_latest", "invoices__line_items_latest"]
    assert not [each for each in made if "deleted_records_latest" in each or "no view of the latest rows" in each]


def test_a_table_brings_along_what_its_view_reads(printed):
    made = printed("spark", "invoices__line_items")
    assert views(made) == ["invoices_latest", "invoices__line_items_latest"]
    tables = [each.split("`")[3] for each in made if each.startswith("CREATE TABLE")]
    assert tables == ["deleted_records", "invoices", "invoices__line_items"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_table_is_dropped_or_made_where_they_exist(printed, dialect):
    made = printed(dialect, views_only=True)
    assert len(made) == len(views(made)) == 3


def test_only_text_that_is_not_empty_is_tried_to_be_cast(bucket, printed):
    """Snowflake takes TRY_CAST for text alone, and Redshift not for an empty text."""
    coupons = {"coupons": [["Coupon Id", "Resource Version"], ["x", 1]]}
    bucket.snapshot("coupons", day(1), coupons)
    assert "TRY_CAST(NULLIF(\"resource_version\", '') AS BIGINT)" in printed("redshift", "coupons")[-1]
    typed = Bucket(bucket.folder / "typed")
    typed.window("coupons", day(0), day(1), coupons, types={"resource_version": "int64"})
    found = read_manifests(str(typed.folder))
    view = list(statements(found.manifests, "redshift", Place("s3://b/", "chargebee")))[-1]
    assert 'CAST("resource_version" AS BIGINT)' in view and "TRY_CAST" not in view


def test_views_of_redshift_are_in_a_schema_that_takes_views_and_name_it(printed):
    """A view without schema binding must name the schema of all that it reads."""
    *_, view = printed("redshift")
    assert view.startswith('CREATE OR REPLACE VIEW "public"."invoices__line_items_latest"')
    assert 'JOIN "public"."invoices_latest"' in view and 'FROM "chargebee"."invoices__line_items"' in view
    assert view.endswith("WITH NO SCHEMA BINDING")


def test_snowflake_is_told_of_new_files_by_a_statement_that_is_printed(printed):
    table, comment, *_ = printed("snowflake", "coupons")
    assert table.startswith("CREATE OR REPLACE EXTERNAL TABLE chargebee.coupons (") and "AUTO_REFRESH = FALSE" in table
    assert comment.startswith("-- ") and comment.endswith("ALTER EXTERNAL TABLE chargebee.coupons REFRESH;")


def test_spark_is_told_of_new_files_by_a_statement_that_is_printed(printed):
    """A session keeps the list of a table's files, and would show no new window, without an error."""
    _, table, comment, *_ = printed("spark", "coupons")
    assert table.startswith("CREATE TABLE `chargebee`.`coupons` (")
    assert comment.startswith("-- ") and comment.endswith("after each export run: REFRESH TABLE `chargebee`.`coupons`;")


def test_redshift_gets_times_in_a_form_that_a_cast_recognizes(printed):
    """Its documentation has no format of TO_TIMESTAMP with letters in quotes, such as ``"T"``."""
    view = printed("redshift", "coupons")[-1]
    assert "AS TIMESTAMP)) AS BIGINT)" in view and "TO_TIMESTAMP" not in view


def test_redshift_needs_the_external_schema(bucket):
    found = read_manifests(str(bucket.folder))
    with pytest.raises(SettingsError, match="name yours with --schema"):
        list(statements(found.manifests, "redshift", Place("s3://b/")))


@pytest.mark.parametrize("dialect", ["athena", "spark", "snowflake", "redshift"])
def test_csv_is_refused_where_columns_go_by_position(tmp_path, dialect):
    made = Bucket(tmp_path)
    made.window("coupons", day(0), day(1), {"coupons": [["Coupon Id"], ["x"]]}, file_format="csv.gz")
    found = read_manifests(str(tmp_path))
    with pytest.raises(SettingsError, match="Set file_format='parquet' and export the windows again"):
        list(statements(found.manifests, dialect, Place("s3://b/", "chargebee")))


@pytest.mark.parametrize("dialect", ["athena", "redshift"])
def test_names_that_the_catalog_does_not_take_are_refused(tmp_path, dialect):
    made = Bucket(tmp_path)
    made.window("coupons", day(0), day(1), {"coupons": [["Coupon Id"], ["x"]]}, column_names="as_exported")
    found = read_manifests(str(tmp_path))
    with pytest.raises(
        SettingsError, match="takes no column called 'Coupon Id' .table coupons.. Set parquet_column_names"
    ):
        list(statements(found.manifests, dialect, Place("s3://b/", "chargebee")))


def test_a_dialect_or_table_that_does_not_exist_is_named(printed):
    with pytest.raises(SettingsError, match="Dialect 'athna' is not known .did you mean 'athena'"):
        printed("athna")
    with pytest.raises(SettingsError, match="No manifest has a table 'invoice' .did you mean 'invoices'"):
        printed("duckdb", "invoice")


def test_a_table_that_cannot_be_read_stops_no_other_one(bucket, printed):
    """The columns of another resource have two types."""
    customers = {"customers": [["Customer Id", "Net Term Days"], ["c1", 5]]}
    bucket.window("customers", day(0), day(1), customers)
    bucket.window("customers", day(1), day(2), customers, types={"net_term_days": "int32"})
    assert views(printed("athena", "invoices__line_items")) == ["invoices_latest", "invoices__line_items_latest"]
    for names in ((), ("customers",)):
        with pytest.raises(SettingsError, match="'net_term_days' of table customers is string in earlier files"):
            printed("athena", *names)


def test_one_table_in_two_folders_is_refused(bucket):
    other = {"coupons": [["Coupon Id"], ["x"]]}
    bucket.window("coupons", day(0), day(1), other, templates=KeyTemplates("another"))
    found = read_manifests(str(bucket.folder))
    with pytest.raises(SettingsError, match="Table coupons is in two folders"):
        list(statements(found.manifests, "duckdb", Place("s3://b/")))
