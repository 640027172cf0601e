"""ARCHITECTURE.md has the layers that the linter enforces, and names every package."""

from __future__ import annotations

import re
import tomllib

from support.pages import ROOT, section, table


def test_the_table_of_layers_is_that_of_the_linter():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (each["layers"] for each in contracts if each["type"] == "layers")
    enforced = [{name.strip() for name in layer.split("|")} for layer in layers]
    rows = table(section("ARCHITECTURE.md", "Rules"), "layer")
    assert [set(re.findall(r"`(\w+)`", row[0])) for row in rows] == enforced


def test_each_module_and_package_of_the_root_is_in_the_table():
    package = ROOT / "plugins" / "chargebee_operators"
    names = {each.stem for each in package.iterdir() if each.suffix == ".py" or (each / "__init__.py").exists()}
    rows = table(section("ARCHITECTURE.md", "Rules"), "layer")
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row[0])} == names - {"__init__"}
