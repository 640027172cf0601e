"""Makes a bundle for Amazon MWAA: ``make mwaa-bundle AIRFLOW_VERSION=3.3.1 BUCKET=... ENVIRONMENT=... EXPORT_BUCKET=...``.

It has everything that MWAA needs, so that no worker depends on a package index when it starts. Two bundles of one commit
have the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import environment
from mwaa import settings
from mwaa.names import name_and_version
from mwaa.plugins_zip import write_zip
from mwaa.target import Target, TargetError
from mwaa.wheels import collect

SCRIPTS = ("deploy.sh", "bundle_tools.py")
SUMS = "SHA256SUMS"


def main() -> int:
    """Make the bundle that the command line describes."""
    parser = argparse.ArgumentParser(description="Make a bundle for Amazon MWAA.")
    parser.add_argument("airflow_version")
    parser.add_argument("--bucket", required=True, help="the bucket of the MWAA environment, with its DAG files")
    parser.add_argument("--environment", required=True, help="the name of the MWAA environment")
    parser.add_argument("--export-bucket", required=True, help="the bucket that the exports go to")
    parser.add_argument("--prefix", default="chargebee", help="what the keys of the exports begin with")
    parser.add_argument("--environment-class", default="mw1.small", help="the size of the environment")
    parser.add_argument("--parquet", action="store_true", help='with pyarrow, for file_format="parquet"')
    parser.add_argument("--output", type=Path, help="the folder to write; dist/mwaa-VERSION by default")
    given = vars(parser.parse_args())
    output = given.pop("output") or environment.ROOT / "dist" / f"mwaa-{given['airflow_version']}"
    target = Target(**given)
    try:
        target.check()
        write(target, output)
    except (TargetError, environment.SetUpError) as error:
        print(f"mwaa-bundle: {error}", file=sys.stderr)
        return 1
    shown = os.path.relpath(output)
    print(f"The bundle is in {shown}. Check it with: make mwaa-check AIRFLOW_VERSION={target.airflow_version}")
    print(f"Install it with: {shown}/deploy.sh --site YOUR-CHARGEBEE-SITE")
    return 0


def write(target: Target, output: Path) -> None:
    """Write a bundle. It replaces one that exists.

    :raises SetUpError: when an index does not have a wheel.
    """
    with tempfile.TemporaryDirectory(prefix="mwaa-bundle-") as scratch:
        made, wheels = Path(scratch, "bundle"), Path(scratch, "wheels")
        wheels.mkdir()
        assemble(target, collect(target, wheels), made)
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(made, output)


def assemble(target: Target, wheels: list[Path], folder: Path) -> None:
    """Write the files of a bundle into a new folder."""
    folder.mkdir(parents=True)
    write_zip(folder / "plugins.zip", wheels)
    write_text(folder / "requirements.txt", settings.requirements(dict(name_and_version(each.name) for each in wheels)))
    write_text(folder / "airflow-options.json", json.dumps(settings.options(target), indent=2) + "\n")
    write_text(folder / "settings.sh", settings.shell_settings(target))
    for name in settings.POLICIES:
        write_text(folder / "policies" / name, settings.policy(name, target))
    for path in sorted((environment.ROOT / "dags").glob("*.py")):
        write_text(folder / "dags" / path.name, path.read_text(encoding="utf-8"))
    for name in SCRIPTS:
        shutil.copy(environment.ROOT / "deploy" / "mwaa" / name, folder / name)
    write_text(folder / SUMS, sums(folder))


def write_text(path: Path, text: str) -> None:
    """Write a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def sums(folder: Path) -> str:
    """Return the SHA-256 of each file, as ``sha256sum`` writes them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files)


if __name__ == "__main__":
    sys.exit(main())
