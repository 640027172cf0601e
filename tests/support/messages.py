"""The sentences of the errors that the package raises, as its code has them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOLE = "…"  # what stands in a sentence for a value


@dataclass(frozen=True)
class Message:
    """One sentence of an error.

    :param error: the class that is raised.
    :param text: the sentence, with ``…`` for each value.
    :param place: file and line.
    """

    error: str
    text: str
    place: str


def raised(package: Path, errors: set[str]) -> Iterator[Message]:
    """Yield the sentence of each error that the package makes.

    :param package: its folder.
    :param errors: names of classes.
    """
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in errors and node.args:
                place = f"{path.relative_to(package)}:{node.lineno}"
                yield Message(_name(node.func), _text(node.args[0]), place)


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
    elif isinstance(node, ast.IfExp):
        text = f"{_text(node.body)}|{_text(node.orelse)}"
    else:
        text = HOLE
    return re.sub(f"{HOLE}+", HOLE, text)
