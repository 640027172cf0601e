"""One partition in S3: complete or absent, and replaced as a whole.

The data goes up as multipart uploads, which no reader can see. When all of it is in S3, they are completed, checked against
what was sent, and named in the manifest, which is the commit. Then what earlier runs left is removed. docs/commit.md
says why that is safe, whatever happens in between and whichever other run writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import parse_instant
from chargebee_operators.common.exceptions import ChargebeeExportError, DestinationError, UploadError
from chargebee_operators.common.task_log import task_log
from chargebee_operators.partition.current_manifest import CurrentManifest, read_current_manifest
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.leftovers import Leftovers
from chargebee_operators.partition.manifest import Manifest, known_keys
from chargebee_operators.partition.replacing import Replacing
from chargebee_operators.partition.shared_objects import check_not_shared
from chargebee_operators.s3.bucket import DeniedError, S3Bucket, S3CallError
from chargebee_operators.s3.conditional_writes import honours_conditions
from chargebee_operators.s3.connection import transfer_config
from chargebee_operators.s3.multipart import Uploader
from chargebee_operators.s3.upload_args import for_manifest

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

log = task_log(__name__)

# What S3 answers when the object is not the one that If-Match or If-None-Match speak of.
_CHANGED = (404, 409, 412)


@dataclass(frozen=True)
class Written:
    """One object as it was sent: its key, size and SHA-256 (hex)."""

    key: str
    bytes: int
    sha256: str


class S3Partition:
    """A partition that is being replaced; to be used in a ``with`` block, which cleans up when it fails.

    :param hook: from ``s3.connection.s3_hook``.
    :param bucket: the bucket's name.
    :param keys: of this run's objects and manifest.
    :param job: the job record.
    :param replacing: what the settings allow this run to replace beside reruns of the same export.
    :raises SettingsError: when the AWS connection's transfer settings are wrong.
    """

    def __init__(
        self,
        hook: S3Hook,
        bucket: str,
        keys: PartitionKeys,
        job: JobRecord,
        replacing: Replacing | None = None,
    ) -> None:
        config = transfer_config(hook)
        self.bucket = bucket
        self.keys = keys
        self.manifest_key = keys.manifest_key
        self._job = job
        self._replacing = replacing or Replacing()
        self._s3 = S3Bucket(hook, bucket)
        self._uploader = Uploader(
            self._s3, config.multipart_chunksize, config.max_concurrency, threads=config.use_threads
        )
        requested_at = parse_instant(job.requested_at, "requested_at")
        self._leftovers = Leftovers(self._s3, keys, self._replacing.keep_latest_only, requested_at)
        self._undecided = False
        self._committed = False
        self._can_list = True

    def __enter__(self) -> S3Partition:
        self._leftovers.abort_uploads()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Also when the task is killed from the UI, which arrives as an exception of the signal's handler.
        try:
            if kind is not None:
                self._discard()
        finally:
            self._uploader.close()

    def check(self) -> None:
        """Look whether this run may replace the manifest that is in S3; ``commit`` looks again.

        :raises SettingsError: when it may not.
        :raises DestinationError: when S3 refuses because a right is missing.
        """
        self._check(read_current_manifest(self._s3, self.manifest_key))

    def write(self, key: str, pieces: Iterable[bytes], bound: int | None = None) -> Written:
        """Upload one object from its bytes. It can't be seen before ``commit``.

        :param key: one that ``keys`` has given.
        :param bound: the most bytes that it will have, where that is known; the size of its parts then fits it.
        :raises DestinationError: when the bucket or the right to write is missing.
        :raises UploadError: when S3 does not take it.
        """
        sent = self._uploader.send(key, pieces, bound)
        return Written(sent.key, sent.size, sent.sha256)

    def commit(self, manifest: Manifest, *, verify: bool = True) -> None:
        """Make the objects visible, write the manifest, and remove what it replaces.

        :param manifest: ``replaced`` is filled in, and what could not be removed or looked for is added to ``warnings``.
        :param verify: ask S3 for each object's size, ETag and checksum before the manifest is written.
        :raises SettingsError: when the manifest in S3 must not be replaced, or an object is another partition's.
        :raises UploadError: when S3 has not what was sent, or another run has committed meanwhile.
        """
        # Before anything is completed: another run that finds our objects unlisted may remove them once it has replaced this
        # very manifest, and then ours is refused.
        current = read_current_manifest(self._s3, self.manifest_key)
        if sentence := self._check(current):
            log.info("Export %s: %s", self._job.export_id, sentence)
        check_not_shared(self._s3, self.keys, self._mine, current)
        self._uploader.complete()
        if verify:
            self._uploader.verify()
        manifest.replaced = self._leftovers.stale(current, self._mine, self._conditional)
        known = len(self._leftovers.problems)
        manifest.warnings = [*manifest.warnings, *self._leftovers.problems]
        self._publish(manifest, current)
        self._committed = True
        self._leftovers.remove(manifest.replaced)
        self._leftovers.abort_twins(self._mine)
        # Too late for the object in S3, which has `replaced`; in time for XCom and the asset's event.
        manifest.warnings += self._leftovers.problems[known:]

    def neighbours(self, prefix: str, start_after: str, before: str | None) -> list[str]:
        """Return the keys, and the prefixes up to the next ``/``; none where S3 does not tell.

        :param prefix: what they begin with.
        :param start_after: they come after it; empty for all.
        :param before: and in front of it; None for all.
        """
        if not self._can_list:
            return []
        try:
            return self._s3.entries(prefix, start_after, before)
        except ChargebeeExportError as error:
            self._leftovers.report(
                f"The partitions beside this one can't be looked for, so nothing is compared with them: {error}"
            )
            self._can_list = False
            return []

    def text(self, key: str) -> str | None:
        """Return a small object's text; None when there is none, or it may not be read."""
        try:
            return self._s3.get(key)[0].decode(errors="replace")
        except ChargebeeExportError:
            return None

    @property
    def _mine(self) -> set[str]:
        return {each.key for each in self._uploader.uploads}

    @cached_property
    def _conditional(self) -> bool:
        """Whether this server honours conditions."""
        return honours_conditions(self._s3, self.manifest_key)

    def _check(self, current: CurrentManifest) -> str:
        sentence = self._replacing.check(current.document, self._job, self.manifest_key)
        if not self._conditional and current.is_denied:
            raise DestinationError(
                f"It can't be known whether s3://{self.bucket}/{self.manifest_key} exists, and this server does not honour "
                "If-None-Match: give the AWS connection the right s3:ListBucket, or s3:GetObject."
            )
        return sentence

    def _publish(self, manifest: Manifest, current: CurrentManifest) -> None:
        """Put the manifest in the place of the one that was read, if no other run has replaced it."""
        condition = current.condition if self._conditional else {}
        body = manifest.to_json().encode()
        self._undecided = True
        try:
            self._s3.put(self.manifest_key, body, for_manifest(self._s3.extra_args), condition)
        except DestinationError as error:
            # boto3 repeats a call whose answer was lost, and the right may be taken away in between.
            is_ours = self._is_written(body) if isinstance(error, DeniedError) and error.repeated else False
            if is_ours:
                return
            self._undecided = is_ours is None
            if self._undecided:
                raise DestinationError(
                    f"{error} Whether s3://{self.bucket}/{self.manifest_key} was written can't be read either. Give the right "
                    "back and clear this task."
                ) from None
            raise
        except S3CallError as error:
            # The first answer may have been lost, and a repeated call met our own manifest.
            is_ours = self._is_written(body)
            if is_ours:
                return
            self._undecided = is_ours is None or not error.refused
            if condition and error.status in _CHANGED:
                raise UploadError(self._told_of_change(is_ours)) from None
            raise

    def _told_of_change(self, is_ours: bool | None) -> str:
        name = f"s3://{self.bucket}/{self.manifest_key}"
        if is_ours is None:
            return (
                f"{name} can't be read, so it may be this run's or another's. The next try of this task decides. If the AWS "
                "connection has no right s3:GetObject there, it needs it."
            )
        return f"Another run has committed {name} meanwhile, and its data stays. The next try of this task starts over."

    def _is_written(self, body: bytes) -> bool | None:
        """Return whether the manifest in S3 is this one; None when it can't be read."""
        try:
            return self._s3.get(self.manifest_key)[0] == body
        except S3CallError as error:
            return False if error.status == 404 else None
        except ChargebeeExportError:
            return None

    def _discard(self) -> None:
        """Remove what this run has sent, as far as possible; what is committed stays."""
        try:
            self._uploader.abort()
            mine = {each.key for each in self._uploader.uploads if each.completing}
            if not mine or self._committed:
                return
            if self._undecided:
                log.warning(
                    "It is not known whether the manifest was written, so its objects stay. The next try decides."
                )
                return
            if not self.keys.unique:
                mine -= known_keys(read_current_manifest(self._s3, self.manifest_key).document)
            self._leftovers.remove(mine)
        except Exception as error:
            # The error that led here matters more than one of the clean-up.
            log.warning("Some of what this try has sent could not be removed (%s). The next try removes it.", error)
