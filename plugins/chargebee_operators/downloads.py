"""Fetches an export's zip as a stream of bytes, resuming where a connection was cut.

The URL is signed and public, so it is a secret: it is asked for when it is needed, never stored, and in no
message. Chargebee gives out a new one with every look at the export.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from chargebee_operators.connection import SiteSettings
from chargebee_operators.exceptions import DownloadError, ThrottledError, UnavailableError
from chargebee_operators.redaction import quieten

if TYPE_CHECKING:
    import requests

# Below "airflow.task", or Airflow 2 would leave its lines out of the task log.
log = logging.getLogger(f"airflow.task.{__name__}")

CHUNK = 256 * 1024
MAX_REDIRECTS = 5
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Download:
    """The bytes of one export's zip.

    :param fresh_url: gives a URL that works now; called before the first request and before each resumption.
    :param settings: the site, for timeouts and the hosts that are allowed.
    :param export_id: for the log and for errors.
    :param resume_attempts: how often a cut connection is taken up again, counted anew after each 64 MB of progress.
    :param pause: seconds before a resumption, doubling with each in a row.
    """

    PROGRESS = 64 << 20

    def __init__(
        self,
        fresh_url: Callable[[], str],
        settings: SiteSettings,
        export_id: str,
        *,
        resume_attempts: int = 5,
        pause: float = 1.0,
    ) -> None:
        self.settings = settings
        self.export_id = export_id
        self.resume_attempts = resume_attempts
        self.pause = pause
        self.size: int | None = None
        self.received = 0
        self._etag: str | None = None
        self._fresh_url = fresh_url

    def __iter__(self) -> Iterator[bytes]:
        """Yield the zip's bytes, in order and each once.

        :raises DownloadError: when they can't be had whole.
        """
        import requests

        quieten()
        failures, mark = 0, 0
        with requests.Session() as session:
            while True:
                try:
                    with self._open(session) as response:
                        yield from self._body(response)
                    problem = self._shortfall()
                    if problem is None:
                        return
                except _Refused as error:
                    problem = str(error)
                except (ThrottledError, UnavailableError) as error:
                    problem = f"no fresh URL ({error})"
                except (requests.RequestException, OSError) as error:
                    # The library's message quotes the URL, so only its kind goes on.
                    problem = f"the connection broke ({type(error).__name__})"
                if self.received - mark >= self.PROGRESS:
                    failures, mark = 0, self.received
                failures += 1
                if failures > self.resume_attempts:
                    raise DownloadError(
                        f"Export {self.export_id}: {problem} at byte {self.received}, {failures} times in a row."
                    )
                log.info("Export %s: %s at byte %s, resuming", self.export_id, problem, self.received)
                time.sleep(self.pause * 2 ** (failures - 1))

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from anywhere in the zip, over a connection of their own.

        :raises DownloadError: when the host can't give a part, or the zip is another one by now.
        """
        import requests

        headers = {"Accept-Encoding": "identity", "Range": f"bytes={offset}-{offset + length - 1}"}
        try:
            with requests.Session() as session, self._follow(session, self._fresh_url(), headers) as response:
                same = (response.headers.get("ETag"), _total(response)) == (self._etag, self.size)
                data = response.content if response.status_code == 206 and same else b""
        except requests.RequestException as error:
            data, kind = b"", f" ({type(error).__name__})"
        else:
            kind = ""
        if len(data) != length:
            raise DownloadError(f"Export {self.export_id}: the download host did not give a part of the zip{kind}.")
        return data

    def _open(self, session: requests.Session) -> requests.Response:
        """Ask for the bytes that are still missing."""
        headers = {"Accept-Encoding": "identity"}
        if self.received:
            headers["Range"] = f"bytes={self.received}-"
            if self._etag:
                headers["If-Range"] = self._etag
        response = self._follow(session, self._fresh_url(), headers)
        try:
            self._check(response)
        except BaseException:
            response.close()
            raise
        return response

    def _follow(self, session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
        verify: bool | str = self.settings.ca_bundle or True
        for _ in range(MAX_REDIRECTS + 1):
            self._check_host(url)
            response = session.get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(self.settings.connect_timeout, self.settings.read_timeout),
                # On each call: REQUESTS_CA_BUNDLE would override the session's own.
                verify=verify,
            )
            if not response.is_redirect:
                return response
            url = urljoin(url, response.headers["Location"])
            response.close()
        raise DownloadError(f"Export {self.export_id}: the download host redirects more than {MAX_REDIRECTS} times.")

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        plain = self.settings.custom_endpoint and self.settings.base_url.startswith("http:")
        if parts.scheme != "https" and not (plain and parts.scheme == "http"):
            raise DownloadError(f"Export {self.export_id}: the download is not on https; refused.")
        allowed = self.settings.allowed_download_hosts
        host = (parts.hostname or "").lower()
        if allowed and not any(host == each or host.endswith(f".{each}") for each in allowed):
            raise DownloadError(
                f"Export {self.export_id}: download host {host!r} is not in allowed_download_hosts of the connection's "
                f"extra ({', '.join(allowed)})."
            )

    def _check(self, response: requests.Response) -> None:
        """See that the answer continues the very object that was begun."""
        if response.status_code not in (200, 206):
            # A refused URL has expired or was withdrawn; the next attempt brings a fresh one.
            raise _Refused(f"the download host answered {response.status_code}")
        etag = response.headers.get("ETag")
        total = _total(response)
        if self.received:
            if (etag, total) != (self._etag, self.size):
                raise DownloadError(
                    f"Export {self.export_id}: the zip changed while it was fetched; the task must start over."
                )
            if response.status_code == 200:
                raise DownloadError(
                    f"Export {self.export_id}: the connection broke at byte {self.received} and the download host can't "
                    "resume; the task must start over."
                )
        self._etag, self.size = etag, total

    def _body(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the answer's bytes just as they came over the wire."""
        from urllib3.exceptions import HTTPError

        try:
            while data := response.raw.read(CHUNK):
                self.received += len(data)
                yield data
        except HTTPError as error:
            kind = type(error).__name__
        else:
            return
        raise _Refused(f"the connection broke ({kind})")

    def _shortfall(self) -> str | None:
        """Tell what is missing; a close-delimited answer can end early without any error."""
        if self.size is not None and self.received < self.size:
            return f"the connection ended {self.size - self.received} bytes early"
        return None


class _Refused(OSError):
    """An answer that another attempt may better."""


def _total(response: requests.Response) -> int | None:
    """Return the whole object's size, if the answer tells it."""
    match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    if match:
        return int(match.group(2))
    length = response.headers.get("Content-Length", "")
    return int(length) if response.status_code == 200 and length.isdigit() else None
