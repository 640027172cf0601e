"""Reads an answer off its connection such that a failure is seen as one, and costs nothing that had come before it.

Python's ``http.client`` takes a connection that ends among the headers for the end of the headers, and drops what a read
has got together when an error meets it. A socket's timeout begins anew with each byte. Only imported in a worker.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import Any

# Bytes a second. A connection that gives less for twice its timeout has stalled: others will be quicker.
SLOWEST = 1024


class Response(http.client.HTTPResponse):
    """An HTTP response; for ``response_class`` of a connection."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        buffered: Any = self.fp
        self._wire = _Wire(buffered.detach(), sock.gettimeout())
        self.fp = io.BufferedReader(self._wire)

    def begin(self) -> None:
        """Read the status and the headers.

        :raises RemoteDisconnected: also when the connection ends among them.
        """
        super().begin()
        if self._wire.ended:
            self.close()
            raise http.client.RemoteDisconnected("the connection ended among the headers")
        self._wire.forget()

    def read(self, amt: int | None = None) -> bytes:
        """Return so many bytes of the body, or those that came before the connection failed; the next call fails."""
        # Not of a body in chunks: half of a chunk's size would be taken for the whole.
        self._wire.in_hand = None if self.chunked else 0
        try:
            return super().read(amt)
        finally:
            self._wire.in_hand = None


class _Wire(io.RawIOBase):
    """What a connection receives.

    :param raw: the socket's own file.
    :param patience: the socket's timeout in seconds; twice as long next to nothing may come. None for any time.
    """

    def __init__(self, raw: io.RawIOBase, patience: float | None) -> None:
        self.ended = False
        self.in_hand: int | None = None  # bytes that a read of the body has got so far; None outside of one
        self._raw = raw
        self._patience = patience
        self._waited = 0.0
        self._came = 0
        self.failure: OSError | None = None

    def readable(self) -> bool:
        """Say yes: for ``BufferedReader``."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Receive into a buffer; 0 at the end, or where a failure has to wait for what came before it."""
        if self.failure is None:
            began = time.monotonic()
            try:
                count: int | None = self._raw.readinto(buffer)
            except OSError as error:
                self.failure = error
            else:
                self._take(count or 0, time.monotonic() - began)
                self.ended = not count
                return count
        if self.in_hand:
            return 0
        raise self.failure

    def forget(self) -> None:
        """Begin anew with the wait."""
        self._came, self._waited = 0, 0.0

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()

    def _take(self, count: int, waited: float) -> None:
        """Note what came; a connection that has become too slow fails at the next call."""
        if self.in_hand is not None:
            self.in_hand += count
        self._came += count
        self._waited += waited
        # Twice, for one long wait is the socket's own affair.
        if self._patience is not None and self._waited >= 2 * self._patience:
            if self._came < SLOWEST * self._waited:
                self.failure = TimeoutError("next to nothing came")
            self.forget()
