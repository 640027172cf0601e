"""One partition in S3: complete or absent, and replaced as a whole.

The data goes up as multipart uploads that nobody can see. Once all of it is there, they are completed, checked against
what was sent, and named in ``_manifest.json``, which is the commit. Then what earlier runs left goes. docs/commit.md
says why that is safe, whatever happens in between and whoever else is at it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

from chargebee_operators.common.exceptions import ChargebeeExportError, DestinationError, SettingsError, UploadError
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.partition.manifest import Manifest, ObjectNames, known_keys
from chargebee_operators.s3.bucket import S3Bucket, S3CallError
from chargebee_operators.s3.connection import transfer_config
from chargebee_operators.s3.multipart import Uploader
from chargebee_operators.s3.upload_args import for_manifest

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

log = task_log(__name__)

# An upload of another run that is older than this has no run any more.
ABANDONED = timedelta(hours=24)

# What S3 answers when the object is not the one that If-Match or If-None-Match speak of.
_CHANGED = (404, 409, 412)


@dataclass(frozen=True)
class Written:
    """One object as it was sent: its key, size and SHA-256 (hex)."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Current:
    """The manifest that stands before ours.

    :param condition: the header under which ours may take its place; empty when it could not be read.
    :param document: what it says; None when there is none.
    """

    condition: Mapping[str, str]
    document: Any = None


