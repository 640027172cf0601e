"""The package's loggers: what a line is filled with can't forge another."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import chargebee_operators
from chargebee_operators.common.foreign_text import MOST_OF_A_LINE
from chargebee_operators.common.progress import ProgressLine
from chargebee_operators.common.task_log import task_log

PACKAGE = Path(chargebee_operators.__file__).parent
# The first makes the loggers, the second holds other libraries' back.
MAY_ASK_FOR_A_LOGGER = {"common/task_log.py", "common/redaction.py"}


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged, as a handler formats it."""
    found: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler, log = Keeping(), task_log("a.module")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield found
    log.removeHandler(handler)


def test_a_module_logs_below_airflow_task():
    assert task_log("a.module").name == "airflow.task.a.module"


@pytest.mark.parametrize(
    "value",
    [
        "id\nERROR - forged",
        "\x1b[2J",
        "\u2028x",
        "\u202ex",
        "\x9bx",
        ValueError("id\r\nforged"),
        {"a\n": "\x1b"},
        ["\n"],
    ],
    ids=ascii,
)
def test_a_value_can_not_forge_a_line(lines, value):
    task_log("a.module").info("Export %s: it", value)
    (line,) = lines
    assert line.startswith("Export ") and line.endswith(": it")
    assert line.isprintable()


def test_a_long_value_is_cut(lines):
    task_log("a.module").warning("Export %s: %s", "exp-1", "x" * 409_000)
    assert len(lines[0]) < MOST_OF_A_LINE + 20


def test_numbers_and_what_makes_itself_a_text_are_written_as_ever(lines):
    log = task_log("a.module")
    log.info("%.1f of %s, %d%%, %s, %s", 1.25, 10_000, 12, None, ProgressLine(5, 10, 1))
    log.info("nothing to fill in: 100%")
    log.debug("%s", "below the level")
    assert lines == ["1.2 of 10000, 12%, None, 5 B of 10 B (50%), 1 B/s, 5.0 s left", "nothing to fill in: 100%"]


def test_each_module_of_the_package_has_its_logger_from_there():
    asking = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("getLogger", "getChild")
    }
    assert asking <= MAY_ASK_FOR_A_LOGGER | {"links.py"}  # which quotes nothing
