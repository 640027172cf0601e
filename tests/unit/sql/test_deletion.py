"""The rule of the latest state, computed by a database: of both ways in which a version or a time can be missing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from chargebee_operators.sql.deletion import is_newer_than_deletion

NAMES = ("version", "updated", "current", "deleted_version", "deleted_at")
RULE = is_newer_than_deletion(**{name: f":{name}" for name in NAMES})


@pytest.mark.parametrize("missing", [None, -1])
@pytest.mark.parametrize(
    ("version", "updated", "current", "deleted_version", "newer"),
    [
        (2, 300, 300, 3, False),
        (3, 100, 100, 3, False),
        (4, 100, 100, 3, True),
        ("missing", 100, 200, 3, False),
        (4, 100, 201, "missing", True),
        (4, 201, 150, "missing", True),
        ("missing", "missing", 200, "missing", False),
        ("missing", "missing", 201, "missing", True),
    ],
)
def test_versions_decide_if_both_have_one_and_times_if_not(version, updated, current, deleted_version, newer, missing):
    given = [missing if each == "missing" else each for each in (version, updated, current, deleted_version, 200)]
    with closing(sqlite3.connect(":memory:")) as database:
        ((found,),) = database.execute(f"SELECT {RULE}", dict(zip(NAMES, given, strict=True)))
    # The views and the audit take no answer (NULL) as no.
    assert bool(found) is newer
