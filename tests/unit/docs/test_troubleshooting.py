"""docs/troubleshooting.md has each error of the package, by its words, and no error that does not exist."""

from __future__ import annotations

import functools
import re

from support.messages import HOLE, literals, messages
from support.pages import ROOT, section

PACKAGE = ROOT / "plugins" / "chargebee_operators"


def patterns() -> list[str]:
    """Return the beginnings of errors that the page lists."""
    rows = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", section("docs/troubleshooting.md", "Errors"), re.MULTILINE)
    return [each for row in rows for each in re.findall(r"`(.+?)`", row)]


def matches(pattern: str, text: str) -> bool:
    return compiled(pattern).match(text) is not None


@functools.cache  # re keeps 512 only, and forgets all of them at the next one
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split(HOLE))), re.DOTALL)


def test_each_error_is_on_the_page():
    listed = patterns()
    missing = [
        each for each in messages(PACKAGE) if each.is_told and not any(matches(one, each.text) for one in listed)
    ]
    assert not missing, "\n".join(f"{each.place}  {each.text}" for each in missing)


def test_each_error_on_the_page_exists():
    texts = {each.text for each in messages(PACKAGE)} | literals(PACKAGE)
    assert not [one for one in patterns() if not any(matches(one, text) for text in texts)]


def test_no_pattern_is_so_short_that_it_would_hide_another_error():
    assert not [one for one in patterns() if len(one.replace(HOLE, "").strip(" :")) < 3]


def test_the_walk_sees_what_is_raised():
    found = messages(PACKAGE)
    assert len(found) > 100
    assert any(each.text.startswith("Bucket … does not exist") for each in found)
    assert any("no usable answer for" in each.text for each in found), "the words of a trigger's event"
