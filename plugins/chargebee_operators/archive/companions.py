"""Files that programs put into a zip beside the data: macOS's, Windows's, and what else is hidden. Pure."""

from __future__ import annotations

import re

_PROGRAMS_OWN = {
    "__macosx": "macOS keeps a file's attributes in it",
    ".ds_store": "macOS keeps a folder's look in it",
    "thumbs.db": "Windows keeps a folder's previews in it",
    "desktop.ini": "Windows keeps a folder's look in it",
}
HIDDEN = "it is a hidden file"


def companion_of(name: str) -> str | None:
    """Return why a member is no data of an export, by its name; None when it may be data.

    :param name: with folders, which are separated by either slash.
    """
    pieces = [each for each in re.split(r"[/\\]", name.casefold()) if each not in ("", ".", "..")]
    for piece in pieces:
        if piece in _PROGRAMS_OWN:
            return _PROGRAMS_OWN[piece]
        if piece.startswith("._"):
            return _PROGRAMS_OWN["__macosx"]
        if piece.startswith((".", "~$")):
            return HIDDEN
    return None
