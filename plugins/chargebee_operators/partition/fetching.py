"""A download on its way into a landing: where the zip's directory can be read ahead, it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from chargebee_operators.archive.companions import companion_of
from chargebee_operators.archive.directory import read_directory
from chargebee_operators.archive.limits import Limits
from chargebee_operators.archive.records import Entry
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.common.prompt_threads import prompt_threads
from chargebee_operators.download.download import Download
from chargebee_operators.partition.landing import Landing


def send_download(download: Download, limits: Limits, landing: Landing) -> None:
    """Fetch a zip and send what is in it; the download is closed at the end.

    :param limits: how far it may be unpacked.
    :raises ArchiveError: when the zip is damaged.
    :raises DownloadError: when it can't be fetched whole.
    """

    def size() -> int | None:
        return download.size if download.is_ranged else None

    @cache
    def directory() -> Mapping[int, Entry] | None:
        known = size()
        return None if known is None else read_directory(download.read, known, limits.members)

    def names() -> list[str] | None:
        entries = directory()
        if entries is None:
            return None
        return [each.text for each in entries.values() if not each.text.endswith("/") and not companion_of(each.text)]

    def open_archive(chunks: Iterable[bytes]) -> ZipStream:
        return ZipStream(chunks, limits, directory=directory, size=size)

    try:
        with prompt_threads():
            landing.send(download, open_archive, lambda: download.size, names)
    finally:
        # An error keeps the iteration alive until it is dealt with; its threads need not last that long.
        download.close()
