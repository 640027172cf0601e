"""The CRC-32 is zlib's, whichever library works it out."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.common.checksums import best_crc32, crc32

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"


@given(parts=st.lists(st.binary(max_size=100)))
def test_the_crc_of_parts_is_that_of_the_whole(parts):
    value = 0
    for part in parts:
        value = crc32(part, value)
    assert value == zlib.crc32(b"".join(parts))


def test_isal_works_it_out_where_it_is_installed():
    assert best_crc32() is not zlib.crc32


@pytest.mark.parametrize("missing", ["isal", "isal.isal_zlib"])
def test_without_isal_zlib_does(missing):
    code = f"import sys\nsys.modules[{missing!r}] = None\n"
    code += "from chargebee_operators.common.checksums import best_crc32\nprint(best_crc32().__module__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(PLUGINS)}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "zlib"
