"""``python -m chargebee_operators.sql``: its arguments, what it prints, and what it says when it can't."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from chargebee_operators.sql.__main__ import main
from support.pages import ROOT
from support.written_tables import Bucket, day


@pytest.fixture
def bucket(tmp_path) -> Bucket:
    made = Bucket(tmp_path)
    made.window("customers", day(0), day(1), {"customers": [["Customer Id", "Email"], ["c1", "old"], ["c2", "x"]]})
    made.window("customers", day(1), day(2), {"customers": [["Customer Id", "Email"], ["c1", "new"]]})
    return made


def test_what_it_prints_can_be_run_as_it_is(bucket):
    command = [sys.executable, "-m", "chargebee_operators.sql", str(bucket.folder), "--dialect", "duckdb"]
    printed = subprocess.run(command, cwd=ROOT / "plugins", capture_output=True, text=True, check=True).stdout
    with duckdb.connect() as database:
        database.execute(printed)
        rows = database.execute("SELECT customer_id, email FROM customers_latest ORDER BY 1").fetchall()
    assert rows == [("c1", "new"), ("c2", "x")]


def test_a_prefix_of_the_copy_will_do(bucket, capsys):
    """The keys in the manifests begin at the bucket."""
    assert main([str(bucket.folder / "chargebee"), "--dialect", "duckdb"]) == 0
    assert f"'{bucket.folder}/chargebee/windows/customers/**/*.parquet'" in capsys.readouterr().out


def test_the_schema_and_the_address_can_be_given(bucket, capsys):
    arguments = ["--dialect", "athena", "--schema", "lake", "--files", "s3://my-bucket"]
    assert main([str(bucket.folder), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "CREATE EXTERNAL TABLE `lake`.`customers`" in printed
    assert "LOCATION 's3://my-bucket/chargebee/windows/customers/'" in printed
    assert 'CREATE OR REPLACE VIEW "lake"."customers_latest"' in printed


def test_only_views_need_no_address_of_files(bucket, capsys):
    assert main([str(bucket.folder), "--dialect", "athena", "--views-only"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith('CREATE OR REPLACE VIEW "customers_latest"') and "TABLE" not in printed


def test_a_python_without_boto3_is_said(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert main(["s3://my-bucket/chargebee", "--dialect", "athena"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "s3://my-bucket/chargebee can't be read, because this Python has no boto3: take one that has it"
    )


def test_a_profile_that_does_not_exist_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert main(["s3://my-bucket/chargebee", "--dialect", "athena"]) == 1
    assert capsys.readouterr().err.startswith("s3://my-bucket/chargebee can't be read (ProfileNotFound).")


@pytest.mark.parametrize("dialect", ["athena", "redshift"])
def test_athena_and_redshift_need_the_files_in_s3(bucket, capsys, dialect):
    assert main([str(bucket.folder), "--dialect", dialect, "--schema", "lake"]) == 2
    assert "give the bucket of the files, --files s3://my-bucket/" in capsys.readouterr().err


def test_snowflake_reads_a_stage(bucket, capsys):
    assert main([str(bucket.folder), "--dialect", "snowflake"]) == 0
    assert "LOCATION = @chargebee/chargebee/windows/customers/" in capsys.readouterr().out
    assert main([str(bucket.folder), "--dialect", "snowflake", "--files", "@mine/"]) == 0
    assert "LOCATION = @mine/chargebee/windows/customers/" in capsys.readouterr().out


def test_what_is_wrong_is_one_sentence(bucket, tmp_path, capsys):
    assert main([str(tmp_path / "nothing"), "--dialect", "duckdb"]) == 1
    assert capsys.readouterr().err.startswith("No manifest was found below")
    assert main([str(bucket.folder), "--dialect", "duckdb", "--table", "customer"]) == 1
    assert "did you mean 'customers'?" in capsys.readouterr().err


def test_exports_without_a_file_for_a_table_are_an_error(tmp_path, capsys):
    """Nothing at all would be printed."""
    made = Bucket(tmp_path)
    made.window("customers", day(0), day(1), {})
    assert main([str(tmp_path), "--dialect", "duckdb"]) == 1
    assert capsys.readouterr().err.startswith("No file for a table is in the 1 manifest below ")


def test_nothing_is_printed_before_an_error(bucket, capsys):
    """A database that reads a pipe would run what comes before it."""
    snapshot = {"customers": [["Customer Id", "Email"], ["c1", 5]]}
    bucket.snapshot("customers", day(2), snapshot, types={"email": "int64"})
    assert main([str(bucket.folder), "--dialect", "duckdb"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "'email' of customers is" in printed.err


def test_a_copy_without_the_files_is_refused(bucket, capsys):
    for path in bucket.folder.rglob("*.parquet"):
        path.unlink()
    assert main([str(bucket.folder), "--dialect", "duckdb"]) == 1
    assert "has no file" in capsys.readouterr().err
