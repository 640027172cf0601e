"""The Exports API's requests and answers, as data: one builder and one reader for both of the hook's sides.

Source: https://apidocs.chargebee.com/docs/api/exports
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from chargebee_operators.chargebee.calls import (
    ApiAnswer,
    ApiRequest,
    entity_header,
    object_of,
    read_instant,
    unusable,
)
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.filters import Fields
from chargebee_operators.common.exceptions import RequestRejectedError, SettingsError, UnavailableError

IDEMPOTENCY_HEADER = "chargebee-idempotency-key"
REPLAYED_HEADER = "chargebee-idempotency-replayed"

# No export has this id: looking at it shows whether the key is accepted, and Chargebee's clock.
NO_EXPORT = "airflow-connection-test"

_EXPORT_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
_WORD = re.compile(r"[A-Za-z0-9_]{1,30}")


class ExportStatus(StrEnum):
    """State of an export, as Chargebee names it."""

    IN_PROCESS = "in_process"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class Export:
    """What Chargebee says of one export.

    :param id: Chargebee's id.
    :param status: its state.
    :param created_at: when it was requested, by Chargebee's clock.
    :param download_url: of a completed export; works for four hours for anyone who has it: in no ``repr``, log, XCom
        or error.
    :param valid_till: until when the URL works; None where Chargebee gives no time.
    :param replayed: whether this is the stored first answer to an idempotency key.
    :param answered_at: Chargebee's clock when it gave this answer; None where the answer does not say.
    """

    id: str
    status: ExportStatus
    created_at: datetime
    download_url: str | None = field(default=None, repr=False)
    valid_till: datetime | None = None
    replayed: bool = False
    answered_at: datetime | None = None

    @property
    def age(self) -> float:
        """Seconds since it was requested, by Chargebee's clock where it is known, else by this machine's; not below 0."""
        now = self.answered_at.timestamp() if self.answered_at else time.time()
        return max(0.0, now - self.created_at.timestamp())


def create_export_request(
    settings: SiteSettings,
    resource: str,
    fields: Fields,
    *,
    idempotency_key: str,
    business_entity_id: str | None = None,
) -> ApiRequest:
    """Build the POST that requests an export.

    :param settings: the site.
    :param resource: a name of ``resources.RESOURCE_NAMES``.
    :param fields: checked form fields, from ``filters.export_fields``.
    :param idempotency_key: at most 100 characters.
    :param business_entity_id: overrides the connection's.
    :raises SettingsError: when the business entity's id can't be sent in a header.
    """
    headers = {IDEMPOTENCY_HEADER: idempotency_key, **entity_header(settings, business_entity_id)}
    return ApiRequest("POST", f"/exports/{resource}", fields, headers)


def get_export_request(settings: SiteSettings, export_id: str, business_entity_id: str | None = None) -> ApiRequest:
    """Build the GET that looks at an export.

    :param settings: the site.
    :param export_id: as Chargebee gave it.
    :param business_entity_id: overrides the connection's.
    :raises SettingsError: when the id can't be one of Chargebee's, or the business entity's id can't be sent in a header.
    """
    if not isinstance(export_id, str) or not _EXPORT_ID.fullmatch(export_id):
        raise SettingsError(
            f"export_id {export_id!r} is not an id of a Chargebee export: pass the record that the start task returned."
        )
    return ApiRequest("GET", f"/exports/{quote(export_id)}", headers=entity_header(settings, business_entity_id))


def read_export(settings: SiteSettings, answer: ApiAnswer, export_id: str | None = None) -> Export:
    """Turn an answer of either call into an Export, or into the right error.

    :param settings: the site.
    :param answer: of the POST or the GET.
    :param export_id: the id that was looked at; None for a new export.
    :raises ChargebeeApiError: one of its children, for everything but a 2xx with a whole and right export.
    """
    try:
        export = object_of(settings, answer, "export")
    except RequestRejectedError as error:
        if export_id is None or error.status != 404 or error.code != "resource_not_found":
            raise
        # How long Chargebee keeps an export is not documented.
        gone = f"Site {settings.site} has no export {export_id} (404): clear the start task, which makes a new one."
        raise RequestRejectedError(gone, status=error.status, code=error.code) from None
    found = export.get("id")
    if not isinstance(found, str) or not _EXPORT_ID.fullmatch(found):
        raise _wrong(settings, answer, "an id that is not one of an export")
    if export_id is not None and found != export_id:
        raise unusable(settings, answer, f"for export {export_id} with another export, {found}.")
    if (created_at := read_instant(export.get("created_at"))) is None:
        raise _wrong(settings, answer, "a created_at that is not a time in epoch seconds")
    if (status := export.get("status")) not in list(ExportStatus):
        shown = f"{status!r}" if isinstance(status, str) and _WORD.fullmatch(status) else "not one word"
        raise _wrong(settings, answer, f"a status that is not known: {shown}")
    url, valid_till = None, None
    if status == ExportStatus.COMPLETED:
        url, valid_till = _read_download(settings, answer, export.get("download"))
    return Export(
        id=found,
        status=ExportStatus(status),
        created_at=created_at,
        download_url=url,
        valid_till=valid_till,
        replayed=answer.headers.get(REPLAYED_HEADER, "").lower() == "true",
        answered_at=answer.date,
    )


def _read_download(settings: SiteSettings, answer: ApiAnswer, download: Any) -> tuple[str, datetime | None]:
    if not isinstance(download, Mapping):
        raise _wrong(settings, answer, "the status completed, but no download")
    url = download.get("download_url")
    if not isinstance(url, str) or not url.lower().startswith(("https://", "http://")):
        raise _wrong(settings, answer, "the status completed, but a download_url that is no address")
    # Nothing depends on valid_till: a URL that has died is seen when it is used.
    return url, read_instant(download.get("valid_till"))


def _wrong(settings: SiteSettings, answer: ApiAnswer, part: str) -> UnavailableError:
    """Return the error for an export of which one part is wrong. Its value is not quoted: it may be the URL."""
    return unusable(settings, answer, f"with an export that has {part}.")
