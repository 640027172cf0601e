"""Each benchmark's command can be started."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import benchmarks

COMMANDS = ["audit", "parse", "parts", "polling", "reading", "slots", "tasks", "upload"]


def test_each_command_is_in_the_list():
    folder = Path(benchmarks.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if 'if __name__ == "__main__"' in path.read_text()}
    assert modules == set(COMMANDS)
    assert all(f"{name}.py " in str(benchmarks.__doc__) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_finds_all_that_it_imports(name):
    assert importlib.import_module(f"benchmarks.{name}")
