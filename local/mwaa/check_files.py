"""What can be seen of a bundle without installing it."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path, PurePosixPath

from mwaa.names import name_and_version, package_name
from mwaa.settings import PLUGINS_FOLDER


class CheckError(Exception):
    """A bundle is not what MWAA needs; the message says what is wrong."""


def check_files(bundle: Path) -> list[str]:
    """Refuse a bundle with a wrong file, and return the names of its wheels.

    :raises CheckError: with the first thing that is wrong.
    """
    if not (bundle / "SHA256SUMS").exists():
        raise CheckError(f"{bundle} has no SHA256SUMS: make the bundle with `make mwaa-bundle`.")
    _check_sums(bundle)
    wheels = _check_plugins(bundle / "plugins.zip")
    _check_requirements((bundle / "requirements.txt").read_text(encoding="utf-8"), wheels)
    others = [path.name for path in (bundle / "dags").iterdir() if path.suffix != ".py"]
    if others:
        raise CheckError(f"dags/ has {', '.join(others)}: only DAG files may be there.")
    return wheels


def _check_sums(bundle: Path) -> None:
    for line in (bundle / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = bundle / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise CheckError(f"{name} is missing, or is not the file of SHA256SUMS.")


def _check_plugins(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        broken = archive.testzip()
    if broken:
        raise CheckError(f"plugins.zip: {broken} is damaged.")
    for name in names:
        if len(PurePosixPath(name).parts) != 1 or name.endswith("/"):
            raise CheckError(
                f"plugins.zip has {name} in a folder: Airflow would import what is there. Only wheels may be in it."
            )
        if not name.endswith(".whl"):
            raise CheckError(
                f"plugins.zip has {name}: Airflow would import it, or it has no use. Only wheels may be in it."
            )
    own = [name for name in names if name.startswith("airflow_chargebee_exports-")]
    if len(own) != 1:
        raise CheckError(f"plugins.zip has {len(own)} wheels of this package, and must have one.")
    with zipfile.ZipFile(path) as archive, archive.open(own[0]) as wheel, zipfile.ZipFile(wheel) as inner:
        if compiled := [each for each in inner.namelist() if "__pycache__" in each or each.endswith(".pyc")]:
            raise CheckError(f"plugins.zip: {own[0]} has the compiled module {compiled[0]}.")
    return names


def _check_requirements(text: str, wheels: list[str]) -> None:
    if "-c " in text or "--constraint " in text:
        raise CheckError(
            "requirements.txt has '-c ' or '--constraint ', so MWAA would not apply Airflow's constraints."
        )
    lines = text.splitlines()
    for option in ("--no-index", f"--find-links {PLUGINS_FOLDER}"):
        if option not in lines:
            raise CheckError(f"requirements.txt lacks the line {option}, so pip would ask a package index.")
    pinned = {(package_name(name), version) for name, version in re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE)}
    in_zip = set(map(name_and_version, wheels))
    if pinned != in_zip:
        odd = ", ".join("==".join(each) for each in sorted(pinned ^ in_zip))
        raise CheckError(f"requirements.txt and plugins.zip differ in {odd}.")
