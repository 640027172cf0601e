"""Installs a bundle as MWAA does: with pip, without a network, under both constraint files, beside the packages of MWAA."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import environment

from mwaa.check_files import CheckError
from mwaa.names import name_and_version, package_name
from mwaa.settings import PLUGINS_FOLDER
from mwaa.target import Target
from mwaa.wheels import OF_MWAA

_INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps([[each.name, each.version] for each in distributions()]))
"""

# Prints what the given packages need, and what that needs, with the extras that are asked for on the way.
_NEEDED = """
import json, sys
from importlib.metadata import PackageNotFoundError, distribution
from packaging.requirements import Requirement
open_ones, seen = [Requirement(each) for each in sys.argv[1:]], set()
while open_ones:
    wanted = open_ones.pop()
    for extra in {"", *wanted.extras} - {extra for name, extra in seen if name == wanted.name}:
        seen.add((wanted.name, extra))
        try:
            lines = distribution(wanted.name).requires or []
        except PackageNotFoundError:  # of another platform or Python
            continue
        needed = [Requirement(line) for line in lines]
        open_ones += [each for each in needed if each.marker is None or each.marker.evaluate({"extra": extra})]
print(json.dumps(sorted({name for name, _ in seen})))
"""


def check_install(target: Target, bundle: Path, wheels: list[str], folder: Path) -> Path:
    """Install a bundle in a new environment that has what MWAA has, and return its Python.

    :param target: its version.
    :param wheels: the names of the bundle's wheels.
    :param folder: an empty one. ``plugins`` in it is what MWAA makes of plugins.zip.
    :raises CheckError: when it does not install, or another package would be changed.
    """
    python = mwaa_environment(target, folder)
    plugins = folder / "plugins"
    with zipfile.ZipFile(bundle / "plugins.zip") as archive:
        archive.extractall(plugins)
    requirements = folder / "requirements.txt"
    text = (bundle / "requirements.txt").read_text(encoding="utf-8")
    requirements.write_text(text.replace(PLUGINS_FOLDER, str(plugins)), encoding="utf-8")
    before = installed(python)
    expected = dict(map(name_and_version, wheels))
    check_additions(before, expected)
    found = _dry_run(target, python, requirements, folder / "report.json")
    if found != expected:
        raise CheckError(f"pip would install {_listed(found)}, and the bundle has {_listed(expected)}.")
    _pip(target, python, requirements)
    check_result(before, expected, installed(python))
    return python


def check_additions(before: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Refuse a bundle with a package that MWAA has already.

    :param before: what MWAA has, as name -> version.
    :param expected: what the bundle has.
    :raises CheckError: with the packages.
    """
    both = {name: version for name, version in expected.items() if name in before}
    if both:
        raise CheckError(
            f"The bundle has {_listed(both)}, and MWAA has {_listed({name: before[name] for name in both})}."
        )


def check_result(before: Mapping[str, str], expected: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Refuse an installation that did something else than to add the packages of the bundle.

    :param after: what is installed in the end.
    :raises CheckError: with what it changed.
    """
    if after != {**before, **expected}:
        changed = {name: version for name, version in after.items() if {**before, **expected}.get(name) != version}
        missing = sorted({**before, **expected}.keys() - after.keys())
        raise CheckError(f"The installation changed {_listed(changed)}. Missing: {', '.join(missing) or 'nothing'}.")


def mwaa_environment(target: Target, folder: Path) -> Path:
    """Make an environment with Airflow and what every MWAA has, and none of what this project adds; return its Python.

    It is a copy of the environment of the tests, of hard links, without the packages that MWAA does not have.
    """
    source, copy = environment.VENVS / f"airflow-{target.airflow_version}", folder / "venv"
    shutil.copytree(source, copy, symlinks=True, copy_function=_link)
    python = copy / "bin" / "python"
    told = subprocess.check_output(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True
    ).strip()
    if told != target.python:
        raise CheckError(
            f"MWAA has Python {target.python} for Airflow {target.airflow_version}, and this environment has {told}: install "
            f"Python {target.python}, remove {source} and try again."
        )
    roots = [each.format(version=target.airflow_version) for each in OF_MWAA]
    needed = json.loads(subprocess.check_output([python, "-c", _NEEDED, *roots], text=True))
    surplus = installed(python).keys() - set(map(package_name, needed))
    environment.uv("pip", "uninstall", "--quiet", "--python", str(python), *sorted(surplus))
    return python


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:  # another file system
            raise
        shutil.copy2(source, target)


def installed(python: Path) -> dict[str, str]:
    """Return the packages of an environment, as name -> version."""
    found = json.loads(subprocess.check_output([python, "-c", _INSTALLED], text=True))
    return {package_name(name): version for name, version in found}


def _dry_run(target: Target, python: Path, requirements: Path, report: Path) -> dict[str, str]:
    _pip(target, python, requirements, "--dry-run", "--report", str(report))
    told = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {package_name(each["metadata"]["name"]): each["metadata"]["version"] for each in told}


def _pip(target: Target, python: Path, requirements: Path, *options: str) -> None:
    limits = [word for path in target.constraints for word in ("--constraint", str(path))]
    # Nothing of this machine's own settings, as a folder with more wheels.
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        del os.environ[name]
    os.environ["PIP_CONFIG_FILE"] = os.devnull
    try:
        environment.uv(
            *("tool", "run", "--quiet", "pip", "--python", str(python), "install", "--quiet", "--no-cache-dir"),
            *("--disable-pip-version-check", *options, *limits, "--requirement", str(requirements)),
        )
    except environment.SetUpError as error:
        raise CheckError(f"pip does not install the bundle; it has printed why. {error}") from None


def _listed(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(packages.items())) or "nothing"
