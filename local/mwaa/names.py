"""Names of packages and of wheels. Pure."""

from __future__ import annotations

import re


def package_name(name: str) -> str:
    """Return a package's name in the one way of all its spellings: ``airflow-chargebee-exports``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_and_version(wheel: str) -> tuple[str, str]:
    """Return the package and its version, of a wheel's file name."""
    name, version = wheel.split("-")[:2]
    return package_name(name), version
