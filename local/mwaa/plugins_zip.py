"""plugins.zip with wheels at its root, of the same bytes each time. Pure but for the files it reads and writes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16


def write_zip(path: Path, files: Iterable[Path]) -> None:
    """Write a zip with files at its root, in the order of their names.

    They are stored, for a wheel is compressed already, and other versions of zlib would give other bytes.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for each in sorted(files, key=lambda file: file.name):
            entry = zipfile.ZipInfo(each.name, _FIRST_DAY)
            entry.external_attr = _PLAIN_FILE
            entry.create_system = 3  # Unix, wherever it is made
            archive.writestr(entry, each.read_bytes())
