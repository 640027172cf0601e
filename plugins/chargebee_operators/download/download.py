"""Fetches an export's zip as a stream of bytes, in several ranges at a time, resuming where a connection was cut.

The URL is signed and public, so it is a secret: it is requested when it is needed, never stored, and in no
message. Chargebee gives out a new one with every look at the export.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import DownloadError
from chargebee_operators.common.progress import Progress
from chargebee_operators.common.redaction import quieten
from chargebee_operators.common.task_log import task_log
from chargebee_operators.download.block_buffer import BlockBuffer, Stopped
from chargebee_operators.download.ranges import Block, RemoteObject
from chargebee_operators.download.shared_url import SharedUrl

if TYPE_CHECKING:
    from chargebee_operators.download.block_fetcher import BlockFetcher
    from chargebee_operators.download.client import DownloadClient

log = task_log(__name__)

# With five blocks at a time, one for each stream and one to be read, 10 MB are in memory at most.
BLOCK = 2 << 20
STREAMS = 4

# Seconds for the threads to end. Only a connection that is being made, or a URL that is being requested, takes any; a task
# that must end has five for everything.
_LEAVE = 2.0


class Download:
    """The bytes of one export's zip.

    They are fetched by threads of their own, ahead of the reader and within a bound of memory. Each
    iteration fetches the zip from its start; its end, early or not, ends the threads.

    :param fresh_url: gives a URL that works now; called before the first request, and again when that URL has died.
        From another thread than the one that iterates, but never twice at a time.
    :param settings: the site, for timeouts and the hosts that are allowed.
    :param export_id: for the log and for errors.
    :param resume_attempts: how often in a row a cut connection is taken up again, counted anew after each MB.
    :param pause: seconds before that, growing with each in a row.
    :param streams: how many ranges are fetched at a time, from a host that gives out ranges.
    :param block_size: bytes of a range.
    """

    def __init__(
        self,
        fresh_url: Callable[[], str],
        settings: SiteSettings,
        export_id: str,
        *,
        resume_attempts: int = 5,
        pause: float = 1.0,
        streams: int = STREAMS,
        block_size: int = BLOCK,
    ) -> None:
        self.settings = settings
        self.export_id = export_id
        self.resume_attempts = resume_attempts
        self.pause = pause
        self.streams = streams
        self.block_size = block_size
        self.received = 0
        self._fresh_url = fresh_url
        self._clients: set[DownloadClient] = set()
        self._begin()

    def _begin(self) -> None:
        """Forget what an earlier iteration has learned."""
        self.received = 0
        self._zip = RemoteObject()
        self._url = SharedUrl(self._fresh_url, self.export_id, self.resume_attempts, self.pause)

    @property
    def size(self) -> int | None:
        """The zip's bytes; None before the first ones are here, and where the host does not tell."""
        return self._zip.version.size if self._zip.version else None

    @property
    def is_ranged(self) -> bool:
        """Whether parts can be fetched with ``read``, as far as the first answer shows."""
        return bool(self._zip.ranged)

    @property
    def has_etag(self) -> bool:
        """Whether the host marks the zip's version with a strong ETag, as far as the first answer shows."""
        return self._zip.version is not None and self._zip.version.etag is not None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the zip's bytes, in order and each once.

        :raises DownloadError: when they can't be had whole.
        """
        self._begin()
        buffer = BlockBuffer(self.block_size, self.streams + 1)
        with self._fetcher() as fetcher:
            progress = Progress()  # of the download alone: the libraries may take long to import
            crew = _Crew(self, fetcher, buffer)
            try:
                crew.add()
                for data in buffer:
                    self.received += len(data)
                    line = progress.add(len(data), self.size)
                    if line is not None:
                        log.info("Export %s: %s", self.export_id, line)
                    if data:
                        yield data
            finally:
                buffer.stop()
                fetcher.client.close()
                crew.join()
        log.info("Export %s: fetched %s", self.export_id, progress.end())

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from anywhere in the zip, over a connection of their own; once its first bytes are here.

        :raises DownloadError: when the host can't give a part, or the zip is another one by now.
        """
        size = self.size
        if not self.is_ranged or size is None or not 0 <= offset <= offset + length <= size:
            raise DownloadError(f"Export {self.export_id}: the download host can't give that part of the zip.")
        parts: list[bytes] = []

        def put(block: Block, data: bytes) -> bool:
            parts.append(data)
            return True

        with self._fetcher() as fetcher:
            try:
                fetcher.fetch(Block(offset, offset + length - 1), put, lambda: None)
            except Exception as error:
                failure = error
            else:
                return b"".join(parts)
        raise _told(failure, self.export_id)

    def close(self) -> None:
        """Stop whatever is going on, from any thread; the reader gets a DownloadError."""
        for client in tuple(self._clients):
            client.close()

    @contextmanager
    def _fetcher(self) -> Iterator[BlockFetcher]:
        from chargebee_operators.download.block_fetcher import BlockFetcher
        from chargebee_operators.download.client import DownloadClient

        quieten()
        client = DownloadClient(self.settings, self.export_id, self.streams)
        self._clients.add(client)
        try:
            yield BlockFetcher(client, self._url, self._zip, self.export_id, self.resume_attempts, self.pause)
        finally:
            self._clients.discard(client)
            client.close()


class _Crew:
    """The threads that fetch: one until the first answer tells that there are ranges for more."""

    def __init__(self, download: Download, fetcher: BlockFetcher, buffer: BlockBuffer) -> None:
        self._download = download
        self._fetcher = fetcher
        self._buffer = buffer
        self._threads: list[threading.Thread] = []
        self._opened = False

    def add(self) -> None:
        # A daemon: a process that ends does not wait for it, whatever happens.
        name = f"download-{self._download.export_id}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        deadline = time.monotonic() + _LEAVE
        for thread in self._threads:  # which the first may lengthen until it has ended
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        try:
            while (block := self._buffer.claim()) is not None:
                self._fetcher.fetch(block, self._buffer.put, self._open)
                self._buffer.complete(block)
        except Exception as error:
            failure = error
        else:
            return
        self._buffer.fail(_told(failure, self._download.export_id))

    def _open(self) -> None:
        """Bring in the others, if there is something for them to do."""
        if self._opened:
            return
        self._opened = True
        size = self._download.size
        if self._download.is_ranged and size is not None:
            self._buffer.reach(size)
            blocks = -(-size // self._download.block_size)
            for _ in range(min(self._download.streams, blocks) - 1):
                self.add()


def _told(error: Exception, export_id: str) -> Exception:
    """Return the error that the reader is to see."""
    return DownloadError(f"Export {export_id}: the download was stopped.") if isinstance(error, Stopped) else error
