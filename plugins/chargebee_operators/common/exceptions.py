"""What can go wrong, as one tree.

::

    ChargebeeExportError
    |-- SettingsError (also a ValueError)      a wrong argument, connection or window; nothing was sent
    |-- ChargebeeApiError                      Chargebee answered, and the answer is no
    |   |-- AuthenticationError                401: the key is not this site's
    |   |-- AccessDeniedError                  403: the key may not do exports
    |   |-- RequestRejectedError               any other 4xx: the request itself is wrong
    |   |-- ThrottledError                     429: no free slot, or too many calls; wait and ask again
    |   `-- UnavailableError                   5xx, a timeout, a cut connection, an answer that is not JSON
    |-- ExportFailedError                      the job ended as ``failed``
    |-- EarlyExportError                       the export was requested before its window ended
    |-- DownloadError                          the zip could not be fetched whole
    |   `-- DownloadRefusedError               it may not be fetched from where it is; only a setting can correct that
    |-- ArchiveError                           the zip came whole but is damaged
    |   `-- UnsafeArchiveError                 the zip is not one to be unpacked: encrypted, or a bomb
    |-- ConversionError                        a CSV of the export cannot become the requested Parquet
    |-- WindowCheckError                       rows are outside the requested window
    |-- ColumnsChangedError                    the columns are not those of the last partition, and that is not wanted
    |-- DestinationError                       the bucket is missing, or may not be written
    |-- UploadError                            an object is not in S3 as it was sent
    `-- CatalogError                           Glue gave no answer, or a table was changed by another run
        `-- CatalogRefusedError                a right is missing, or a table is not one that may be changed

``permanent`` says whether trying the same again is pointless; the operators turn a permanent error into
Airflow's ``AirflowFailException``, so that no retry is spent on it. No message ever holds an API key or a
download URL.
"""

from __future__ import annotations

from chargebee_operators.common.foreign_text import clean_line


class ChargebeeExportError(Exception):
    """Base of all errors of this package.

    :param message: sentences for the person who reads the task log. They become one line of bounded length, whatever
        text from outside they quote.
    """

    permanent = False

    def __init__(self, message: object = "") -> None:
        super().__init__(clean_line(message))


class SettingsError(ChargebeeExportError, ValueError):
    """An argument, a connection or a window is wrong; the message names it, its value and the mend."""

    permanent = True


class ChargebeeApiError(ChargebeeExportError):
    """Chargebee refused a call.

    :param message: one sentence for the person who reads the task log.
    :param status: the HTTP status, or None when no answer came.
    :param code: Chargebee's ``api_error_code``, or None.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class AuthenticationError(ChargebeeApiError):
    """401: the API key is not one of this site."""

    permanent = True


class AccessDeniedError(ChargebeeApiError):
    """403: the API key is known but may not do this."""

    permanent = True


class RequestRejectedError(ChargebeeApiError):
    """400, 404, 405, 409 or 422: the same request would be refused again."""

    permanent = True


class ThrottledError(ChargebeeApiError):
    """429: five exports are in process already, or the calls of this minute are used up.

    :param retry_after: seconds that Chargebee asked to wait, or None when it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, code: str | None = None) -> None:
        super().__init__(message, status=429, code=code)
        self.retry_after = retry_after


class UnavailableError(ChargebeeApiError):
    """No usable answer: 5xx, a timeout, a lost connection or a body that is not JSON.

    :param retry_after: seconds that Chargebee asked to wait, or None when it did not say.
    :param reached: whether a connection was made at all. Without one, the address or the network may be wrong.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        reached: bool = True,
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_after = retry_after
        self.reached = reached


class ExportFailedError(ChargebeeExportError):
    """Chargebee ended the job as ``failed``, which it never explains; a narrower window is its advice."""

    permanent = True


class EarlyExportError(ChargebeeExportError):
    """The export was requested before its window ended, by Chargebee's clock, so it lacks later changes."""

    permanent = True


class DownloadError(ChargebeeExportError):
    """The zip could not be fetched whole."""


class DownloadRefusedError(DownloadError):
    """The zip is where it must not be fetched from: a host, an address, plain http, or an untrusted certificate."""

    permanent = True


class ArchiveError(ChargebeeExportError):
    """The zip is damaged: a wrong checksum, a missing end, a body that is no zip."""


class UnsafeArchiveError(ArchiveError):
    """The zip must not be unpacked: encrypted, an unknown method, or far beyond the size limits."""

    permanent = True


class ConversionError(ChargebeeExportError):
    """A row, a value or an encoding that does not fit the Parquet file; the message says where, never what."""

    permanent = True


class WindowCheckError(ChargebeeExportError):
    """Chargebee exported rows outside the window, so it has ignored the filter; it would do so again."""

    permanent = True


class ColumnsChangedError(ChargebeeExportError):
    """Columns have come or gone since the last partition, and ``column_changes`` says that this must not pass."""

    permanent = True


class DestinationError(ChargebeeExportError):
    """The bucket does not exist or may not be written."""

    permanent = True


class UploadError(ChargebeeExportError):
    """An object is not in S3 as it was sent: gone, or of another size."""


class CatalogError(ChargebeeExportError):
    """A table could not be registered in Glue; the same may work later."""


class CatalogRefusedError(CatalogError):
    """Glue refused a call, or a table in Glue is not one that this package may change."""

    permanent = True
