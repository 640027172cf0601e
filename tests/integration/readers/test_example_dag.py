"""The DAG of ``examples`` that makes views in Athena: its statements, from a real bucket, and its queries, sent to moto."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from support.pages import ROOT
from support.readable import BUCKET
from support.readers_python import in_readers
from support.tasks import context


@pytest.fixture
def example() -> Any:
    """The module of the DAG, which writes to the bucket of these tests."""
    spec = importlib.util.spec_from_file_location("chargebee_latest", ROOT / "examples" / "chargebee_latest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.BUCKET, module.PREFIX = BUCKET, "parquet"
    return module


def test_each_view_is_one_statement_of_athena(landed, aws, example, tmp_path):
    views = [example.view_of.function(table) for table in example.TABLES]
    names = [view.partition(" AS")[0] for view in views]
    assert names == [f'CREATE OR REPLACE VIEW "chargebee"."{table}_latest"' for table in example.TABLES]
    texts = [("athena", each) for each in [*views, example.REVENUE]]
    assert in_readers("parse_sql.py", texts, tmp_path) == [["Create"], ["Create"], ["Select"]]


def test_the_queries_are_sent_to_athena(moto, moto_client, monkeypatch, example):
    extra = {"endpoint_url": moto["AWS_ENDPOINT_URL"], "region_name": moto["AWS_DEFAULT_REGION"]}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
    operator = example.dag.get_task("revenue")
    query = operator.execute(context())
    sent = moto_client("athena").get_query_execution(QueryExecutionId=query)["QueryExecution"]
    assert sent["Query"] == example.REVENUE
    assert sent["QueryExecutionContext"]["Database"] == "chargebee"
