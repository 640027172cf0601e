"""Whether a few exported records belong to the window, by what Chargebee's API says of them now. Pure.

Most exports have no column for ``updated_at``. So a few records are retrieved, and their field of the window is compared.
An ignored filter exports all of history: with one record in a thousand inside the window, two random records miss it
with a chance of one in a million.

A record may change after the export was requested. It then proves nothing. Chargebee's list API lags by some minutes, and
exports may lag likewise, so a change shortly before the request counts as a later one too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chargebee_operators.chargebee.calls import read_instant
from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.common.exceptions import ChargebeeApiError
from chargebee_operators.common.patience import patiently

# Records that must confirm the window.
WANTED = 2
# Records that are drawn: some may have changed or gone by now.
DRAWN = 6
# A change so long before the request may be missing in an export.
LAG = timedelta(minutes=15)
# These never move once a record exists, so they count even where a record does not say when it was changed.
IMMUTABLE = ("created_at", "date", "order_date")
# Seconds that the check may wait in all for a site that is busy.
PATIENCE = 120.0
_RETRY_INTERVAL = 2.0

Fetch = Callable[[str], Mapping[str, Any] | None]


@dataclass
class SpotCheck:
    """What the records say.

    :param inside: ids of records inside the window.
    :param outside: id and time (ISO 8601) of a record outside of it; None when there is none.
    :param unknown: why the other records prove nothing, a reason each.
    """

    inside: list[str] = field(default_factory=list)
    outside: tuple[str, str] | None = None
    unknown: list[str] = field(default_factory=list)


def spot_check(
    ids: Iterable[str],
    window: Window,
    window_field: str,
    requested_at: datetime,
    fetch: Fetch,
    *,
    wanted: int = WANTED,
    sleep: Callable[[float], None] = time.sleep,
) -> SpotCheck:
    """Compare a few records with the window.

    It never fails for what Chargebee answers: a busy or broken API makes records unknown.

    :param ids: of exported records, at random.
    :param window: the window of the export.
    :param window_field: the field that it bounds, for example ``updated_at``.
    :param requested_at: when the export was requested, by Chargebee's clock.
    :param fetch: returns a record of an id as the API has it, None when it does not exist any more.
    :param wanted: how many records inside the window are enough.
    :param sleep: waits so many seconds, when Chargebee is busy.
    """
    found = SpotCheck()
    patience = PATIENCE

    def spend(error: Exception, seconds: float) -> None:
        nonlocal patience
        patience -= seconds

    for record_id in ids:
        try:
            record = patiently(partial(fetch, record_id), patience, spend, sleep, _RETRY_INTERVAL)
        except ChargebeeApiError as error:
            # The next one would get the same answer.
            found.unknown.append(f"record {record_id!r} was not retrieved: {str(error).removesuffix('.')}")
            return found
        verdict = _verdict(record, window, window_field, requested_at)
        if verdict is None:
            found.inside.append(record_id)
        elif isinstance(verdict, datetime):
            found.outside = (record_id, iso(verdict))
            return found
        else:
            found.unknown.append(f"record {record_id!r} {verdict}")
        if len(found.inside) == wanted:
            return found
    return found


def _verdict(
    record: Mapping[str, Any] | None, window: Window, window_field: str, requested_at: datetime
) -> datetime | str | None:
    """Return None for a record inside the window, its time for one outside, or why it proves nothing."""
    if record is None:
        return "does not exist any more"
    changed, value = read_instant(record.get("updated_at")), read_instant(record.get(window_field))
    is_inside = value is not None and window.start <= value < window.end
    if is_inside and window_field in ("updated_at", *IMMUTABLE):
        return None  # a later change would have moved updated_at, and never moves the others
    if changed is not None and changed > requested_at - LAG:
        return "was changed after the export was requested, or shortly before"
    if changed is None and window_field not in IMMUTABLE:
        return "does not say when it was changed"
    if value is None:
        return f"has no {window_field}"
    return None if is_inside else value
