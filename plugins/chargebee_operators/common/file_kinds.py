"""What a file is, by how it begins. Pure. Nothing of it is quoted: an S3 error page repeats the signed URL."""

from __future__ import annotations

import re

_BOM = b"\xef\xbb\xbf"
_BINARY = {
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"PAR1": "a Parquet file",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook or another Office file",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
}
# Each only where no header of a CSV file could begin so.
_TEXT = {
    re.compile(rb"\s*<(!doctype html|html[\s>])", re.I): "a web page",
    re.compile(rb"\s*<(\?xml|!--|!doctype|[a-z][\w:.-]*(\s+[\w:.-]+\s*=|\s*/?>\s*<))", re.I): "XML",
    re.compile(rb'\s*(\{\s*["}]|\[\s*[\[{\]"])'): "JSON",
    re.compile(rb"\{\\rtf"): "RTF",
}


def known_kind(start: bytes) -> str | None:
    """Name the kind of file that begins like this, ``a PDF`` say; None for one that is not known.

    :param start: its first bytes; 60 are enough for most.
    """
    for begin, kind in _BINARY.items():
        if start.startswith(begin):
            return kind
    text = start.removeprefix(_BOM)
    return next((kind for pattern, kind in _TEXT.items() if pattern.match(text)), None)


def kind_of(start: bytes) -> str:
    """Name what begins like this, in any case: ``empty``, ``plain text`` or ``something else`` where it is not known."""
    if not start:
        return "empty"
    if kind := known_kind(start):
        return kind
    return "plain text" if all(byte in b"\t\n\r" or byte >= 32 for byte in start) else "something else"
