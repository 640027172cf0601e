"""How a zip is delivered: from which host, with which marks, and how fast."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from chargebee_operators.archive.directory import read_directory
from chargebee_operators.archive.records import Entry
from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.common.progress import size_text
from chargebee_operators.doctor.findings import Report
from chargebee_operators.doctor.sample_file import SampleFile, sample_files
from chargebee_operators.download.download import Download
from chargebee_operators.hooks import ChargebeeHook

# Below so many bytes a speed says little.
_TELLING = 4 << 20


class Delivery:
    """Downloads zips, and remembers what their hosts do. A URL stays in here: a person who has it has the data.

    :param hook: of the site.
    :param report: the report.
    """

    def __init__(self, hook: ChargebeeHook, report: Report) -> None:
        self._hook = hook
        self._report = report
        self._hosts: set[str] = set()
        self._ranged: set[bool] = set()
        self._marked: set[bool] = set()
        self._largest: tuple[int, str] = (0, "")

    def fetch(self, export_id: str) -> list[SampleFile] | None:
        """Return the files of an export; None where they can't be had, which is reported."""
        download = self._download(export_id, streams=1)
        try:
            files = sample_files(download, lambda: _directory(download))
        except ChargebeeExportError as error:
            self._report.wrong("download", str(error))
            return None
        finally:
            download.close()
        self._ranged.add(download.is_ranged)
        self._marked.add(download.has_etag)
        self._largest = max(self._largest, (download.received, export_id))
        return files

    def finish(self) -> None:
        """Report on the hosts, and on the speed of the largest zip."""
        if not self._hosts:
            return
        hosts = sorted(self._hosts)
        self._report.ok("download", f"The zips come from {', '.join(hosts)}.")
        if False in self._ranged:
            self._report.attention(
                "download", "The host serves no ranges, so a zip is fetched in one stream, and anew after a cut."
            )
        elif True in self._ranged:
            self._report.ok("download", "The host serves ranges: a zip is fetched in parallel and resumed after a cut.")
        if False in self._marked:
            self._report.attention(
                "download",
                "The host sends no strong ETag. A cut download is continued only where size and time of the last change show "
                "that the zip is still the same.",
            )
        elif True in self._marked:
            self._report.ok("download", "The host sends an ETag, which shows that a zip is still the same after a cut.")
        facts = {
            "hosts": hosts,
            "ranges": sorted(self._ranged),
            "etag": sorted(self._marked),
            "bytes_a_second": self._speeds(),
        }
        self._report.facts["download"] = facts
        if not self._hook.settings.allowed_download_hosts:
            extra = json.dumps({"allowed_download_hosts": hosts})
            self._report.settings.append(f"# In the extra of the connection: {extra}")

    def _speeds(self) -> dict[str, int]:
        size, export_id = self._largest
        if size < _TELLING:
            self._report.ok("download", f"The largest zip has {size_text(size)}, too little to measure a speed.")
            return {}
        speeds: dict[str, int] = {}
        for streams in (1, 4):
            download = self._download(export_id, streams=streams)
            began = time.monotonic()
            try:
                received = sum(len(each) for each in download)
            except ChargebeeExportError as error:
                self._report.attention("download", str(error))
                return speeds
            finally:
                download.close()
            speeds[str(streams)] = round(received / max(time.monotonic() - began, 1e-3))
        self._report.ok(
            "download",
            f"{size_text(size)} came at {size_text(speeds['1'])}/s in one stream and {size_text(speeds['4'])}/s in four.",
        )
        return speeds

    def _download(self, export_id: str, streams: int) -> Download:
        return Download(self._fresh_url(export_id), self._hook.settings, export_id, streams=streams)

    def _fresh_url(self, export_id: str) -> Callable[[], str]:
        def look() -> str:
            url = self._hook.get_export(export_id).download_url
            if url is None:
                raise ChargebeeExportError(f"Export {export_id} has no download URL.")
            self._hosts.add(urlsplit(url).hostname or "")
            return url

        return look


def _directory(download: Download) -> Mapping[int, Entry] | None:
    """Read the zip's directory; None where the host serves no ranges."""
    size = download.size if download.is_ranged else None
    return None if size is None else read_directory(download.read, size)
