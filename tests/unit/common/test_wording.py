"""Counts as people write them."""

from __future__ import annotations

import pytest

from chargebee_operators.common.wording import counted


@pytest.mark.parametrize(
    ("count", "nouns", "text"),
    [
        (0, ["row"], "0 rows"),
        (1, ["row"], "1 row"),
        (2986560, ["row"], "2986560 rows"),
        (None, ["row"], "an unknown number of rows"),
        (1, ["entry", "entries"], "1 entry"),
        (2, ["entry", "entries"], "2 entries"),
    ],
)
def test_one_is_singular_and_unknown_is_no_number(count, nouns, text):
    assert counted(count, *nouns) == text
