"""A bundle for MWAA: what is in it, and that two of them are equal. ``make mwaa-check`` installs one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from pathlib import Path

import environment
import pytest
from mwaa import settings
from mwaa.plugins_zip import write_zip
from mwaa.target import CLASSES, Target, TargetError
from mwaa.wheels import PINS
from mwaa_bundle import assemble
from packaging.requirements import Requirement

from support.pages import section, table

WHEELS = (
    "airflow_chargebee_exports-0.1.0-py3-none-any.whl",
    "isal-1.9.1-cp312-cp312-manylinux2014_x86_64.whl",
    "chargebee-3.29.0-py3-none-any.whl",
)
TARGET = Target("3.3.1", "mwaa-bucket", "prod", "billing-exports")


def wheels(folder: Path) -> list[Path]:
    folder.mkdir()
    for name in WHEELS:
        (folder / name).write_bytes(name.encode())
    return [folder / name for name in WHEELS]


@pytest.fixture
def bundle(tmp_path) -> Path:
    assemble(TARGET, wheels(tmp_path / "wheels"), tmp_path / "bundle")
    return tmp_path / "bundle"


def test_plugins_zip_has_the_wheels_at_its_root_and_nothing_else(bundle):
    assert zipfile.ZipFile(bundle / "plugins.zip").namelist() == sorted(WHEELS)


def test_plugins_zip_has_the_same_bytes_whatever_the_order_and_the_times_of_the_files(tmp_path, bundle):
    again = wheels(tmp_path / "again")[::-1]
    for number, each in enumerate(again):
        os.utime(each, (10**9 + number, 10**9))
        each.chmod(0o600)
    write_zip(tmp_path / "again.zip", again)
    assert (tmp_path / "again.zip").read_bytes() == (bundle / "plugins.zip").read_bytes()


def test_requirements_need_no_index_and_pin_each_wheel(bundle):
    text = (bundle / "requirements.txt").read_text()
    assert text.splitlines() == [
        "--no-index",
        "--find-links /usr/local/airflow/plugins",
        "airflow-chargebee-exports==0.1.0",
        "chargebee==3.29.0",
        "isal==1.9.1",
    ]
    # MWAA then applies Airflow's own constraints. It looks for these words in comments too.
    assert "-c " not in text and "--constraint " not in text


def test_the_dag_files_are_those_of_the_project(bundle):
    for path in (environment.ROOT / "dags").glob("*.py"):
        assert (bundle / "dags" / path.name).read_bytes() == path.read_bytes()


def test_the_sums_are_of_every_file(bundle):
    lines = [line.split("  ") for line in (bundle / "SHA256SUMS").read_text().splitlines()]
    files = {str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert {name for _, name in lines} == files
    assert all(hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest for digest, name in lines)


def test_no_file_of_a_bundle_names_an_index_or_this_machine(bundle):
    for path in bundle.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"index-url" not in data
            assert str(environment.ROOT).encode() not in data


@pytest.mark.parametrize("size", CLASSES)
@pytest.mark.parametrize("version", ["2.10.3", "2.11.2", "3.0.6", "3.3.1"])
def test_airflow_2_limits_the_tasks_of_a_worker_that_would_fill_its_memory(version, size):
    options = settings.options(Target(version, "a-bucket", "prod", "billing-exports", environment_class=size))
    limits = {"mw1.small": "3,3", "mw1.medium": "6,6", "mw1.large": "12,12"} if version.startswith("2.") else {}
    assert options.get("celery.worker_autoscale") == limits.get(size)
    assert options["chargebee_export.bucket"] == "billing-exports"
    assert all(isinstance(each, str) for each in options.values()), "MWAA takes texts alone"


@pytest.mark.parametrize("prefix", ["chargebee", "/a/b/", ""])
def test_the_policies_are_for_the_bucket_and_the_prefix(prefix):
    target = Target("3.3.1", "mwaa-bucket", "prod", "billing-exports", prefix=prefix)
    for name in settings.POLICIES:
        text = settings.policy(name, target)
        json.loads(text)
        assert not re.search("EXPORT_BUCKET|PREFIX", text)
    objects = json.loads(settings.policy("execution-role.json", target))["Statement"][0]["Resource"]
    assert objects == "arn:PARTITION:s3:::billing-exports/" + "/".join([*filter(None, prefix.split("/")), "*"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"airflow_version": "2.9.2"}, "AIRFLOW_VERSION is '2.9.2': give one of 2.10.3"),
        ({"bucket": ""}, "BUCKET is ''"),
        ({"export_bucket": "s3://billing"}, "EXPORT_BUCKET is 's3://billing'"),
        ({"environment": "prod; rm"}, "ENVIRONMENT is 'prod; rm'"),
        ({"prefix": "a b"}, "EXPORT_PREFIX is 'a b'"),
        ({"environment_class": "small"}, "ENVIRONMENT_CLASS is 'small': give one of mw1.micro"),
    ],
)
def test_a_wrong_value_is_refused(change, message):
    given = {"airflow_version": "3.3.1", "bucket": "a-bucket", "environment": "prod", "export_bucket": "b-bucket"}
    with pytest.raises(TargetError, match=re.escape(message)):
        Target(**{**given, **change}).check()


def test_the_pins_are_allowed_by_the_requirements_and_not_those_of_mwaa():
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", PINS.read_text(encoding="utf-8"), re.MULTILINE))
    lines = [
        line.partition("#")[0].strip() for line in (environment.ROOT / "requirements.txt").read_text().splitlines()
    ]
    wanted = {each.name: each for each in map(Requirement, filter(None, lines))}
    assert all(wanted[name].specifier.contains(version) for name, version in pins.items())
    for version in environment.airflow_versions():
        for path in Target(version, "", "", "").constraints:
            limited = set(re.findall(r"^([\w-]+)==", path.read_text(encoding="utf-8"), re.MULTILINE))
            assert not limited & pins.keys(), f"{path} decides on the version"


def test_the_page_has_each_file_and_each_variable(bundle):
    page = section("docs/mwaa.md", "1. Make it")
    files = {name for row in table(page, "file") for name in re.findall(r"`([\w.-]+)/?`", row[0])}
    assert files == {path.name for path in bundle.iterdir()}
    makefile = (environment.ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile[makefile.index("\nmwaa-bundle:") :].split("\n\n")[0]
    variables = {name for row in table(page, "variable") for name in re.findall(r"`(\w+)`", row[0])}
    assert variables == set(re.findall(r"\$\((?:if \$\()?([A-Z_]+)\)", recipe)) - {"PYTHON"}


def test_the_page_has_what_is_set_in_each_class():
    rows = table(section("docs/mwaa.md", "Sizes"), "class")
    told = {row[0].strip("`"): row[-1].strip("`") for row in rows}
    assert told == {size: settings.AUTOSCALE.get(size, "no") for size in CLASSES}
