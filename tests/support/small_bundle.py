"""A bundle for MWAA with two wheels that are only names."""

from __future__ import annotations

from pathlib import Path

from mwaa.target import Target
from mwaa_bundle import assemble

WHEELS = ("airflow_chargebee_exports-0.1.0-py3-none-any.whl", "chargebee-3.29.0-py3-none-any.whl")


def make_bundle(folder: Path, target: Target) -> Path:
    """Make a bundle in a folder, and return the bundle's own folder."""
    wheels = [folder / name for name in WHEELS]
    for each in wheels:
        each.write_bytes(each.name.encode())
    assemble(target, wheels, folder / "bundle")
    return folder / "bundle"
