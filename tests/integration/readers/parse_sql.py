"""Parses SQL in the readers' own Python: takes a list of dialects and texts, and prints what each text is, as JSON.

The answer is a list for each text: the kind of each statement. ``Command`` is one that the parser does not know.
"""

from __future__ import annotations

import json
import logging
import sys

import sqlglot

logging.getLogger("sqlglot").setLevel(logging.ERROR)


def kinds(dialect: str, text: str) -> list[str]:
    try:
        return [type(each).__name__ for each in sqlglot.parse(text, dialect=dialect) if each]
    except sqlglot.ParseError as error:
        return [f"ParseError: {error}"]


print(json.dumps([kinds(*each) for each in json.load(sys.stdin)]))
