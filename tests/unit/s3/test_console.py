"""Addresses in the AWS console: for AWS alone, in its region and its partition."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.s3.console import console_url, is_aws, partition_url

AWS = "https://s3.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:8333",
        "https://minio.example.com",
        "https://amazonaws.com.evil.example",
        "https://xamazonaws.com",
        "",
    ],
)
def test_another_server_than_aws_has_no_console(endpoint):
    assert not is_aws(endpoint)
    assert console_url(endpoint, "aws", "eu-central-1", "mine", folder="a/") == ""


@pytest.mark.parametrize(
    "endpoint",
    [
        AWS,
        "https://mine.s3.amazonaws.com",
        "https://bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com",
        "https://s3.dualstack.us-west-2.amazonaws.com",
        "https://s3-fips.us-gov-west-1.amazonaws.com",
        "https://s3.cn-north-1.amazonaws.com.cn",
    ],
)
def test_aws_has_many_endpoints(endpoint):
    assert is_aws(endpoint)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "console.aws.amazon.com"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
        ("cn-north-1", "console.amazonaws.cn"),
    ],
)
def test_the_console_is_that_of_the_region_s_partition(region, host):
    session = Session()
    session.set_credentials("key", "secret")
    client = session.create_client("s3", region_name=region)
    landed = {"bucket": "mine", "resource": "customers", "tables": {"customers": {"prefix": "c/customers/a=1/"}}}
    address = partition_url(client, region, landed)
    assert address == f"https://{host}/s3/buckets/mine?region={region}&prefix=c/customers/a%3D1/"


@pytest.mark.parametrize(
    ("tables", "address"),
    [
        ({"customers__a": "c/a/", "customers": "c/own/"}, "buckets/mine?region=r&prefix=c/own/"),
        ({"customers": None, "customers__a": "c/a/"}, "buckets/mine?region=r&prefix=c/a/"),
        ({"customers": ""}, "buckets/mine?region=r&prefix="),
        ({"customers": None}, "object/mine?region=r&prefix=c/m.json"),
        ({}, "object/mine?region=r&prefix=c/m.json"),
    ],
)
def test_the_address_leads_to_what_there_is(tables, address):
    client = SimpleNamespace(meta=SimpleNamespace(endpoint_url=AWS, partition="aws"))
    landed: dict[str, Any] = {"bucket": "mine", "resource": "customers", "manifest_key": "c/m.json"}
    landed["tables"] = {name: {"prefix": prefix} for name, prefix in tables.items()}
    assert partition_url(client, "r", landed) == f"https://console.aws.amazon.com/s3/{address}"


@given(st.text(), st.text())
def test_any_bucket_and_prefix_come_back_out_of_the_address(bucket, prefix):
    url = urlsplit(console_url(AWS, "aws", None, bucket, folder=prefix))
    assert (url.netloc, unquote(url.path)) == ("console.aws.amazon.com", f"/s3/buckets/{bucket}")
    assert parse_qs(url.query, keep_blank_values=True) == {"prefix": [prefix]}
