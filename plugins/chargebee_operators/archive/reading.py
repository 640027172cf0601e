"""What the members of a zip share while it is read: its bytes, its limits, and its directory where that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from chargebee_operators.archive.byte_source import ByteSource
from chargebee_operators.archive.inflate import Inflater
from chargebee_operators.archive.limits import Limits
from chargebee_operators.archive.records import LEAST_OF_MEMBER, Entry, check_members
from chargebee_operators.common.exceptions import ArchiveError, DownloadError, UnsafeArchiveError

Directory = Mapping[int, Entry]


class Reading:
    """The state of one zip that is being read.

    :param source: the zip's bytes.
    :param limits: how far it may go.
    :param new_inflater: makes an ``Inflater`` of raw DEFLATE.
    :param directory: the zip's directory by offset, or a function that reads it, or None; as ``ZipStream`` takes it.
    :param size: gives the zip's bytes, as ``ZipStream`` takes it.
    """

    def __init__(
        self,
        source: ByteSource,
        limits: Limits,
        new_inflater: Callable[[], Inflater],
        directory: Callable[[], Directory | None] | Directory | None,
        size: Callable[[], int | None],
    ) -> None:
        self.source = source
        self.limits = limits
        self.new_inflater = new_inflater
        self._read_directory = directory if callable(directory) else None
        self._listed = None if callable(directory) else directory
        self._size = size
        self._total = 0

    def count(self, name: str, inflated: int) -> None:
        """Count inflated bytes against the limits."""
        self._total += inflated
        self.limits.check(self._total, self.source.position, f", in member {name!r}")

    def listed(self, member: Entry) -> Entry | None:
        """Return what the directory says of a member before the stream gets there, None if it can't be read."""
        if self._listed is None:
            self._read_listed()
            self._check_ahead()
        return self.listed_ahead(member)

    def listed_ahead(self, member: Entry) -> Entry | None:
        """Return what the directory says of a member, None if it was not read."""
        if self._listed is None:
            return None
        entry = self._listed.get(member.offset)
        if entry is None:
            raise ArchiveError(f"The zip is damaged: its directory does not list {member.text!r}.")
        if problem := member.difference(entry, "the directory", header_only=True):
            raise ArchiveError(f"Member {member.text!r} of the zip is damaged: {problem}.")
        return entry

    def look_ahead(self) -> None:
        """Refuse a zip that holds too much before anything of it is given out, where its directory can be read.

        One that is too small to hold too many members is read without it, which spares a request for most exports.
        """
        size = self._size()
        if self._listed is None and size is not None and size >= self.limits.members * LEAST_OF_MEMBER:
            with suppress(DownloadError):  # it is of use, but not needed
                self._read_listed()
        self._check_ahead()

    def _read_listed(self) -> None:
        if self._listed is None and self._read_directory:
            self._listed = self._read_directory()
            if self._listed is None:
                self._read_directory = None

    def _check_ahead(self) -> None:
        """Refuse by the directory, where it was read, what would be refused later."""
        if self._listed is None:
            return
        check_members(len(self._listed), self.limits.members)
        compressed = sum(each.compressed for each in self._listed.values())
        self.limits.check(sum(each.inflated for each in self._listed.values()), compressed, "")
        end = 0
        for offset in sorted(self._listed):
            entry = self._listed[offset]
            if offset < end:
                raise UnsafeArchiveError(f"The zip is a bomb: {entry.text!r} lies inside of another member.")
            end = offset + 30 + len(entry.name) + entry.compressed
