"""Copies of the package: which is in force, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

from chargebee_operators.doctor.deployment import check_copies, check_deployment
from chargebee_operators.doctor.findings import Level, Report


def copy(folder: Path, version: str) -> Path:
    package = folder / "chargebee_operators"
    package.mkdir(parents=True)
    (package / "_version.py").write_text(f'"""Version."""\n\n__version__ = "{version}"\n')
    return package


def found(tmp_path: Path, *others: str) -> list[tuple[Level, str]]:
    report = Report("acme")
    in_force = copy(tmp_path / "site-packages", "1.0.0")
    folders = [str(copy(tmp_path / f"other{number}", each).parent) for number, each in enumerate(others)]
    check_copies(in_force, "1.0.0", [str(in_force.parent), "", *folders, *folders, str(tmp_path / "none")], report)
    return [(each.level, each.says) for each in report.findings]


def test_one_copy_is_ok_and_its_folder_is_shown(tmp_path):
    (only,) = found(tmp_path)
    assert only == (
        Level.OK,
        f"chargebee_operators 1.0.0 is in force, from {tmp_path}/site-packages/chargebee_operators.",
    )


def test_a_wheel_and_a_folder_of_two_versions_are_wrong(tmp_path):
    _, other = found(tmp_path, "2.0.0")
    assert other == (
        Level.WRONG,
        f"Another copy of the package, 2.0.0, is in {tmp_path}/other0/chargebee_operators. It has no effect.",
    )


def test_two_copies_of_one_version_want_attention(tmp_path):
    assert [each[0] for each in found(tmp_path, "1.0.0")] == [Level.OK, Level.ATTENTION]


def test_this_deployment_has_its_packages_and_one_copy():
    report = Report("acme")
    check_deployment(str(Path(__file__).parents[3] / "plugins"), report)
    assert [each.says for each in report.findings if each.level is Level.WRONG] == []
    assert report.facts["packages"]["isal"] and report.facts["packages"]["pyarrow"]
    assert any("isal" in each.says and "pyarrow" in each.says for each in report.findings)


def test_a_package_that_is_missing_is_named(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    from chargebee_operators.doctor import deployment

    def missing(name: str) -> str:
        if name in ("isal", "pyarrow", "chargebee"):
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(deployment, "version", missing)
    report = Report("acme")
    check_deployment("", report)
    levels = {each.says.split(" is not")[0]: each.level for each in report.findings if "is not installed" in each.says}
    assert levels == {
        "The package isal": Level.ATTENTION,
        "The package pyarrow": Level.ATTENTION,
        "The package chargebee": Level.WRONG,
    }
