"""Where an upload task gets an export from: a fresh download URL, and single records of Chargebee's API."""

from __future__ import annotations

from chargebee_operators.chargebee.api import ExportStatus
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.records import RETRIEVABLE
from chargebee_operators.checks.spot_check import Fetch
from chargebee_operators.common.exceptions import DownloadError, ExportFailedError, SettingsError
from chargebee_operators.hooks import ChargebeeHook


class ExportSource:
    """A requested export, as Chargebee has it now.

    :param hook: of the site's connection.
    :param job: the export's job record.
    :param business_entity_id: overrides the job record's.
    :raises SettingsError: when the connection is for another site than the job record.
    """

    def __init__(self, hook: ChargebeeHook, job: JobRecord, business_entity_id: str | None = None) -> None:
        if hook.settings.site != job.site:
            raise SettingsError(
                f"Connection {hook.chargebee_conn_id!r} is for site {hook.settings.site!r}, but export "
                f"{job.export_id} is of {job.site!r}: give this task the start task's connection."
            )
        self._hook = hook
        self._job = job
        self._entity = business_entity_id or job.business_entity_id

    def fresh_url(self) -> str:
        """Return a download URL that is good from now on.

        :raises ExportFailedError: when Chargebee has failed the export.
        :raises DownloadError: when the export is not completed yet.
        """
        export_id = self._job.export_id
        export = self._hook.get_export(export_id, self._entity)
        self._job.check_created_at(export.created_at)
        if export.status is ExportStatus.FAILED:
            raise ExportFailedError(f"Export {export_id}: Chargebee failed it, so there is nothing to upload.")
        if export.download_url is None:
            raise DownloadError(
                f"Export {export_id} is {export.status}, not ready: put an ExportReadySensor before this task."
            )
        return export.download_url

    @property
    def fetch_record(self) -> Fetch | None:
        """What retrieves one exported record by its id; None where Chargebee has no such call."""
        if self._job.resource not in RETRIEVABLE:
            return None
        return lambda record_id: self._hook.get_record(self._job.resource, record_id, business_entity_id=self._entity)
