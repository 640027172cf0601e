"""Pages that a benchmark writes have the words of the benchmark, so that its next run changes figures alone."""

from __future__ import annotations

import ast
from string import Formatter

import pytest

from support.pages import ROOT


def template(script: str) -> str:
    """Return the page's template, without importing what the benchmark needs."""
    for node in ast.parse((ROOT / script).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("PAGE", "_PAGE"):
            return ast.literal_eval(node.value)
    raise AssertionError(f"{script} has no page")


@pytest.mark.parametrize(
    ("script", "page"),
    [
        ("benchmarks/uploading/page.py", "docs/performance.md"),
        ("benchmarks/simulation/report.py", "docs/fairness.md"),
    ],
)
def test_a_page_has_the_words_of_its_benchmark(script, page):
    text, at = (ROOT / page).read_text(encoding="utf-8"), 0
    for words, *_ in Formatter().parse(template(script)):
        found = text.find(words, at)
        assert found >= 0, f"{page} lacks, or has in another order: {words!r}"
        at = found + len(words)
    assert text.endswith(words.rstrip()) or text.rstrip().endswith(words.rstrip() or "|")
