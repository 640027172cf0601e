"""What is found out about the Airflow that runs the doctor."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from chargebee_operators.doctor.findings import Report

_NEEDED = {
    "chargebee": "the official SDK requests the exports",
    "requests": "",
    "aiohttp": "the triggerer waits with it",
}
_OPTIONAL = {
    "isal": "Zips are inflated and checked by zlib, at half the speed.",
    "pyarrow": "file_format='parquet' needs it.",
}


def check_deployment(report: Report) -> None:
    """Report the versions of Airflow and of the packages that matter."""
    found = {
        name: _version(name) for name in ("apache-airflow", "apache-airflow-providers-amazon", *_NEEDED, *_OPTIONAL)
    }
    report.facts["packages"] = found
    report.ok(
        "airflow", f"Airflow {found['apache-airflow']}, Amazon provider {found['apache-airflow-providers-amazon']}."
    )
    for name, why in _NEEDED.items():
        if found[name] is None:
            says = f"The package {name} is not installed" + (f"; {why}." if why else ".")
            report.wrong("airflow", says, "Add the lines of requirements.txt to yours.")
    for name, effect in _OPTIONAL.items():
        if found[name] is None:
            report.attention(
                "airflow", f"The package {name} is not installed. {effect}", f"Add {name} to requirements.txt."
            )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
