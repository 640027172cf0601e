"""A zip read as it arrives: no seeking, no temporary file, nothing larger than a chunk in memory.

The members come in the order of their local headers. Every byte is accounted for: each member's CRC-32 and
sizes are checked against what was read, and the central directory at the end must name the same members, so a
zip that was cut or altered can't pass for a whole one. Format: PKWARE APPNOTE 6.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator

from chargebee_operators.archive.byte_source import ByteSource
from chargebee_operators.archive.directory import DirectoryEnd, check_directory_length, read_end
from chargebee_operators.archive.inflate import Inflater, best_codec
from chargebee_operators.archive.limits import Limits
from chargebee_operators.archive.member import Member
from chargebee_operators.archive.reading import Directory, Reading
from chargebee_operators.archive.records import (
    CENTRAL,
    DESCRIPTOR,
    END,
    END64,
    LOCAL,
    Entry,
    check_members,
    check_name,
    read_central_entry,
)
from chargebee_operators.common.exceptions import ArchiveError, UnsafeArchiveError
from chargebee_operators.common.file_kinds import kind_of

# What a zip begins with that was to be split in parts but fitted into one.
_ONE_PART = b"PK00"


class ZipStream:
    """The members of a zip, read from an iterable of its bytes.

    :param chunks: the zip's bytes, in pieces of any size.
    :param limits: how far it may go.
    :param new_inflater: makes an ``Inflater`` of raw DEFLATE; isal's where it imports, zlib's otherwise.
    :param directory: the directory at the zip's end, by offset, as ``read_directory`` gives it. Then what is wrong
        shows before the first member, or at the member. Or a function that reads it, called only for a large zip, and
        for a member whose size is behind it and has to be known ahead. None where the zip can't be read out of order.
    :param size: gives the zip's bytes once its first ones are here; None where they are not known. One that is large
        enough to hold too many members has its directory read before the first of them.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        limits: Limits | None = None,
        new_inflater: Callable[[], Inflater] | None = None,
        directory: Callable[[], Directory | None] | Directory | None = None,
        size: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._source = ByteSource(chunks)
        self._limits = limits or Limits()
        inflater = new_inflater or best_codec().new_inflater
        self._reading = Reading(self._source, self._limits, inflater, directory, size)
        self._found: list[Entry] = []

    def members(self) -> Iterator[Member]:
        """Yield each file; after the last, check the central directory. Raises what ``entries`` does."""
        return (each for each in self.entries() if not each.is_dir)

    def entries(self) -> Iterator[Member]:
        """Yield each file and folder; after the last, check the central directory.

        :raises ArchiveError: when the zip is damaged, cut short, or no zip at all.
        :raises UnsafeArchiveError: when it is not one to be unpacked.
        """
        signature = self._first()
        self._reading.look_ahead()
        while signature == LOCAL:
            offset = self._source.position - 4
            header = self._source.exactly(26, "a member's header")
            name_size, extra_size = struct.unpack_from("<HH", header, 22)
            check_name(name_size)
            name = self._source.exactly(name_size, "a member's name")
            extra = self._source.exactly(extra_size, "a member's header")
            member = Member(self._reading, header, name, extra, offset)
            self._found.append(member.found)
            check_members(len(self._found), self._limits.members)
            yield member
            if not member.finished:
                for _ in member:
                    pass
            signature = self._source.upto(4)
        self._check_directory(signature)

    def _first(self) -> bytes:
        """Return the first signature."""
        signature = self._source.upto(4)
        if signature == _ONE_PART:
            signature = self._source.upto(4)
        if signature == DESCRIPTOR:
            raise UnsafeArchiveError("This is the first part of a zip in several parts, which can't be read alone.")
        if signature in (b"P", b"PK", LOCAL[:3]):
            raise ArchiveError("The zip ends in its first four bytes: it is cut short.")
        if signature not in (LOCAL, CENTRAL, END, END64):
            kind = kind_of(signature + self._source.upto(60))
            hint = ", as storage hosts answer with an error" if kind == "XML" else ""
            raise ArchiveError(f"The download is {kind}{hint}, not a zip.")
        return signature

    def _check_directory(self, signature: bytes) -> None:
        start = self._source.position - len(signature)
        unlisted = {each.offset: each for each in self._found}
        while signature == CENTRAL:
            entry = read_central_entry(self._source)
            found = unlisted.pop(entry.offset, None)
            if found is None:
                raise ArchiveError(f"The zip is damaged: its directory lists {entry.text!r} where no member begins.")
            if problem := found.difference(entry, "the directory"):
                raise ArchiveError(f"Member {found.text!r} of the zip is damaged: {problem}.")
            signature = self._source.upto(4)
            check_directory_length(self._source.position - start)
        length = self._source.position - len(signature) - start
        end = read_end(self._source, signature)
        for each in unlisted.values():
            raise ArchiveError(f"The zip is damaged: its directory does not list {each.text!r}.")
        if end != DirectoryEnd(len(self._found), length, start):
            raise ArchiveError("The zip is damaged: its directory is not what the record at its end says.")
