"""The nearest right name for a wrong one, for error messages. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from chargebee_operators.common.foreign_text import MOST, clean


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean X?)`` for the known word most like the given one, or an empty text.

    :param known: words of any length; to compare long ones would take minutes, so they are passed over.
    """
    matches = difflib.get_close_matches(
        str(word)[:MOST], [each for each in known if len(each) <= MOST], n=1, cutoff=0.5
    )
    return f" (did you mean {clean(matches[0])!r}?)" if matches else ""
