"""What earlier runs have left of a partition: objects that a manifest replaces, and uploads that no run finishes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.partition.current_manifest import CurrentManifest
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.manifest import known_keys
from chargebee_operators.s3.bucket import S3Bucket, S3CallError

log = task_log(__name__)

# An upload of another run that is older than this has no run any more.
ABANDONED = timedelta(hours=24)


class Leftovers:
    """Finds and removes what earlier runs have left of one partition.

    :param bucket: where it is.
    :param keys: of this run.
    :param keep_latest_only: whether one manifest is that of all windows.
    :param since: when this export was requested. Uploads of the partition's other exports that began before are dropped.
    """

    def __init__(self, bucket: S3Bucket, keys: PartitionKeys, keep_latest_only: bool, since: datetime) -> None:
        self._s3 = bucket
        self._keys = keys
        # Whether all objects with keys of this pattern are this partition's, whatever their export. Where the keys do not
        # name the window, another window may have objects there.
        self._whole = keys.of_one_manifest and (keys.of_window or keep_latest_only)
        self._since = since if self._whole else datetime.min.replace(tzinfo=UTC)
        # What could not be removed or looked for, for the manifest and XCom; the log has it already.
        self.problems: list[str] = []

    def abort_uploads(self) -> None:
        """Drop the uploads that earlier tries of this job left, those of earlier exports, and those that are a day old."""
        ours, alike = self._keys.pattern(), self._keys.pattern(any_export=True)
        # The export that was requested later wins, so that two runs at once can't abort each other for ever. Where the keys
        # name no export, the one that begins later does.
        limit = max(datetime.now(UTC) - ABANDONED, self._since)
        is_ours = self._whole or self._keys.of_export
        try:
            for key, upload_id, began in self._s3.uploads(self._keys.begin_with):
                if (began < limit and alike.fullmatch(key)) or (is_ours and ours.fullmatch(key)):
                    log.info("Aborting the upload of %s that an earlier try has left", key)
                    self._s3.abort_upload(key, upload_id)
        except ChargebeeExportError as error:
            self.report(f"Unfinished uploads of earlier tries may be left: {error}")

    def abort_twins(self, mine: set[str]) -> None:
        """Drop the uploads that S3 began at a call of ours whose answer was lost, so that it was made again.

        :param mine: the keys of this run's objects.
        """
        if not (self._s3.repeated and self._keys.unique):
            return
        try:
            for key, upload_id, _ in self._s3.uploads(self._keys.begin_with):
                if key in mine:
                    log.info("Aborting an upload of %s that was begun twice", key)
                    self._s3.abort_upload(key, upload_id)
        except ChargebeeExportError as error:
            self.report(f"An upload that was begun twice may be left: {error}")

    def stale(self, current: CurrentManifest, mine: set[str], conditional: bool) -> list[str]:
        """Return the keys of objects that this run replaces.

        :param current: the manifest that it replaces; what that knows is replaced.
        :param mine: the keys of this run's objects.
        :param conditional: whether no other run can commit over a manifest that it has not read. Otherwise an object that
            no manifest lists may be of a run that is about to commit.
        """
        below = f"{self._keys.prefix}/" if self._keys.prefix else ""
        known = {key for key in known_keys(current.document) if key.startswith(below)} - mine
        there: set[str] = set()
        unlisted: set[str] = set()
        if self._keys.unique and conditional:
            try:
                there = set(self._keys.find(lambda prefix: self._s3.entries(prefix, "", None)))
            except ChargebeeExportError as error:
                self.report(
                    f"Objects of earlier tries that no manifest lists may be left beside {self._keys.begin_with}..., where a "
                    f"reader of the folder finds them: {error}"
                )
            else:
                whole = self._whole or (self._keys.of_one_manifest and current.partition == self._keys.partition)
                unlisted = {key for key in there if whole or self._is_own(key)}
        known = {key for key in known if key in there or self._exists(key)}
        return sorted((known | unlisted) - mine - {self._keys.manifest_key})

    def remove(self, keys: Iterable[str]) -> None:
        """Delete objects; what stays is logged."""
        listed = list(keys)
        if listed:
            log.info("Removing %s that %s replaces", counted(len(listed), "object"), self._keys.manifest_key)
        for problem in self._s3.delete(listed):
            self.report(f"Not removed; the next run of this partition tries again: {problem}")

    def report(self, problem: str) -> None:
        """Log a problem, and keep it for the manifest; one that repeats is reported once."""
        if problem not in self.problems:
            log.warning("%s", problem)
            self.problems.append(problem)

    def _is_own(self, key: str) -> bool:
        return self._keys.of_export and bool(self._keys.pattern().fullmatch(key))

    def _exists(self, key: str) -> bool:
        """Return whether an object exists, or may: it is not listed where another layout has written it."""
        try:
            self._s3.head(key)
        except S3CallError as error:
            return error.status != 404
        except ChargebeeExportError:
            return True
        return True
