"""An export that is about to be requested, and what a task that waits for that hands on to itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chargebee_operators.chargebee.api import Export
from chargebee_operators.chargebee.jobs import JobRecord, idempotency_key
from chargebee_operators.chargebee.settling import Settling
from chargebee_operators.chargebee.windows import iso
from chargebee_operators.common.exceptions import EarlyExportError

# How often an export that was requested too early is requested again.
EARLY_EXPORTS = 3


@dataclass(frozen=True)
class Requested:
    """An export that Chargebee has accepted.

    :param export_id: Chargebee's id.
    :param created_at: when it was requested, by Chargebee's clock.
    :param answered_at: Chargebee's clock when it said so; None where that is not known.
    """

    export_id: str
    created_at: datetime
    answered_at: datetime | None = None

    @classmethod
    def of(cls, export: Export) -> Requested:
        """Return what matters of an export."""
        return cls(export.id, export.created_at, export.answered_at)

    @classmethod
    def of_event(cls, details: Mapping[str, Any]) -> Requested:
        """Return what a trigger's event says; one of an earlier version has no ``answered_at``."""
        answered_at = details.get("answered_at")
        return cls(
            details["export_id"],
            datetime.fromtimestamp(details["created_at"], UTC),
            datetime.fromtimestamp(answered_at, UTC) if answered_at else None,
        )


@dataclass(frozen=True)
class PendingExport:
    """An export that is about to be requested.

    :param job: its record, all of it but its id and its time.
    :param key: the idempotency key.
    :param early: how many exports before this one were requested too early.
    """

    job: JobRecord
    key: str
    early: int = 0

    def early_sentence(self, requested: Requested, settling: Settling) -> str:
        """Return what to say of an export that was requested too early.

        :param requested: the export.
        :param settling: when the window settles.
        :raises EarlyExportError: when too many before it were requested too early as well.
        """
        early = (
            f"Export {requested.export_id}: by Chargebee's clock it was requested at {iso(requested.created_at)}, before "
            f"window {self.job.window} had settled ({iso(settling.at)})."
        )
        if self.early < EARLY_EXPORTS:
            return f"{early} It is not used."
        raise EarlyExportError(f"{early} So were {self.early} before it: check the clocks of Airflow's machines.")

    def after(self, export_id: str) -> PendingExport:
        """Return the one that takes the place of an export that was requested too early: with a key of its own."""
        return replace(self, key=idempotency_key("early", self.key, export_id), early=self.early + 1)

    def carry(self, try_number: int) -> dict[str, Any]:
        """Return what a trigger hands back, as JSON data.

        :param try_number: of the task.
        """
        return {"job": self.job.to_dict(), "try_number": try_number, "key": self.key, "early": self.early}

    @classmethod
    def of_carry(cls, carry: Mapping[str, Any], key_of: Any) -> PendingExport:
        """Return the one that was carried. It is not worked out again: the DAG may have changed in the meantime.

        :param key_of: returns the key for a job's record; a trigger of an earlier version carries none.
        """
        job = JobRecord.from_dict(carry["job"])
        return cls(job, carry.get("key") or key_of(job), carry.get("early", 0))
