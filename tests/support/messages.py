"""The sentences of the errors that the package raises, as its code has them."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HOLE = "…"  # what stands in a sentence for a value
# Airflow's own, and what a trigger's event carries to the task that raises it.
_OTHERS = {"AirflowException", "AirflowFailException", "AirflowSensorTimeout", "SystemExit"}
_EVENT = "outcome_event"


@dataclass(frozen=True)
class Message:
    """One sentence of an error.

    :param text: the sentence, with ``…`` for each value.
    :param place: file and line.
    """

    text: str
    place: str

    @property
    def is_told(self) -> bool:
        """Whether the sentence begins with words of its own, and not with those of another sentence."""
        own = self.text.replace("Export", "")
        return len(re.findall(r"[A-Za-z]", own)) >= 3 and not re.match(f"{HOLE} [A-Z]", self.text)


def messages(package: Path) -> list[Message]:
    """Return the sentence of each error that the package makes.

    :param package: its folder.
    """
    trees = _trees(package)
    errors = _error_classes(trees.values()) | _OTHERS
    return [
        Message(text, f"{path.relative_to(package)}:{line}")
        for path, tree in trees.items()
        for line, text in _sentences(tree, errors)
    ]


def literals(package: Path) -> set[str]:
    """Return every text in the package's code: some errors are put together from several."""
    nodes = (node for tree in _trees(package).values() for node in ast.walk(tree))
    return {_text(node) for node in nodes if isinstance(node, ast.Constant | ast.JoinedStr)}


@functools.cache
def _trees(package: Path) -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}


def _error_classes(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names of the classes below ``ChargebeeExportError``."""
    bases = {
        each.name: {_name(base) for base in each.bases}
        for tree in trees
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef)
    }
    found = {"ChargebeeExportError"}
    while more := {name for name, its in bases.items() if its & found} - found:
        found |= more
    return found


def _sentences(tree: ast.Module, errors: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if _name(node.func) in errors and node.args:
            yield node.lineno, _text(node.args[0])
        if _name(node.func) == _EVENT:
            yield from ((node.lineno, _text(each.value)) for each in node.keywords if each.arg == "message")


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    """Return a text with a hole for each part that only a run knows."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(_text(each) if isinstance(each, ast.Constant) else HOLE for each in node.values)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        text = _text(node.left) + _text(node.right)
    else:
        text = HOLE
    return re.sub(f"{HOLE}+", HOLE, text)
