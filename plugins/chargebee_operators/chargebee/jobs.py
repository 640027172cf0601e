"""The job record: the only thing that flows from task to task. It never holds a URL or a key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from chargebee_operators.chargebee.connection import DOMAIN
from chargebee_operators.chargebee.filters import Fields
from chargebee_operators.chargebee.resources import MONTH_FIELDS
from chargebee_operators.chargebee.settling import Settling
from chargebee_operators.chargebee.windows import Window, compact, iso, parse_instant, window_of
from chargebee_operators.common.exceptions import EarlyExportError, SettingsError


@dataclass(frozen=True)
class JobRecord:
    """One export that was requested from Chargebee.

    :param export_id: Chargebee's id of the job; for ``deleted_records``, which are no export, ``events-`` and a hash.
    :param resource: for example ``customers``, or ``deleted_records``.
    :param site: the site's name.
    :param filters: wire name -> value, exactly as sent.
    :param window_start: ISO 8601 UTC, the start of the run's window; None when it has none.
    :param window_end: ISO 8601 UTC, its end, exclusive.
    :param window_field: the time field that the window bounds, or ``month`` for a revenue report; None for a snapshot,
        which holds everything that existed at ``requested_at``.
    :param requested_at: ISO 8601 UTC, when the export was requested: Chargebee's ``created_at`` of it.
    :param restarts: how often the export was requested again after Chargebee failed it.
    :param business_entity_id: the business entity of the request; None for the site as a whole.
    :param domain: the site's domain; empty when the site has no address of its own, as in a simulator.
    """

    export_id: str
    resource: str
    site: str
    filters: Mapping[str, str]
    window_start: str | None
    window_end: str | None
    window_field: str | None
    requested_at: str
    restarts: int = 0
    business_entity_id: str | None = None
    domain: str = DOMAIN

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready data, for XCom and the manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Any) -> JobRecord:
        """Read a record that an upstream task left in XCom; unknown keys of a later version are passed over.

        :raises SettingsError: when it is not a job record.
        """
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise SettingsError(
                    f"job {value!r} is not a job record: pass the output of a ChargebeeExportOperator or "
                    "ExportReadySensor (operator.output)."
                ) from None
        if not isinstance(value, Mapping):
            raise SettingsError(
                f"job is {value!r}, not a job record: pass the output of a ChargebeeExportOperator or "
                "ExportReadySensor (operator.output), and check that this task ran."
            )
        names = {each.name for each in fields(cls)}
        required = {each.name for each in fields(cls) if each.default is MISSING}
        missing = sorted(required - set(value))
        if missing:
            raise SettingsError(f"job lacks {', '.join(missing)}: pass the whole record that the start task returned.")
        for name, kind in (("export_id", str), ("resource", str), ("site", str), ("filters", Mapping)):
            if not isinstance(value[name], kind):
                raise SettingsError(
                    f"job has {name} {value[name]!r}: pass the record as the start task returned it, unchanged."
                )
        return cls(**{name: value[name] for name in names if name in value})

    @property
    def wire_fields(self) -> Fields:
        """The form fields of the request."""
        return tuple(sorted(self.filters.items()))

    @property
    def window(self) -> Window | None:
        """The window that bounds what the export holds; None for a snapshot, whatever run it was in."""
        # A revenue report has no such field, but months that follow from the window.
        is_bounded = self.window_field or MONTH_FIELDS[0] in self.filters
        return window_of(self.window_start, self.window_end) if is_bounded else None

    @property
    def contents(self) -> str:
        """What the export holds, in words for the log."""
        return (
            f"window {self.window} by {self.window_field or 'month'}" if self.window else "a snapshot, without a window"
        )

    @property
    def further_filters(self) -> dict[str, str]:
        """The fields of the request that do not follow from the window."""
        by_window = (f"[{self.window_field}][between]", f"{self.window_field}[between]")
        return {
            name: value
            for name, value in self.filters.items()
            if name not in MONTH_FIELDS and not (name.endswith(by_window[0]) or name == by_window[1])
        }

    def check_created_at(self, created_at: datetime) -> None:
        """Refuse an export that was requested before its window ended: it lacks the changes since.

        :param created_at: when it was requested, by Chargebee's clock.
        :raises EarlyExportError: with what to do.
        """
        if self.window is None or not Settling(self.window.end).is_too_early(created_at):
            return
        raise EarlyExportError(
            f"Export {self.export_id}: by Chargebee's clock it was requested at {iso(created_at)}, before its window "
            f"{self.window} ended, so it lacks later changes. Clear the start task, which makes a new export."
        )

    @property
    def partition(self) -> str:
        """Hive-style name of the partition: ``window_start=...`` or, for a snapshot, ``taken_at=...``.

        A snapshot holds what existed when it was requested, whatever run that was in, so it is named after that time.
        Tries of one job share it; a new job is another snapshot.
        """
        if self.window is not None:
            return f"window_start={compact(self.window.start)}"
        return f"taken_at={compact(parse_instant(self.requested_at, 'requested_at'))}"

    def restarted(self, export_id: str, requested_at: datetime) -> JobRecord:
        """Return the record of the job that takes a failed one's place."""
        return replace(self, export_id=export_id, requested_at=iso(requested_at), restarts=self.restarts + 1)


def new_job(
    *,
    export_id: str,
    resource: str,
    site: str,
    wire_fields: Fields,
    window: Window | None,
    window_field: str | None,
    requested_at: datetime,
    business_entity_id: str | None = None,
    domain: str = DOMAIN,
) -> JobRecord:
    """Return the record of a job that Chargebee has just accepted."""
    return JobRecord(
        export_id=export_id,
        resource=resource,
        site=site,
        filters=dict(wire_fields),
        window_start=iso(window.start) if window else None,
        window_end=iso(window.end) if window else None,
        window_field=window_field,
        requested_at=iso(requested_at),
        business_entity_id=business_entity_id,
        domain=domain,
    )


def idempotency_key(*parts: Any) -> str:
    """Return a key of at most 100 characters that is the same for the same parts, in any process.

    Chargebee answers the same key and parameters with the first answer for 30 minutes
    (https://apidocs.chargebee.com/docs/api/idempotency).

    :param parts: what makes the request this one and no other, JSON-ready.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return f"airflow-{hashlib.sha256(text.encode()).hexdigest()[:64]}"


def listing_id(*parts: Any) -> str:
    """Return the id in a job record for a list of events, which has no export: ``events-1f2e3d4c5b6a``.

    :param parts: what makes the list this one and no other, JSON-ready.
    """
    return f"events-{idempotency_key('events', *parts).rpartition('-')[2][:12]}"


def restart_key(job: JobRecord) -> str:
    """Return the key under which a failed job is requested again: one new job, however often it is sent."""
    return idempotency_key("restart", job.site, job.resource, sorted(job.filters.items()), job.export_id)