class S3Partition:
    """A partition that is being replaced; to be used in a ``with`` block, which cleans up when it fails.

    :param hook: from ``s3_connection.s3_hook``.
    :param bucket: the bucket's name.
    :param prefix: what all keys of the partition begin with.
    :param manifest_key: where the manifest goes.
    :param names: of this run's objects.
    :param sole: whether no other manifest has objects below the prefix; then what runs of other exports have left
        there unlisted is removed too.
    :param since: when this export was asked for. Where the prefix is the partition's alone, uploads of other exports
        that began before that are dropped.
    """

    def __init__(
        self,
        hook: S3Hook,
        bucket: str,
        prefix: str,
        manifest_key: str,
        names: ObjectNames,
        *,
        sole: bool = False,
        since: datetime | None = None,
    ) -> None:
        config = transfer_config(hook)
        self.bucket = bucket
        self.manifest_key = manifest_key
        self._below = f"{prefix}/" if prefix else ""
        self._names = names
        self._sole = sole
        self._earlier_than = since if sole and since else datetime.min.replace(tzinfo=UTC)
        self._s3 = S3Bucket(hook, bucket)
        self._uploader = Uploader(
            self._s3, config.multipart_chunksize, config.max_concurrency, threads=config.use_threads
        )
        self._undecided = False
        # Whether the names tell what another task has below the same prefix from what is this partition's.
        self._can_tell = sole or names.of_export

    def __enter__(self) -> S3Partition:
        self._abort_earlier_uploads()
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

    def write(self, name: str, pieces: Iterable[bytes], bound: int | None = None) -> Written:
        """Upload one object from its bytes. It can't be seen before ``commit``.

        :param name: within the partition.
        :param bound: the most bytes that it will have, where that is known; the size of its parts then fits it.
        :raises SettingsError: when that is the manifest's own key.
        :raises DestinationError: when S3 refuses for want of the bucket or the right to write.
        :raises UploadError: when S3 does not take it.
        """
        key = self._below + name
        if key == self.manifest_key:
            raise SettingsError(
                f"An object of the export would have the manifest's own key {key!r}: give object_name another placeholder, "
                "or choose another manifest_name."
            )
        sent = self._uploader.send(key, pieces, bound)
        return Written(sent.key, sent.size, sent.sha256)

    def commit(
        self, manifest: Manifest, *, verify: bool = True, check: Callable[[Any], None] = lambda standing: None
    ) -> None:
        """Make the objects visible, write the manifest, and remove what it replaces.

        :param manifest: ``replaced`` is filled in.
        :param verify: ask S3 for each object's size, ETag and checksum before the manifest is written.
        :param check: is given the manifest that is about to be replaced, None when there is none, and raises when it
            must stay.
        :raises UploadError: when S3 has not what was sent, or another run has committed meanwhile.
        """
        # Before anything is completed: whoever finds our objects unlisted may remove them once it has replaced this
        # very manifest, and then ours is refused.
        current = self.current()
        check(current.document)
        self._uploader.complete()
        if verify:
            self._uploader.verify()
        manifest.replaced = self._stale(current)
        self._publish(manifest, current)
        self._remove(manifest.replaced)
        self._abort_twins()

    def current(self) -> Current:
        """Read the manifest that stands now."""
        try:
            data, etag = self._s3.get(self.manifest_key)
        except (DestinationError, S3CallError) as error:
            if isinstance(error, S3CallError) and error.status == 404:
                return Current({"If-None-Match": "*"})
            if isinstance(error, S3CallError) and not error.refused:
                raise
            log.warning("The manifest that stands can't be read, so nothing that it lists will be removed: %s", error)
            return Current({})
        try:
            document = json.loads(data)
        except ValueError:
            document = {}
        return Current({"If-Match": etag}, document)

    def neighbours(self, prefix: str, start_after: str, before: str | None) -> list[str]:
        """Return the keys, and the prefixes up to the next ``/``; none where S3 does not tell.

        :param prefix: what they begin with.
        :param start_after: they come after it; empty for all.
        :param before: and in front of it; None for all.
        """
        try:
            return self._s3.entries(prefix, start_after, before)
        except ChargebeeExportError as error:
            log.warning("The partition before this one can't be looked for: %s", error)
            return []

    def text(self, key: str) -> str | None:
        """Return a small object's text; None when there is none, or it may not be read."""
        try:
            return self._s3.get(key)[0].decode(errors="replace")
        except ChargebeeExportError:
            return None

    def _stale(self, current: Current) -> list[str]:
        """Return the keys of earlier runs: what their manifest knows, and what tries that died left unlisted."""
        earlier = {key for key in known_keys(current.document) if key.startswith(self._below)}
        if self._names.unique and self._can_tell and current.condition:
            try:
                there = self._s3.keys(self._below)
            except ChargebeeExportError as error:
                log.warning("What earlier tries may have left below %s can't be listed: %s", self._below, error)
            else:
                ours = self._names.pattern(any_export=self._sole)
                earlier &= there
                earlier |= {key for key in there if ours.fullmatch(key, len(self._below))}
        return sorted(earlier - {each.key for each in self._uploader.uploads} - {self.manifest_key})

    def _publish(self, manifest: Manifest, current: Current) -> None:
        """Put the manifest in the place of the one that was read, if that still stands."""
        condition = current.condition
        body = manifest.to_json().encode()
        args = for_manifest(self._s3.extra_args)
        self._undecided = True
        try:
            self._s3.put(self.manifest_key, body, args, condition)
        except DestinationError:
            self._undecided = False
            raise
        except S3CallError as error:
            if condition and error.code == "NotImplemented":
                log.warning("This S3 server can't write under a condition: two runs at once may collide.")
                # What no manifest lists may then be of a run that is about to commit.
                manifest.replaced = sorted(known_keys(current.document) & set(manifest.replaced))
                self._publish(manifest, Current({}, current.document))
                return
            # The first answer may have been lost, and a repeated call met our own manifest.
            stands = self._stands(body)
            if stands:
                return
            self._undecided = stands is None or not error.refused
            if condition and error.status in _CHANGED:
                raise UploadError(self._told_of_change(stands)) from None
            raise

    def _told_of_change(self, stands: bool | None) -> str:
        name = f"s3://{self.bucket}/{self.manifest_key}"
        if stands is None:
            return f"{name} may be this run's or another's, for it can't be read. The next try of this task decides."
        return (
            f"Another run has committed {name} meanwhile; what it wrote stands. The next try of this task starts over."
        )

    def _stands(self, body: bytes) -> bool | None:
        """Tell whether this manifest is the one that stands; None when it can't be read."""
        try:
            return self._s3.get(self.manifest_key)[0] == body
        except S3CallError as error:
            return False if error.status == 404 else None
        except ChargebeeExportError:
            return None

    def _remove(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        if keys:
            log.info("Removing %s that %s replaces", counted(len(keys), "object"), self.manifest_key)
        for problem in self._s3.delete(keys):
            log.warning("Not removed; the next run of this partition tries again: %s", problem)

    def _abort_earlier_uploads(self) -> None:
        """Drop the uploads that earlier tries of this job left, those of earlier exports, and what is a day old."""
        ours, alike = self._names.pattern(), self._names.pattern(any_export=True)
        # The export that was asked for later wins, so that two runs at once can't abort each other for ever; where the
        # names tell no export, the one that begins later does.
        limit = max(datetime.now(UTC) - ABANDONED, self._earlier_than)
        try:
            for key, upload_id, began in self._s3.uploads(self._below):
                abandoned = began < limit and alike.fullmatch(key, len(self._below))
                if abandoned or (self._can_tell and ours.fullmatch(key, len(self._below))):
                    log.info("Aborting the upload of %s that an earlier try has left", key)
                    self._s3.abort_upload(key, upload_id)
        except ChargebeeExportError as error:
            log.warning("Uploads that earlier tries may have left are not aborted: %s", error)

    def _abort_twins(self) -> None:
        """Drop the uploads that S3 began at a call of ours whose answer was lost, so that it was made again."""
        mine = {each.key for each in self._uploader.uploads}
        if not (self._s3.repeated and self._names.unique):
            return
        try:
            for key, upload_id, _ in self._s3.uploads(self._below):
                if key in mine:
                    log.info("Aborting an upload of %s that was begun twice", key)
                    self._s3.abort_upload(key, upload_id)
        except ChargebeeExportError as error:
            log.warning("An upload that was begun twice may be left: %s", error)

    def _discard(self) -> None:
        """Remove what this run has sent, as far as possible; what is committed stays."""
        try:
            self._uploader.abort()
            mine = {each.key for each in self._uploader.uploads if each.completing}
            if not mine:
                return
            if self._undecided:
                log.warning("Whether the manifest was written is not known, so its objects stay; the next try decides.")
                return
            if not self._names.unique:
                current = self.current()
                mine = mine - known_keys(current.document) if current.condition else set()
            self._remove(mine)
        except Exception as error:
            # The error that led here matters more than one of the clean-up.
            log.warning("What this try has sent is not all removed (%s); the next one does it.", error)
