"""The pages: their links and anchors lead somewhere, the index is complete, and checks.md's spellings are found."""

from __future__ import annotations

import re

import pytest

from support.pages import PAGES, ROOT, anchors, blocks, name_of, without_code

LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)")
# By test_code.py; SQL by tests/integration/readers/test_sql.py; "" is a picture made of letters.
CHECKED = {"python", "bash", "ini", "sql", ""}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_leads_somewhere(page):
    missing = []
    for target, anchor in LINK.findall(without_code(page)):
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            missing.append(f"{target}#{anchor}")
    assert not missing


def test_the_index_names_every_page_of_docs():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {each.name for each in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert not {each for each in pages if f"]({each})" not in index}


def test_each_code_block_is_in_a_language_that_a_test_checks():
    assert not [str(each) for each in blocks() if each.language not in CHECKED]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 800


def test_the_spellings_of_the_window_s_column_are_found():
    from chargebee_operators.chargebee.resources import get_resource
    from chargebee_operators.checks.clock_column import Clock, find_clock

    page = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    (own,) = re.findall(r"^\| (`customer\[.*?) \|", page, re.MULTILINE)
    (bare,) = re.findall(r"^\| (`updated_at`.*?) \|", page, re.MULTILINE)

    def is_found(column: str, *others: str, member: str = "data.csv") -> bool:
        return isinstance(find_clock([*others, column], member, get_resource("customers"), "updated_at"), Clock)

    for column in re.findall(r"`(.+?)`", own):
        assert is_found(column, "Customer Id") and is_found(column, "Id") and not is_found(column, "Name")
    for column in re.findall(r"`(.+?)`", bare):
        assert is_found(column, "Id") and not is_found(column, "Id", "Customer Id")
        assert is_found(column, member="Customers.csv") and not is_found(column, "Id", member="invoices.csv")
