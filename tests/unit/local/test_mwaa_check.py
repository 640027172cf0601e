"""``make mwaa-check`` refuses a bundle that MWAA would not take; what it installs and runs is shown by the command itself."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from mwaa.check_files import CheckError, check_files
from mwaa.check_install import check_additions, check_result
from mwaa.target import Target
from mwaa_bundle import assemble, sums

WHEELS = ("airflow_chargebee_exports-0.1.0-py3-none-any.whl", "chargebee-3.29.0-py3-none-any.whl")


def wheel(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


@pytest.fixture
def bundle(tmp_path) -> Path:
    wheels = [wheel(tmp_path / name, "a.py") for name in WHEELS]
    assemble(Target("3.3.1", "mwaa-bucket", "prod", "billing-exports"), wheels, tmp_path / "bundle")
    return tmp_path / "bundle"


def add_to_zip(name: str, data: bytes = b"") -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        with zipfile.ZipFile(bundle / "plugins.zip", "a") as archive:
            archive.writestr(name, data)

    return change


def compile_own(bundle: Path) -> None:
    with zipfile.ZipFile(bundle / "plugins.zip", "w") as archive:
        archive.write(wheel(bundle.parent / "compiled", "a/__pycache__/b.pyc"), WHEELS[0])
        archive.write(bundle.parent / WHEELS[1], WHEELS[1])


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        text = (bundle / name).read_text()
        assert old in text
        (bundle / name).write_text(text.replace(old, new))

    return change


def test_a_bundle_as_it_was_made_passes(bundle):
    assert check_files(bundle) == sorted(WHEELS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_to_zip("plugin.py"), "plugins.zip has plugin.py: Airflow would import it"),
        (add_to_zip("plugins/a.whl"), "plugins.zip has plugins/a.whl in a folder"),
        (add_to_zip("__pycache__/plugin.pyc"), "plugins.zip has __pycache__/plugin.pyc in a folder"),
        (compile_own, "has the compiled module a/__pycache__/b.pyc"),
        (add_to_zip("airflow_chargebee_exports-0.0.9-py3-none-any.whl"), "has 2 wheels of this package"),
        (replace("requirements.txt", "--no-index", "# no -c here"), "has '-c ' or '--constraint '"),
        (replace("requirements.txt", "--no-index\n", ""), "lacks the line --no-index"),
        (replace("requirements.txt", "/usr/local", "/opt"), "lacks the line --find-links"),
        (
            replace("requirements.txt", "chargebee==3.29.0", "chargebee==3.30.0"),
            "differ in chargebee==3.29.0, chargebee==3",
        ),
        (replace("requirements.txt", "chargebee==3.29.0", "chargebee>=3.29.0"), "differ in chargebee==3.29.0"),
        (lambda bundle: (bundle / "dags" / "notes.txt").touch(), "dags/ has notes.txt"),
    ],
)
def test_what_mwaa_would_not_take_is_refused(bundle, change, message):
    change(bundle)
    (bundle / "SHA256SUMS").write_text(sums(bundle))
    with pytest.raises(CheckError, match=re.escape(message)):
        check_files(bundle)


@pytest.mark.parametrize("name", ["plugins.zip", "dags/chargebee_export.py"])
def test_a_file_that_was_changed_is_refused(bundle, name):
    (bundle / name).write_bytes((bundle / name).read_bytes() + b"#")
    with pytest.raises(CheckError, match=f"{name} is missing, or is not the file"):
        check_files(bundle)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(CheckError, match="make mwaa-bundle"):
        check_files(tmp_path)


BEFORE, EXPECTED = {"requests": "2.32.0", "boto3": "1.40.0"}, {"chargebee": "3.29.0"}


@pytest.mark.parametrize("version", ["2.32.0", "2.31.0"])
def test_a_package_that_mwaa_has_already_is_refused(version):
    check_additions(BEFORE, EXPECTED)
    with pytest.raises(CheckError, match=re.escape(f"The bundle has requests {version}, and MWAA has requests 2.32.0")):
        check_additions(BEFORE, {**EXPECTED, "requests": version})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boto3": "1.41.0"}, "changed boto3 1.41.0. Missing: nothing"),
        ({"extra": "1.0"}, "changed extra 1.0. Missing: nothing"),
        ({"chargebee": None}, "changed nothing. Missing: chargebee"),
        ({"requests": None}, "changed nothing. Missing: requests"),
    ],
)
def test_an_installation_that_does_something_else_is_refused(change, message):
    right = {**BEFORE, **EXPECTED}
    check_result(BEFORE, EXPECTED, right)
    after = {name: version for name, version in {**right, **change}.items() if version}
    with pytest.raises(CheckError, match=re.escape(message)):
        check_result(BEFORE, EXPECTED, after)
