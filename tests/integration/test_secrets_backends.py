"""The connection, stored as docs/deploy.md says: the test takes settings, commands and JSON out of its text."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
from typing import Any

import stack
from chargebee_operators import ChargebeeHook
from support.iam import actions, statements
from support.pages import block
from support.s3_proxy import S3Proxy, s3_proxy

PAGE = "docs/deploy.md"
# Looks connections up from a worker's side and from the triggerer's, and prints what they say; null for one not found.
LOOK_UP = """
import asyncio, json, sys
from chargebee_operators import ChargebeeHook
from chargebee_operators._compat import aget_connection

def look_up(conn_id):
    try:
        found, triggerers = ChargebeeHook(conn_id).settings, asyncio.run(aget_connection(conn_id, lambda found: found))
    except Exception as error:
        print(conn_id, error, file=sys.stderr)
        return None
    return [found.site, found.api_key, found.base_url, triggerers.login, triggerers.password]

print(json.dumps([look_up(conn_id) for conn_id in sys.argv[1:]]))
"""


def secrets_settings() -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(block("ini", "[secrets]", PAGE))
    return dict(parser["secrets"])


def for_secrets_manager() -> tuple[str, str]:
    """Return the backend and the prefix that the page gives in a sentence."""
    text = (stack.ROOT / PAGE).read_text(encoding="utf-8")
    found = re.search(r"\*\*In Secrets Manager\*\*: the backend is `([\w.]+)`, and the\s+prefix is `([\w/]+)`", text)
    return found[1], found[2]


def put_parameter() -> dict[str, str]:
    """Return the arguments of the page's ``aws ssm put-parameter``."""
    words = shlex.split(block("bash", "aws ssm put-parameter", PAGE).replace("\\\n", " "))
    return dict(zip(words[3::2], words[4::2], strict=True))


def looked_up(*conn_ids: str, errors: list[str] | None = None, **environment: str) -> list[Any]:
    """Look connections up in an Airflow of its own.

    :param errors: is given what it wrote to stderr.
    """
    path = {"PYTHONPATH": str(stack.ROOT / "plugins")}
    command = [sys.executable, "-W", "ignore", "-c", LOOK_UP, *conn_ids]
    done = subprocess.run(
        command, env={**os.environ, **path, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    if errors is not None:
        errors.append(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def actions_of(between: S3Proxy, service: str) -> set[str]:
    """Return the actions of the calls to a service, by the header in which AWS's JSON protocol names the call."""
    return {f"{service}:{call.headers['x-amz-target'].rpartition('.')[2]}" for call in between.calls}


def as_read_from(stored: str) -> list[str]:
    values = json.loads(stored)
    site, key = values["login"], values["password"]
    return [site, key, f"https://{site}.chargebee.com/api/v2", site, key]


def test_ssm_parameter_store(moto, moto_client):
    stored, options = put_parameter(), secrets_settings()
    store, another = moto_client("ssm"), stored["--name"].replace("chargebee_default", "another")
    store.put_parameter(Name=stored["--name"], Value=stored["--value"], Type=stored["--type"])
    # It is stored there too, but must not be found: the lookup pattern matches chargebee_ only.
    store.put_parameter(Name=another, Value=stored["--value"], Type=stored["--type"])
    settings = {
        "AIRFLOW__SECRETS__BACKEND": options["backend"],
        "AIRFLOW__SECRETS__BACKEND_KWARGS": options["backend_kwargs"],
    }
    with s3_proxy(stack.S3Server(moto["AWS_ENDPOINT_URL"])) as between:
        through = {**moto, "AWS_ENDPOINT_URL": between.url, **settings}
        assert looked_up("chargebee_default", "another", **through) == [as_read_from(stored["--value"]), None]
        assert actions_of(between, "ssm") == actions(statements()[2:])
        between.rule("Bucket", status=403, times=None)  # as without the right
        errors: list[str] = []
        assert looked_up("chargebee_default", errors=errors, **through) == [None]
        assert "Connection 'chargebee_default' does not exist" in errors[0]
        assert "the right to read it: ssm:GetParameter" in errors[0]
    assert stored["--type"] == "SecureString"


def test_secrets_manager(moto, moto_client):
    stored, (backend, prefix) = put_parameter()["--value"], for_secrets_manager()
    for name in ("chargebee_default", "another"):
        moto_client("secretsmanager").create_secret(Name=f"{prefix}/{name}", SecretString=stored)
    kwargs = {**json.loads(secrets_settings()["backend_kwargs"]), "connections_prefix": prefix}
    settings = {"AIRFLOW__SECRETS__BACKEND": backend, "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(kwargs)}
    with s3_proxy(stack.S3Server(moto["AWS_ENDPOINT_URL"])) as between:
        found = looked_up("chargebee_default", "another", **{**moto, "AWS_ENDPOINT_URL": between.url, **settings})
        assert actions_of(between, "secretsmanager") == actions(statements("optional/secrets-manager.json"))
    assert found == [as_read_from(stored), None]


def test_the_environment(monkeypatch):
    name, _, stored = shlex.split(block("bash", "AIRFLOW_CONN_CHARGEBEE_DEFAULT", PAGE))[1].partition("=")
    monkeypatch.setenv(name, stored)
    found = ChargebeeHook().settings
    assert [found.site, found.api_key, found.base_url] == as_read_from(stored)[:3]
