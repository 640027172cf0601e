"""What README.md and docs/ say: their Python runs, their links lead somewhere, their commands exist."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from chargebee_operators._compat import DAG

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "local").rglob("README.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in FENCE.findall(page.read_text()) if language in languages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page):
    targets = LINK.findall(page.read_text())
    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python") and "local" not in page.parts])
def test_the_python_of_a_page_can_be_put_into_a_dag(page):
    for number, code in enumerate(blocks(page, "python")):
        prelude = (
            "from chargebee_operators import *\nfrom chargebee_operators import ExportDagSettings, ResourceSettings\n"
        )
        with DAG(f"page_{number}", schedule=None):
            exec(compile(prelude + code, f"{page.name}:{number}", "exec"), {})


def test_each_make_target_that_a_page_names_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for page in PAGES for name in re.findall(r"\bmake ([a-z][a-z0-9-]+)", "\n".join(blocks(page, "bash")))
    }
    assert named
    assert named <= targets


def test_the_whole_benchmark_is_what_make_runs():
    # Whatever make the tests were started by, and its own arguments.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
    told = subprocess.check_output(["make", "-n", "benchmark"], cwd=ROOT, env=kept, text=True)
    assert re.search(r"upload\.py --sizes 100MB:3,1GB:3,5GB:1 --paced 1GB:3 --write-docs$", told.strip())


def test_each_option_of_the_settings_is_in_the_readme():
    from dataclasses import fields

    from chargebee_operators import ExportDagSettings, ResourceSettings

    text = (ROOT / "README.md").read_text()
    missing = [
        each.name for kind in (ExportDagSettings, ResourceSettings) for each in fields(kind) if each.name not in text
    ]
    assert not missing


def test_the_spellings_of_the_window_s_column_are_found():
    from chargebee_operators.chargebee.resources import get_resource
    from chargebee_operators.checks.clock_column import Clock, find_clock

    page = (ROOT / "docs" / "checks.md").read_text()
    (own,) = re.findall(r"^\| (`customer\[.*?) \|", page, re.MULTILINE)
    (bare,) = re.findall(r"^\| (`updated_at`.*?) \|", page, re.MULTILINE)

    def is_found(column: str, *others: str, member: str = "data.csv") -> bool:
        return isinstance(find_clock([*others, column], member, get_resource("customers"), "updated_at"), Clock)

    for column in re.findall(r"`(.+?)`", own):
        assert is_found(column, "Customer Id") and is_found(column, "Id") and not is_found(column, "Name")
    for column in re.findall(r"`(.+?)`", bare):
        assert is_found(column, "Id") and not is_found(column, "Id", "Customer Id")
        assert is_found(column, member="Customers.csv") and not is_found(column, "Id", member="invoices.csv")
