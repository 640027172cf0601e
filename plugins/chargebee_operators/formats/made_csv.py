"""A CSV that was made here, and not taken out of a zip. It has what ``member_bytes`` needs of a member. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chargebee_operators.common.checksums import best_crc32


class MadeCsv:
    """A CSV, to be read once.

    Iterating gives ``(compressed, inflated)`` pairs as those of a zip's member; nothing is compressed. ``crc`` and
    ``inflated_size`` are complete after the last pair.

    :param name: the file's name: ``deleted_records.csv``.
    :param pieces: its bytes.
    """

    is_deflate = False

    def __init__(self, name: str, pieces: Iterable[bytes]) -> None:
        self.name = name
        self.crc = 0
        self.inflated_size = 0
        self._pieces = pieces

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        crc32 = best_crc32()
        for piece in self._pieces:
            self.crc = crc32(piece, self.crc)
            self.inflated_size += len(piece)
            yield b"", piece
