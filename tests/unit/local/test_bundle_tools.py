"""What the script of a bundle merges: the plugins and requirements of an environment, and its own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from bundle_tools import RefusedError, merge_plugins, merge_requirements
from mwaa.target import Target

from support.small_bundle import WHEELS, make_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("made"), Target("3.3.1", "mwaa-bucket", "prod", "billing-exports"))


def test_an_environment_with_wheels_of_its_own_still_asks_no_package_index(tmp_path, bundle):
    options = ["--find-links /usr/local/airflow/plugins", "--no-index"]
    (tmp_path / "old").write_text("\n".join([*options, "own==1.0", "chargebee==3.20.0"]))
    merged = tmp_path / "merged"
    merge_requirements(
        str(tmp_path / "old"), str(bundle / "requirements.txt"), str(bundle / "plugins.zip"), str(merged)
    )
    paths = [f"/usr/local/airflow/plugins/{name}" for name in WHEELS]
    assert merged.read_text().splitlines() == [*options, "own==1.0", "# The Chargebee exports", *paths]


def test_requirements_with_hashes_are_refused(tmp_path, bundle):
    (tmp_path / "old").write_text("own==1.0 --hash=sha256:00\n")
    with pytest.raises(RefusedError, match="has hashes"):
        merge_requirements(
            str(tmp_path / "old"), str(bundle / "requirements.txt"), str(bundle / "plugins.zip"), str(tmp_path / "new")
        )


def test_a_program_of_the_environment_stays_one_and_a_second_merge_changes_no_byte(tmp_path, bundle):
    old, merged, again = (tmp_path / name for name in ("old", "merged", "again"))
    with zipfile.ZipFile(old, "w") as archive:
        program = zipfile.ZipInfo("bin/hive", (2024, 5, 6, 7, 8, 8))
        program.external_attr = 0o100755 << 16
        archive.writestr(program, "#!/bin/sh\n" * 1000, zipfile.ZIP_DEFLATED)
        archive.writestr("empty/", "")
    merge_plugins(str(old), str(bundle / "plugins.zip"), str(merged))
    with zipfile.ZipFile(merged) as archive:
        found = archive.getinfo("bin/hive")
        assert (found.external_attr >> 16, found.date_time) == (0o100755, (2024, 5, 6, 7, 8, 8))
        assert found.compress_size < found.file_size
        assert archive.namelist() == sorted([*WHEELS, "bin/hive", "empty/"])
    # As another version of zlib would have compressed it.
    with zipfile.ZipFile(merged) as archive, zipfile.ZipFile(old, "w") as other:
        for each in archive.infolist():
            other.writestr(each, archive.read(each), zipfile.ZIP_STORED)
    merge_plugins(str(old), str(bundle / "plugins.zip"), str(again))
    assert again.read_bytes() == old.read_bytes()
