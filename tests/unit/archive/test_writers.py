"""Zips as other programs write them: Info-ZIP, 7-Zip and Java. Each is skipped where its program is missing."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargebee_operators.archive.member import STEP
from chargebee_operators.common.exceptions import UnsafeArchiveError
from support.zips import directory, read

JAVA_SOURCE = Path(__file__).resolve().parents[2] / "support" / "ZipOutput.java"

contents = st.one_of(
    st.binary(max_size=100),
    st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(0, 9), st.integers(0, 300_000)),
    st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=30), st.integers(0, 30_000)),
    st.just(b"".join(b"id_%d,%d\n" % (number, number * 7919 % 65537) for number in range(20_000))),
)
files = st.lists(contents, min_size=1, max_size=4)
sizes = st.sampled_from([1, 13, 1000, STEP - 1, STEP, 1 << 23])
few = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])


def program(*names: str, package: str) -> str:
    """Return the path of the first of these programs that is installed, or skip."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"{names[0]} is not installed (apt-get install {package})")


def run(command: Sequence[str], folder: Path, **pipes: object) -> bytes:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, **pipes)  # type: ignore[call-overload]
    assert done.returncode == 0, (done.stdout[-1000:], done.stderr[-1000:])
    return done.stdout


def written(folder: Path, members: Sequence[bytes]) -> dict[str, bytes]:
    """Write the files to be packed, and return them by name."""
    named = {f"{number}.csv": content for number, content in enumerate(members)}
    for name, content in named.items():
        (folder / name).write_bytes(content)
    return named


def check(data: bytes, expected: dict[str, bytes], size: int) -> None:
    size = max(size, len(data) // 20_000)
    assert dict(read(data, size, directory=lambda: directory(data))) == expected
    assert dict(read(data, size, directory=directory(data))) == expected


def packed(command: Sequence[str], members: Sequence[bytes], to_stdout: bool = False) -> tuple[bytes, dict[str, bytes]]:
    """Run a program that packs the files given behind its arguments, and return the zip and what is in it."""
    with TemporaryDirectory() as path:
        named = written(Path(path), members)
        out = run([*command, *named], Path(path))
        return (out if to_stdout else (Path(path) / "out.zip").read_bytes()), named


ZIP = {
    "deflated": [],
    "stored": ["-0"],
    "fastest": ["-1"],
    "zip64": ["-fz"],
    "descriptors": ["-fd"],
    "bzip2": ["-Z", "bzip2"],
}


@pytest.mark.parametrize("switches", ZIP.values(), ids=ZIP)
@few
@given(members=files, size=sizes)
def test_info_zip(switches, members, size):
    zip_program = program("zip", package="zip")
    check(*packed([zip_program, "-q", *switches, "out.zip"], members), size)


@few
@given(members=files, size=sizes)
def test_info_zip_to_a_pipe(members, size):
    zip_program = program("zip", package="zip")
    check(*packed([zip_program, "-q", "-"], members, to_stdout=True), size)


@few
@given(content=contents, size=sizes)
def test_info_zip_from_and_to_a_pipe(content, size):
    data = run([program("zip", package="zip"), "-q", "-", "-"], Path("/"), input=content)
    check(data, {"-": content}, size)


@pytest.mark.parametrize("compression", ["deflate", "store"])
@few
@given(members=files, size=sizes)
def test_bsdtar_which_fills_up_its_last_block(compression, members, size):
    bsdtar = program("bsdtar", package="libarchive-tools")
    command = [bsdtar, "--format", "zip", "--options", f"zip:compression={compression}", "-cf", "-"]
    data, expected = packed(command, members, to_stdout=True)
    assert len(data) % 512 == 0 and data.endswith(bytes(22))
    check(data, expected, size)


@pytest.mark.parametrize("method", ["Deflate", "BZip2", "LZMA", "Copy"])
@few
@given(members=files, size=sizes)
def test_seven_zip(method, members, size):
    seven = program("7z", "7zz", "7za", package="p7zip-full")
    check(*packed([seven, "a", "-tzip", f"-mm={method}", "out.zip"], members), size)


REFUSED = {
    "-mm=Deflate64": "Deflate64",
    "-mm=PPMd": "PPMd",
    "-mem=ZipCrypto -psecret": "encrypted",
    "-mem=AES256 -psecret": "encrypted",
}


@pytest.mark.parametrize(("switches", "message"), REFUSED.items(), ids=REFUSED)
def test_seven_zip_what_is_refused(switches, message):
    seven = program("7z", "7zz", "7za", package="p7zip-full")
    data, _ = packed([seven, "a", "-tzip", *switches.split(), "out.zip"], [b"id\n" + b"1\n" * 5000])
    with pytest.raises(UnsafeArchiveError, match=rf"^Member '0\.csv' of the zip is .*{message}"):
        read(data)


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    """Return zips that Java wrote, each with what is in it; one run of it for all, for its start takes long."""
    java_program = program("java", package="default-jdk-headless")
    folder = tmp_path_factory.mktemp("java")
    chance = random.Random(7)
    cases = {}
    for number in range(12):
        members = []
        for _ in range(chance.randrange(5)):
            unit = chance.randbytes(chance.randrange(1, 40))
            noise = chance.randbytes(chance.choice([0, 1, 100, 200_000]))
            members.append(chance.choice([noise, unit * chance.randrange(20_000), b""]))
        (folder / str(number)).mkdir()
        cases[number] = written(folder / str(number), members)
    run([java_program, str(JAVA_SOURCE), str(folder)], folder)
    return [
        ((folder / f"{number}.{kind}.zip").read_bytes(), {f"folder/{name}": content for name, content in named.items()})
        for number, named in cases.items()
        for kind in ("deflated", "stored")
    ]


@settings(parent=few, max_examples=30)
@given(size=sizes, case=st.integers(0, 23))
def test_java(java, size, case):
    data, expected = java[case]
    check(data, expected, size)
