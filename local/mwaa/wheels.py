"""The wheels of a bundle: ours, and those of its requirements that MWAA does not have."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import environment

from mwaa.target import Target

PINS = environment.ROOT / "deploy" / "mwaa" / "pins.txt"
# What every MWAA environment has; what these need is there too.
OF_MWAA = ("apache-airflow=={version}", "apache-airflow-providers-amazon", "apache-airflow-providers-celery")
# MWAA runs on Amazon Linux 2023, which has glibc 2.34.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
# 1980-01-01, the first day that a zip can hold.
EPOCH = "315532800"


def collect(target: Target, folder: Path) -> list[Path]:
    """Put the wheels into a folder and return their paths, ours first.

    :param target: for what.
    :param folder: an empty one.
    :raises SetUpError: when a package index does not have one, or no wheel for MWAA's Python.
    """
    own = build(folder)
    have, wanted = versions(target, folder / "have"), versions(target, folder / "wanted", with_ours=True)
    pins = [f"{name}=={version}" for name, version in sorted(wanted.items()) if name not in have]
    platforms = [word for each in PLATFORMS for word in ("--platform", each)]
    environment.uv(
        *("tool", "run", "--quiet", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", target.python, *platforms),
        *("--dest", str(folder), *pins),
    )
    return [own, *sorted(path for path in folder.glob("*.whl") if path != own)]


def build(folder: Path) -> Path:
    """Build our wheel, with the same bytes each time, and return its path.

    :raises SetUpError: when that fails; ``make tools`` installs what it needs.
    """
    command = [environment.VENVS / "tools" / "bin" / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    done = subprocess.run(
        command, cwd=environment.ROOT, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH}, capture_output=True, check=False
    )
    if done.returncode:
        raise environment.SetUpError(f"The wheel was not built:\n{done.stderr.decode(errors='replace')}")
    (wheel,) = folder.glob("airflow_chargebee_exports-*.whl")
    return wheel


def versions(target: Target, scratch: Path, with_ours: bool = False) -> dict[str, str]:
    """Return the packages that MWAA has, as name -> version, under its own constraints.

    :param scratch: a path that files with this beginning may be written to.
    :param with_ours: with those that this package needs.
    """
    wanted, resolved = scratch.with_suffix(".in"), scratch.with_suffix(".txt")
    lines = [each.format(version=target.airflow_version) for each in OF_MWAA]
    if with_ours:
        lines.append(f"-r {environment.ROOT / 'requirements.txt'}")
        lines += [f"-r {environment.ROOT / 'requirements-parquet.txt'}"] if target.parquet else []
    wanted.write_text("\n".join(lines) + "\n", encoding="utf-8")
    limits = [word for path in (*target.constraints, PINS) for word in ("--constraint", str(path))]
    environment.uv(
        *("pip", "compile", "--quiet", "--no-header", "--no-annotate", *limits, "--python-version", target.python),
        *("--python-platform", "x86_64-manylinux_2_28", "--output-file", str(resolved), str(wanted)),
    )
    return dict(re.findall(r"^([\w.-]+)==(\S+)", resolved.read_text(encoding="utf-8"), re.MULTILINE))
