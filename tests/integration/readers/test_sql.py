"""SQL of the pages, and SQL that the package prints: parsed by a parser of each dialect."""

from __future__ import annotations

from support.pages import blocks
from support.readers_python import in_readers


def test_the_sql_of_the_pages_is_of_its_dialect(tmp_path):
    texts = [each.text for each in blocks("sql")]
    dialects = [text.splitlines()[0].removeprefix("-- ").lower() for text in texts]
    parsed = in_readers("parse_sql.py", [*zip(dialects, texts, strict=True)], tmp_path)
    assert parsed == [["Copy", "Copy"], ["Create"]]
