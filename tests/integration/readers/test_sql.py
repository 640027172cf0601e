"""SQL of the pages, and SQL that the package prints: parsed by a parser of each dialect."""

from __future__ import annotations

import pytest

from chargebee_operators.sql.dialect import Place
from chargebee_operators.sql.dialects import DIALECTS
from chargebee_operators.sql.manifests import read_manifests
from chargebee_operators.sql.statements import statements
from support.pages import blocks
from support.readers_python import in_readers


def test_the_sql_of_the_pages_is_of_its_dialect(tmp_path):
    texts = [each.text for each in blocks("sql")]
    dialects = [text.splitlines()[0].removeprefix("-- ").lower() for text in texts]
    parsed = in_readers("parse_sql.py", [*zip(dialects, texts, strict=True)], tmp_path)
    assert parsed == [["Copy", "Copy"], ["Create"]]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_printed_is_of_its_dialect(landed, tmp_path, dialect):
    found = read_manifests(str(landed.folder / "parquet"))
    place = Place("@stage/" if dialect == "snowflake" else "s3://my-bucket/", "chargebee")
    texts = [each for each in statements(found.manifests, dialect, place) if not each.startswith("--")]
    kinds = [kind for (kind,) in in_readers("parse_sql.py", [(dialect, each) for each in texts], tmp_path)]
    assert set(kinds) <= {"Create", "Drop"}, kinds
    assert len(kinds) > 10
