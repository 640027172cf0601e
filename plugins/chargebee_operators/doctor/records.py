"""Records from the API, a few of each resource: for comparison with the exports, and for the business entities they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.common.foreign_text import clean, listed
from chargebee_operators.common.wording import counted
from chargebee_operators.doctor.findings import Report
from chargebee_operators.hooks import ChargebeeHook

# Each record of these belongs to one business entity. One of the catalogue may belong to all of them, and then names none.
_OF_ENTITY = ("customers", "subscriptions", "invoices", "credit_notes", "transactions", "orders")


class RecordSample:
    """Retrieves records, and remembers which business entities they belong to.

    Chargebee's SDKs have no list of the business entities. A call without the header that names one means the whole site:
    https://apidocs.chargebee.com/docs/api/business_entities

    :param hook: of the site.
    :param report: the report.
    """

    def __init__(self, hook: ChargebeeHook, report: Report) -> None:
        self._hook = hook
        self._report = report
        self._entities: dict[str, str] = {}  # each with a record of it
        self._seen = 0
        self._missing: list[str] = []

    def fetch(self, resource: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return records as the API has them, by id; those that can't be retrieved are left out."""
        found: dict[str, Mapping[str, Any]] = {}
        for record_id in ids:
            try:
                record = self._hook.get_record(resource, record_id)
            except ChargebeeExportError as error:
                says = f"{resource}: record {record_id!r} could not be retrieved through the API: {error}"
                self._report.attention("look", says)
                break
            if record is None:
                self._missing.append(f"{resource} {record_id}")
                continue
            found[record_id] = record
            if resource in _OF_ENTITY:
                self._note(f"{resource} {record_id}", record.get("business_entity_id"))
        return found

    def _note(self, record: str, entity: Any) -> None:
        self._seen += 1
        if isinstance(entity, str) and entity:
            self._entities.setdefault(clean(entity, 60), record)

    def finish(self) -> None:
        """Report which business entities were seen, and whether the connection's fits."""
        report, configured = self._report, self._hook.settings.business_entity_id
        names = sorted(self._entities)
        report.facts["business_entities"] = {"seen": names, "connection": configured, "records": self._seen}
        if not self._seen and not self._missing:
            return
        others = [each for each in names if each != configured]
        if configured and others:
            report.wrong(
                "entities",
                f"The connection names business entity {configured}, but the exports hold records of {listed(others)}, for "
                f"example {self._entities[others[0]]}.",
                "Remove business_entity_id from the connection's extra, or ask Chargebee's support.",
            )
        elif configured and self._missing:
            report.attention(
                "entities",
                f"{len(self._missing)} exported records were not found through the API, for example {self._missing[0]}. They may "
                f"belong to another business entity than {configured}, or were deleted in the meantime.",
                "Look up this record in Chargebee.",
            )
        elif configured:
            none = "" if names else " None of the records that were looked at names an entity."
            report.ok(
                "entities", f"Exports hold the records of business entity {configured}, as the connection says.{none}"
            )
        elif names:
            many = "one business entity" if len(names) == 1 else f"{len(names)} business entities"
            report.ok(
                "entities",
                f"Records belong to {many}: {listed(names)}. The connection names none, so the exports hold the whole site.",
            )
        else:
            report.ok("entities", f"None of {counted(self._seen, 'record')} names a business entity.")
