"""The missing action that an error names, and the policies of deploy/iam that have the same actions."""

from __future__ import annotations

import json
import re

import pytest

from chargebee_operators.s3.rights import ACTIONS, missing_right
from chargebee_operators.s3.upload_args import EXTRA_ARGS
from support.iam import FOLDER, actions, statements
from support.pages import ROOT, section, table


@pytest.mark.parametrize("operation", ACTIONS)
def test_each_call_names_one_action_and_where_it_is_needed(operation):
    told = missing_right(operation, "billing", {})
    assert re.match(r"s3:\w+ on (the objects below the prefix|bucket billing)", told)


@pytest.mark.parametrize(
    ("argument", "action"),
    [
        ("Tagging", "s3:PutObjectTagging"),
        ("ACL", "s3:PutObjectAcl"),
        ("GrantRead", "s3:PutObjectAcl"),
        ("ObjectLockMode", "s3:PutObjectRetention"),
        ("ObjectLockLegalHoldStatus", "s3:PutObjectLegalHold"),
    ],
)
def test_an_argument_with_an_action_of_its_own_adds_it(argument, action):
    assert argument in EXTRA_ARGS
    assert f"s3:PutObject and {action} on" in missing_right("create_multipart_upload", "billing", {argument: "x"})
    assert action not in missing_right("upload_part", "billing", {argument: "x"})


def test_an_action_that_s3_names_is_taken_from_its_answer_and_nothing_else_is():
    answer = (
        "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: kms:GenerateDataKey on resource"
    )
    told = missing_right("put_object", "billing", {}, f"{answer}: arn:aws:kms:x because of an explicit deny")
    assert told == "kms:GenerateDataKey, which S3 names. A policy denies it explicitly"


@pytest.mark.parametrize(
    "answer", ["Access Denied", "User: x is not authorized to perform: s3:PutObject on resource: y"]
)
def test_an_upload_with_a_customer_key_may_be_refused_by_the_bucket_itself(answer):
    told = missing_right("create_multipart_upload", "billing", {"SSECustomerKey": "secret-of-ours"}, answer)
    assert told.startswith("s3:PutObject") and "S3 blocks SSE-C in new buckets" in told
    assert "secret-of-ours" not in told
    assert "SSE-C" not in missing_right("create_multipart_upload", "billing", {}, answer)
    assert "SSE-C" not in missing_right("get_object", "billing", {"SSECustomerKey": "secret-of-ours"}, answer)


def test_each_call_of_the_package_has_its_action():
    package = ROOT / "plugins" / "chargebee_operators"
    others = ("glue",)  # another service, whose calls have actions of their own
    modules = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in others]
    text = "".join(path.read_text(encoding="utf-8") for path in modules)
    called = set(re.findall(r"""_(?:call|pages)\(\s*"(\w+)\"""", text))
    assert called == ACTIONS.keys() - {"head_bucket"}, "which s3/connection.py calls by itself"


def test_the_policy_allows_the_actions_that_the_errors_name():
    assert set(ACTIONS.values()) == actions(statements()[:2])


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.json")), ids=lambda path: path.name)
def test_each_action_of_a_policy_has_its_reason_on_the_page(path):
    rows = table(section("docs/deploy.md", "The AWS connection"), "action")
    told = {action for row in rows for action in re.findall(r"`(\w+:\w+)`", row[0])}
    allowed = [each for each in json.loads(path.read_text()).get("Statement", []) if each["Effect"] == "Allow"]
    assert actions(allowed) <= told


def test_each_action_on_the_page_is_in_a_policy():
    rows = table(section("docs/deploy.md", "The AWS connection"), "action")
    told = {action for row in rows for action in re.findall(r"`(\w+:\w+)`", row[0])}
    found = [each for path in FOLDER.rglob("*.json") for each in json.loads(path.read_text()).get("Statement", [])]
    assert told == actions([each for each in found if each["Effect"] == "Allow"])


def test_the_page_names_every_file():
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert not [path for path in FOLDER.rglob("*.json") if f"deploy/iam/{path.relative_to(FOLDER)}" not in page]
