"""The project's pages, and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "local").rglob("README.md")),
]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One code block of a page, as it is printed there."""

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.language}:{self.number}"


def name_of(page: Path) -> str:
    """Return a page's path within the project."""
    return str(page.relative_to(ROOT))


def blocks(*languages: str, page: str | None = None) -> list[Block]:
    """Return the code blocks of those languages; of all languages without one.

    :param page: the path of a page within the project; all pages without one.
    """
    return [
        Block(name_of(each), number, language, text)
        for each in PAGES
        if page in (None, name_of(each))
        for number, (language, text) in enumerate(_FENCE.findall(each.read_text(encoding="utf-8")))
        if not languages or language in languages
    ]


def block(language: str, containing: str, page: str) -> str:
    """Return the only code block of a page in that language with that text in it."""
    (found,) = (each.text for each in blocks(language, page=page) if containing in each.text)
    return found


def without_code(page: Path) -> str:
    """Return a page's text without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    return {_anchor(each) for each in _HEADING.findall(without_code(page))}


def _anchor(heading: str) -> str:
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text.replace("`", "")).replace(" ", "-")


def section(page: str, heading: str) -> str:
    """Return the text below a heading, up to the next one of its level or above."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"{page} has no heading {heading!r}"
    rest = text[found.end() :]
    after = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: after.start()] if after else rest


def table(text: str, first: str) -> list[list[str]]:
    """Return the cells of the table whose first column has that head.

    :param text: Markdown.
    """
    lines = text.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))])
    return rows
