"""Gets blocks of one object, whatever happens to the connections on the way. Only imported in a worker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from chargebee_operators.common.exceptions import DownloadError
from chargebee_operators.common.polling import next_try, retry_after
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.download.block_buffer import Stopped
from chargebee_operators.download.client import Answer, DownloadClient, Interrupted
from chargebee_operators.download.ranges import Block, ObjectVersion, RemoteObject, Span
from chargebee_operators.download.shared_url import SharedUrl

log = task_log(__name__)

CHUNK = 256 * 1024
# Less than this between two failures is no progress, or a host that cuts after ten bytes would never be given up.
PROGRESS = 1 << 20


class BlockFetcher:
    """Fetches blocks, each resumed where its connection was cut; safe to be used by several threads.

    The very first request carries data already. It asks for the first block by its range, so its answer tells
    whether the host gives out ranges; one that does not sends the whole object, and that is taken in its place.

    :param client: sends the requests.
    :param url: the URL that all share.
    :param zip_: what is known of the zip.
    :param export_id: for the log and for errors.
    :param attempts: how often in a row a block is taken up again, counted anew after each MB of progress.
    :param pause: seconds before that, growing with each in a row.
    """

    def __init__(
        self, client: DownloadClient, url: SharedUrl, zip_: RemoteObject, export_id: str, attempts: int, pause: float
    ) -> None:
        self.client = client
        self._url = url
        self._zip = zip_
        self._export_id = export_id
        self._attempts = attempts
        self._pause = pause
        self._without_range = False

    def fetch(self, block: Block, put: Callable[[Block, bytes], bool], opened: Callable[[], None]) -> None:
        """Get a block's missing bytes.

        :param block: its ``at`` moves with what has come; the first block becomes the whole object where the host
            gives out no ranges.
        :param put: takes bytes in order, and tells whether more are wanted.
        :param opened: called when an answer is good, before its first byte.
        :raises DownloadError: when the block can't be had, or is of another object.
        :raises Stopped: when nobody wants it any more.
        """
        failures, mark = 0, block.at
        while not block.complete:
            try:
                self._receive(block, put, opened)
                continue
            except Interrupted as error:
                problem = error
            if block.at - mark >= PROGRESS:
                failures, mark = 0, block.at
            failures += 1
            if failures > self._attempts:
                raise DownloadError(
                    f"Export {self._export_id}: {problem} at byte {block.at}, in {counted(failures, 'try', 'tries')} in a row."
                )
            log.info("Export %s: %s at byte %s, resuming", self._export_id, problem, block.at)
            if not (problem.at_once and failures == 1):
                self.client.stopped.wait(next_try(failures, self._pause, problem.retry_after))

    def _receive(self, block: Block, put: Callable[[Block, bytes], bool], opened: Callable[[], None]) -> None:
        """Send one request and take what it brings."""
        url = self._url.get(self.client.stopped)
        with closing(self.client.get(url, self._headers(block))) as answer:
            span = self._good_span(answer, block, url)
            if span is None:
                return
            opened()
            self._copy(answer, span, block, put)

    def _headers(self, block: Block) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if block.at or not (self._zip.ranged is False or self._without_range):
            headers["Range"] = f"bytes={block.at}-{'' if block.last is None else block.last}"
            if self._zip.version is not None and self._zip.version.etag:
                headers["If-Range"] = self._zip.version.etag
        return headers

    def _good_span(self, answer: Answer, block: Block, url: str) -> Span | None:
        """Return which bytes an answer brings; None when the request has to be put in another way."""
        opening = self._zip.version is None
        if answer.status == 416 and opening and not self._without_range:
            # An empty object has no first range; asked for whole it can be had.
            self._without_range = True
            return None
        if answer.status == 416 and block.of_unknown_end and self._is_end(answer, block):
            block.last = block.at - 1
            return None
        self._check_status(answer, url)
        encoding = answer.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise DownloadError(
                f"Export {self._export_id}: the download host sends the zip compressed once more (Content-Encoding "
                f"{encoding[:40]!r}), although the request forbids it, so it can't be resumed. Look for a proxy that "
                "does it."
            )
        version = ObjectVersion.of(answer.status, answer.headers)
        if opening and answer.status == 206 and not (version.provable and version.size is not None):
            if self._without_range:
                raise Interrupted("the download host gave a part where the whole was requested")
            self._without_range = True
            return None
        self._check_version(version, block)
        span = Span.of(answer.status, answer.headers)
        if span is None or (answer.status == 206 and span.first != block.at) or (answer.status == 200 and block.first):
            raise Interrupted("the download host gave another range than was requested")
        self._note(answer.status, version, span, block)
        return span

    def _is_end(self, answer: Answer, block: Block) -> bool:
        """Tell whether nothing comes behind what is here, of this very object."""
        told, etag = answer.headers.get("Content-Range", "").strip(), answer.headers.get("ETag", "").strip()
        begun = self._zip.version.etag if self._zip.version else None
        return told in ("", "bytes */*", f"bytes */{block.at}") and etag in ("", begun)

    def _check_status(self, answer: Answer, url: str) -> None:
        status = answer.status
        if status in (200, 206):
            return
        if status in (408, 429) or status >= 500:
            folded = {name.lower(): value for name, value in answer.headers.items()}
            raise Interrupted(f"the download host answered {status}", retry_after=retry_after(folded))
        # It has expired or was withdrawn. A fresh one mends that, and time does not.
        self._url.died(url)
        raise Interrupted(f"the download host answered {status}", at_once=True)

    def _check_version(self, version: ObjectVersion, block: Block) -> None:
        """See that the answer continues the very object that was begun."""
        begun = self._zip.version
        if begun is None or (not begun.provable and not block.at):
            return
        if not begun.provable:
            missing = "size" if begun.modified else "ETag or date"
            raise DownloadError(
                f"Export {self._export_id}: the connection broke at byte {block.at}, and the download host gives no "
                f"{missing} that identifies the zip, so it can't be resumed; the task must start over."
            )
        if not begun.same_as(version):
            raise DownloadError(
                f"Export {self._export_id}: the zip changed while it was fetched; the task must start over."
            )

    def _note(self, status: int, version: ObjectVersion, span: Span, block: Block) -> None:
        """Keep what this answer has told of the object."""
        if self._zip.ranged is None:
            self._zip.ranged = status == 206
        known = self._zip.version
        if known is None or not known.provable or known.size is None:
            self._zip.version = version
        size = version.size
        block.of_unknown_end = status == 206 and size is None and block.last is None
        if not self._zip.ranged and not block.first:
            block.last = None if size is None else size - 1
        elif block.last is not None and size is not None:
            block.last = min(block.last, size - 1)

    def _copy(self, answer: Answer, span: Span, block: Block, put: Callable[[Block, bytes], bool]) -> None:
        at = span.first
        ends = [last + 1 for last in (span.last, block.last) if last is not None]
        end = min(ends) if ends else None
        while end is None or at < end:
            data = answer.read(CHUNK if end is None else min(CHUNK, end - at))
            if not data:
                if self.client.stopped.is_set():  # what woke the reader looks like the end of the connection
                    raise Stopped
                break
            # A host without ranges begins at the front again; what is here already is passed over.
            fresh = data[max(0, block.at - at) :] if at < block.at else data
            at += len(data)
            if fresh:
                if not put(block, fresh):
                    raise Stopped
                block.at += len(fresh)
        if end is None:  # a whole object without a length
            block.last = block.at - 1
        elif at < end:
            raise Interrupted(f"the connection ended {counted(end - at, 'byte')} early")
