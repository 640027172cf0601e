"""What is found out about the Airflow that runs the doctor."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from chargebee_operators import _version
from chargebee_operators.common.deployed_version import version_in
from chargebee_operators.doctor.findings import Report

_NEEDED = {
    "chargebee": "it is the official SDK, which ChargebeeHook.get_conn() returns",
    "requests": "zips are downloaded with it",
    "aiohttp": "the triggerer waits with it",
}
_OPTIONAL = {
    "isal": "Zips are inflated and checked by zlib, at half the speed.",
    "pyarrow": "file_format='parquet' needs it.",
}


def check_deployment(plugins_folder: str, report: Report) -> None:
    """Report the versions of Airflow, of the packages that matter, and whether this package is deployed twice.

    :param plugins_folder: Airflow's.
    """
    found = {
        name: _installed(name) for name in ("apache-airflow", "apache-airflow-providers-amazon", *_NEEDED, *_OPTIONAL)
    }
    report.facts["packages"] = found
    report.ok(
        "airflow", f"Airflow {found['apache-airflow']}, Amazon provider {found['apache-airflow-providers-amazon']}."
    )
    for name, why in _NEEDED.items():
        if found[name] is None:
            report.wrong(
                "airflow",
                f"The package {name} is not installed; {why}.",
                "Add the lines of requirements.txt to yours.",
            )
    for name, effect in _OPTIONAL.items():
        if found[name] is None:
            report.attention(
                "airflow", f"The package {name} is not installed. {effect}", f"Add {name} to requirements.txt."
            )
    installed = [f"{name} {found[name]}" for name in _OPTIONAL if found[name]]
    if installed:
        report.ok("airflow", f"Optional packages: {', '.join(installed)}.")
    in_force = Path(_version.__file__).parent
    check_copies(in_force, _version.__version__, [*sys.path, plugins_folder], report)


def check_copies(in_force: Path, number: str, folders: Iterable[str], report: Report) -> None:
    """Report where this package is, and each further copy of it, which is not in force.

    :param in_force: the folder of the copy that Python imports.
    :param number: its version.
    :param folders: where other copies may be: those of ``sys.path``, and Airflow's plugins folder.
    """
    copies = dict.fromkeys((Path(each) / in_force.name).resolve() for each in folders if each)
    others = {each: version_in(each) for each in copies if each != in_force.resolve()}
    others = {folder: other for folder, other in others.items() if other is not None}
    report.facts["package"] = {
        "version": number,
        "folder": str(in_force),
        "others": {str(folder): other for folder, other in others.items()},
    }
    report.ok("airflow", f"chargebee_operators {number} is in force, from {in_force}.")
    for folder, other in others.items():
        add = report.attention if other == number else report.wrong
        add(
            "airflow",
            f"Another copy of the package, {other}, is in {folder}. It has no effect.",
            "Keep one: remove that folder, or uninstall airflow-chargebee-exports.",
        )


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
