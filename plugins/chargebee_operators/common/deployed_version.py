"""Which version of this package a folder holds, without importing it. Pure."""

from __future__ import annotations

import re
from pathlib import Path


def version_in(folder: Path) -> str | None:
    """Return the version of the copy of this package in a folder; None when there is none.

    :param folder: the package's own, ``.../chargebee_operators``.
    """
    version_file = folder / "_version.py"
    if not version_file.is_file():
        return None
    found = re.search(r'"([^"]+)"', version_file.read_text(encoding="utf-8").split("__version__", 1)[-1])
    return found[1] if found else None
