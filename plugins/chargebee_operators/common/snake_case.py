"""Names in snake case, for readers that take nothing else: ``Customer Id`` is ``customer_id``. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Letters without a form that is a plain letter with an accent.
_PLAIN = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


def snake(text: str, fallback: str, most: int) -> str:
    """Return a name of ``a-z``, ``0-9`` and single underscores, which begins with a letter and is never empty.

    Letters lose case and accents, a capital behind a small letter or a digit begins a word, and each run of other
    characters is one underscore. The result depends on the text alone.

    :param fallback: what a name begins with that would begin with a digit, or have no letter or digit. The latter gets
        a hash of the text too.
    :param most: the most characters; a longer name is cut, and gets a hash of the whole.
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).casefold().translate(_PLAIN)
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not name:
        return f"{fallback}_{_mark(text)}"
    if name[0].isdigit():
        name = f"{fallback}_{name}"
    return name if len(name) <= most else f"{name[: most - 9].rstrip('_')}_{_mark(text)}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
