"""Which bytes of an object a request asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .objects import StoredObject

_SINGLE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


class Unsatisfiable(Exception):
    """A range of which the object holds no byte."""


@dataclass(frozen=True)
class Span:
    """Bytes `first` to `last`, both included; `partial`: a range was requested."""

    first: int
    last: int
    partial: bool

    @property
    def length(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1


def span_of(headers: Mapping[str, str], found: StoredObject) -> Span:
    """Return what to send. A form that is not understood, or an If-Range of another object, gives the whole."""
    whole = Span(0, found.size - 1, partial=False)
    match = _SINGLE.fullmatch(headers.get("Range", "").replace(" ", ""))
    if not match or not (match[1] or match[2]):
        return whole
    if headers.get("If-Range", found.etag) not in (found.etag, found.last_modified):
        return whole
    if not match[1]:
        first, last = max(0, found.size - int(match[2])), found.size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or found.size), found.size - 1)
        if match[2] and int(match[2]) < first:
            return whole
    if first > last:
        raise Unsatisfiable
    return Span(first, last, partial=True)
