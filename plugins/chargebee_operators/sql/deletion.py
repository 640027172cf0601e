"""Whether the newest row of a record is newer than the record's deletion: one rule, for the views and for the audit. Pure."""

from __future__ import annotations


def is_newer_than_deletion(*, version: str, updated: str, current: str, deleted_version: str, deleted_at: str) -> str:
    """Return the SQL condition that holds when the id of a deleted record was used again.

    Versions decide if both sides have one. Otherwise the times do.

    :param version: SQL of the row's ``resource_version``; NULL or -1 when there is none.
    :param updated: SQL of its ``updated_at`` in epoch seconds; likewise.
    :param current: SQL of the time until which it is current, in epoch seconds.
    :param deleted_version: SQL of the version at the deletion; NULL or -1 when there is none.
    :param deleted_at: SQL of the time of the deletion, in epoch seconds.
    """
    return (
        f"CASE WHEN {version} >= 0 AND {deleted_version} >= 0\n"
        f"      THEN {version} > {deleted_version}\n"
        f"      ELSE {current} > {deleted_at} OR {updated} > {deleted_at} END"
    )
