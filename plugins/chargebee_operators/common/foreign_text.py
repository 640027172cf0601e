"""Text that came from outside, made fit for a log line, an error or a manifest's warning. Pure.

Column names, names of files, ids and messages of servers may hold anything: a line break would begin a line of its own in
the log, an escape sequence would rewrite a terminal, and 20,000 names would fill a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

# Characters that one text may have in a line, and that a whole line may have.
MOST, MOST_OF_A_LINE = 200, 4000
# Names that one line lists.
MOST_NAMES = 20

# Control characters, the line and paragraph separators, marks that turn the direction of writing, and half characters,
# which no log file can hold.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text of the same length, with ``\N{REPLACEMENT CHARACTER}`` for each character that is unfit for a line."""
    return _UNFIT.sub("\ufffd", text)


def clean(value: object, most: int = MOST) -> str:
    """Return a value as printable text of bounded length.

    :param value: anything; what ``str`` makes of it is taken.
    :param most: characters of the result. A longer text is cut, and says how long it was.
    """
    text = str(value)
    if len(text) > most:
        cut = f"... ({len(text):,} characters)"
        text = text[: max(0, most - len(cut))] + cut
    return printable(text)


def clean_line(message: object) -> str:
    """Return a whole log line or error as printable text of bounded length."""
    return clean(message, MOST_OF_A_LINE)


def listed(names: Iterable[object], most: int = MOST_NAMES, last: str = " and ") -> str:
    """Return names as one text, each cleaned: ``id``, ``id, name and email``, ``id, name, email and 97 more``.

    :param most: how many are written out.
    :param last: what comes before the last one, where none is left out.
    """
    remaining = iter(names)
    shown = [clean(each) for each in islice(remaining, most)]
    more = sum(1 for _ in remaining)
    if more:
        return f"{', '.join(shown)} and {more:,} more"
    return last.join(each for each in (", ".join(shown[:-1]), *shown[-1:]) if each)
