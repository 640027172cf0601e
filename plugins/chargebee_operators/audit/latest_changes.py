"""The records that have changed lately, so that they need not be in S3 yet, and whether Chargebee exported these alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime

from chargebee_operators.audit.partitions import Partition
from chargebee_operators.audit.record_store import RecordStore
from chargebee_operators.chargebee.records import RETRIEVABLE
from chargebee_operators.chargebee.windows import LATEST, Window, iso
from chargebee_operators.checks.spot_check import DRAWN, spot_check
from chargebee_operators.common.exceptions import WindowCheckError
from chargebee_operators.hooks import ChargebeeHook


def add_latest_changes(
    hook: ChargebeeHook, store: RecordStore, changes: Partition, ids: Iterable[str], due: datetime, window_field: str
) -> str:
    """Add the ids of records that have changed since ``due``, and retrieve a few of them to check that they have.

    :param hook: of the site.
    :param store: takes the ids.
    :param changes: the export of these records.
    :param ids: those of its rows.
    :param due: up to when changes should be in S3.
    :param window_field: the time field of the export's filter.
    :return: why it is not proven that Chargebee honoured the filter; empty when it is.
    :raises WindowCheckError: when Chargebee ignored the filter: every record would count as changed lately.
    """
    choose, drawn = random.Random(changes.job.export_id), list[str]()

    def noted() -> Iterator[str]:
        # A draw that is uniform over all rows: the first ones may be the newest.
        for number, each in enumerate(ids):
            place = number if number < DRAWN else choose.randrange(number + 1)
            if place < DRAWN:
                drawn[place : place + 1] = [each]
            yield each

    store.add_undue(noted())
    if not drawn:
        return ""
    resource, entity = changes.job.resource, changes.job.business_entity_id
    if resource not in RETRIEVABLE:
        return "Chargebee has no call to retrieve one record"
    choose.shuffle(drawn)
    checked = spot_check(
        drawn,
        Window(due, LATEST),
        window_field,
        changes.requested_at,
        lambda record_id: hook.get_record(resource, record_id, business_entity_id=entity),
        # All that are drawn: of a busy site a fifth of the records may have changed since, and two might be of these.
        wanted=len(drawn),
    )
    if checked.outside:
        record_id, changed_at = checked.outside
        raise WindowCheckError(
            f"The export of what has changed since {iso(due)} has record {record_id!r}, which changed at {changed_at}: "
            "Chargebee ignored the filter, so the audit can't tell what is due."
        )
    return "" if checked.inside else "; ".join(checked.unknown[:3])
