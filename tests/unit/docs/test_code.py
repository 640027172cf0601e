"""Every code block of every page, as it is printed: DAG files parse, settings make DAGs, commands and options exist."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import dropwhile
from pathlib import Path
from typing import Any

import airflow
import pytest

from support.pages import ROOT, Block, block, blocks

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 2 and 3.0
    from airflow.models.dagbag import DagBag

# What a block needs that a unit test has not: these run in tests/integration/test_docs.py, readers in tests/integration/readers.
SERVERS = re.compile(r"^\s*(import (boto3|duckdb|polars)|from (chargebee_simulator|pyarrow|pyspark))", re.MULTILINE)
BUILDS_A_DAG = re.compile(r"^with DAG\(|^@dag|= chargebee_(?:audit|export)_dag\(", re.MULTILINE)
COMMANDS: dict[str, Callable[[list[str]], Any]] = {}


def python(of_dags: bool) -> list[Block]:
    found = [each for each in blocks("python") if not SERVERS.search(each.text)]
    return [each for each in found if bool(BUILDS_A_DAG.search(each.text)) is of_dags]


@pytest.mark.parametrize("each", python(of_dags=True), ids=str)
def test_a_dag_file_is_found_and_parsed(each, tmp_path):
    path = tmp_path / "a_dag.py"
    path.write_text(each.text, encoding="utf-8")
    bag = DagBag(str(path))
    assert not bag.import_errors
    assert bag.dags, "Airflow takes it for a file without DAGs"


@pytest.mark.parametrize("each", python(of_dags=False), ids=str)
def test_settings_make_a_dag(each):
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    names: dict[str, Any] = {}
    exec(compile(each.text, str(each), "exec"), names)
    made = [chargebee_export_dag(value) for value in names.values() if isinstance(value, ExportDagSettings)]
    assert made


@pytest.mark.parametrize("each", blocks("ini"), ids=str)
def test_airflow_knows_each_option(each):
    from airflow.configuration import conf

    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(each.text)
    # Airflow 2 has some of the options of [api] in [webserver]; the page says so.
    homes = {"api": ("api", "webserver")}
    for section in parser.sections():
        for option in parser.options(section):
            assert any(conf.has_option(home, option) for home in homes.get(section, (section,))), (
                f"[{section}] {option}"
            )


def commands(text: str) -> list[list[str]]:
    """Return the words of each command of a block."""
    # What is inside NAME=$(...) is a command of its own.
    lines = [re.sub(r"^[A-Z_]+=\$\((.*)\)$", r"\1", line) for line in text.replace("\\\n", " ").splitlines()]
    found = [shlex.split(line, comments=True) for line in lines]
    return [list(dropwhile(lambda word: re.match(r"[A-Z_]+=", word), words)) for words in found if words]


def of_this_airflow(each: Block) -> bool:
    """Return whether a block is for the Airflow of this environment: its first line may name the major version."""
    named = re.match(r"# Airflow (\d)$", each.text, re.MULTILINE)
    return named is None or named[1] == airflow.__version__.split(".")[0]


@pytest.mark.parametrize("each", [each for each in blocks("bash") if of_this_airflow(each)], ids=str)
def test_each_command_exists_and_takes_these_arguments(each):
    subprocess.run(["bash", "-n"], input=each.text, text=True, check=True)
    for words in commands(each.text):
        # The project's own environment, whichever Airflow it has.
        name = "python" if re.fullmatch(r"\.venv/airflow-[\d.]+/bin/python", words[0]) else words[0]
        COMMANDS[name](words[1:])


def command(name: str) -> Callable[[Callable[[list[str]], Any]], Callable[[list[str]], Any]]:
    def keep(check: Callable[[list[str]], Any]) -> Callable[[list[str]], Any]:
        COMMANDS[name] = check
        return check

    return keep


@command("make")
def _make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, is_variable, _ = word.partition("=")
        assert re.search(rf"\$[({{].*\b{name}\b" if is_variable else rf"^{name}:", makefile, re.MULTILINE), word


@command("python")
def _python(words: list[str]) -> None:
    script, *options = words
    if script == "query.py":  # which the tutorial tells to save; tests/integration/test_docs.py runs it
        return
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT / "local")])}
    what = ["-m", options.pop(0)] if script == "-m" else [str(ROOT / script)]
    shown = subprocess.run(
        [sys.executable, *what, "--help"], env=env, capture_output=True, text=True, check=True
    ).stdout
    for option in options:
        assert not option.startswith("--") or option in shown, option


@command("airflow")
def _airflow(words: list[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(words)


@command("aws")
def _aws(words: list[str]) -> None:
    from botocore import xform_name
    from botocore.session import Session

    service, operation, *arguments = words
    if (service, operation) == ("s3", "cp"):  # of the command line alone, and not of the API
        source, target = arguments
        assert source.startswith("s3://") and not target.startswith("s3://")
        return
    model = Session().get_service_model(service)
    (found,) = (each for each in model.operation_names if xform_name(each, "-") == operation)
    known = {f"--{xform_name(each, '-')}" for each in model.operation_model(found).input_shape.members}
    assert {each for each in arguments if each.startswith("--")} <= known | {"--query", "--output"}


@command("export")
def _export(words: list[str]) -> None:
    names = [each.partition("=")[0] for each in words]
    assert all(re.fullmatch(r"AIRFLOW_CONN_[A-Z_]+|AIRFLOW__[A-Z_]+__[A-Z_]+", each) for each in names)


@command("docker")
def _docker(words: list[str]) -> None:
    assert words in (["compose", "up", "--build"], ["compose", "down", "--volumes"])
    assert (ROOT / "docker-compose.yaml").exists()


@command("cd")
def _cd(words: list[str]) -> None:
    assert (ROOT / words[0]).is_dir()


@command("dist/mwaa-3.3.1/deploy.sh")
def _deploy(words: list[str]) -> None:
    script = ROOT / "deploy" / "mwaa" / "deploy.sh"
    shown = subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(each in shown for each in words if each.startswith("--"))


@command("curl")
@command("find")
@command("printf")
def _run_elsewhere(words: list[str]) -> None:
    assert words  # tests/integration/test_docs.py runs the block that holds it


@command("zip")
def _zip(words: list[str]) -> None:
    assert words  # the block that holds it is run as a whole below


def test_the_plugins_zip_has_what_airflow_needs(tmp_path):
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    (tmp_path / "plugins" / "__pycache__").mkdir(exist_ok=True)
    (tmp_path / "plugins" / "__pycache__" / "x.pyc").touch()
    subprocess.run(["bash", "-ec", block("bash", "plugins.zip", "docs/deploy.md")], cwd=tmp_path, check=True)
    names = set(zipfile.ZipFile(tmp_path / "plugins.zip").namelist())
    assert {".airflowignore", "chargebee_plugin.py", "chargebee_operators/__init__.py"} <= names
    assert not [each for each in names if "__pycache__" in each]
    package = {str(each.relative_to(ROOT / "plugins")) for each in (ROOT / "plugins").rglob("*.*") if each.is_file()}
    assert {each for each in package if "__pycache__" not in each} <= names


def test_the_whole_benchmark_is_what_make_runs():
    # Whatever make the tests were started by, and its own arguments.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
    shown = subprocess.check_output(["make", "-n", "benchmark"], cwd=ROOT, env=kept, text=True)
    assert re.search(r"upload\.py --sizes 100MB:3,1GB:3,5GB:1 --paced 1GB:3 --write-docs$", shown.strip())


def test_paths_that_a_page_names_in_text_exist():
    quoted = re.compile(r"`((?:dags|docs|plugins|local|tests|benchmarks|constraints)/[\w./-]*)`")
    pages = list(ROOT.glob("*.md")) + list((ROOT / "docs").glob("*.md"))
    named = {(each.name, path) for each in pages for path in quoted.findall(each.read_text(encoding="utf-8"))}
    assert named
    assert not [(page, path) for page, path in named if not (ROOT / path).exists()]


def test_the_helper_of_these_tests_sees_the_pages_blocks():
    assert {"README.md", "docs/deploy.md", "docs/reference.md"} <= {each.page for each in blocks()}
    assert isinstance(ROOT, Path)
