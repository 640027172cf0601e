"""Makes the project's own Python environments, below ``.venv/``: for each Airflow version, for the tools, for readers.

    python3 local/environment.py 3.3.1      # Airflow 3.3.1 under MWAA's constraint files; prints its Python
    python3 local/environment.py tools      # ruff, mypy and the S3 server
    python3 local/environment.py readers    # DuckDB, pyarrow, polars and Spark, which read the data back in the tests
    python3 local/environment.py screenshots    # what drives a browser for the pictures of the docs
    python3 local/environment.py observers-3.3.1    # OpenLineage and StatsD for the tests on this Airflow

Needs nothing but Python 3.11, 3.12 or 3.13; Airflow 2 needs 3.11 or 3.12. A second call finds everything there and is
done at once. Downloads are kept in ``.local/cache``, unless ``UV_CACHE_DIR`` names another folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venv"
# The versions on which lineage and metrics are tested.
OBSERVED = ("2.11.2", "3.3.1")
# The newest Python that each major version of Airflow runs on; MWAA itself has 3.12, and 3.11 for Airflow 2.10.
NEWEST_PYTHON = {"2": (3, 12), "3": (3, 13)}
OLDEST_PYTHON = (3, 11)


class SetUpError(Exception):
    """The machine lacks something; the message says what."""


def airflow_versions() -> list[str]:
    """Return the Airflow versions that there are constraint files for."""
    return sorted(path.name for path in (ROOT / "constraints").iterdir() if path.is_dir())


def newest_version() -> str:
    """Return the newest of these versions."""
    return max(airflow_versions(), key=lambda version: [int(part) for part in version.split(".")])


def airflow_python(version: str) -> Path:
    """Return the Python of the environment with this Airflow, made if need be."""
    if version not in airflow_versions():
        raise SetUpError(f"AIRFLOW_VERSION {version!r} is not supported: choose from {', '.join(airflow_versions())}.")
    constraints = sorted((ROOT / "constraints" / version).glob("*.txt"))
    wanted = [
        f"apache-airflow=={version}",
        "-r",
        str(ROOT / "requirements.txt"),
        "-r",
        str(ROOT / "requirements-test.txt"),
    ]
    for path in constraints:
        wanted += ["-c", str(path)]
    inputs = [*constraints, *(ROOT / f"requirements{name}.txt" for name in ("", "-parquet", "-test"))]
    return _environment(f"airflow-{version}", python_for(version), wanted, inputs)


def tools_python() -> Path:
    """Return the Python of the environment with ruff, mypy and the S3 server, made if need be."""
    requirements = ROOT / "requirements-tools.txt"
    return _environment("tools", Path(sys.executable), ["-r", str(requirements)], [requirements])


def readers_python() -> Path:
    """Return the Python of the environment with the readers of the written data, made if need be."""
    requirements = ROOT / "requirements-readers.txt"
    return _environment("readers", python_for(newest_version()), ["-r", str(requirements)], [requirements])


def screenshots_python() -> Path:
    """Return the Python of the environment that drives a browser, made if need be."""
    requirements = ROOT / "requirements-screenshots.txt"
    return _environment("screenshots", Path(sys.executable), ["-r", str(requirements)], [requirements])


def observers_folder(version: str) -> Path:
    """Return the folder with OpenLineage's provider and StatsD for this Airflow, made if need be.

    It belongs into the ``PYTHONPATH`` of a process that has the environment of this Airflow.
    """
    requirements = ROOT / "requirements-observers.txt"
    constraints = ROOT / "constraints" / version / "airflow_constraints.txt"
    wanted = ["--no-deps", "-r", str(requirements), "-c", str(constraints)]
    python = airflow_python(version)
    folder, stamp = VENVS / f"observers-{version}", VENVS / f"observers-{version}" / "made-from"
    digest = hashlib.sha256(requirements.read_bytes() + constraints.read_bytes()).hexdigest()
    with _alone(folder.name):
        if not stamp.exists() or stamp.read_text() != digest:
            print(f"Installing {folder.name} ...", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            _run([_uv(), "pip", "install", "--quiet", "--python", str(python), "--target", str(folder), *wanted])
            _run([str(python), "-m", "compileall", "-q", "-j", "0", str(folder)], check=False)
            stamp.write_text(digest)
    return folder


def python_for(version: str) -> Path:
    """Return a Python that this Airflow runs on: the one that MWAA has if it is here, else another that will do."""
    newest = NEWEST_PYTHON[version.split(".")[0]]
    best = mwaa_python(version)
    found = {}
    for candidate in _candidates():
        got = _version_of(candidate)
        if got and OLDEST_PYTHON <= got <= newest:
            found.setdefault(got, candidate)
    if not found:
        have = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetUpError(
            f"Airflow {version} needs Python 3.11 to {newest[0]}.{newest[1]}; this is {have} and no other was found. "
            "Install one of these, or put it on the PATH."
        )
    return found.get(best) or found[max(found)]


def mwaa_python(version: str) -> tuple[int, int]:
    """Return the Python that Amazon MWAA has for an Airflow version, as (3, 12)."""
    return (3, 11) if version.startswith("2.10.") else (3, 12)


def uv(*arguments: str) -> None:
    """Run uv with the cache of this project.

    :raises SetUpError: when it fails; it has printed why.
    """
    _run([_uv(), *arguments])


def _candidates() -> list[Path]:
    names = ["python3.12", "python3.11", "python3.13", "python3"]
    paths = [Path(found) for name in names if (found := shutil.which(name))]
    return [*paths, Path(sys.executable), *_pyenv_pythons()]


def _pyenv_pythons() -> list[Path]:
    try:
        versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
        return sorted(folder / "bin" / "python3" for folder in versions.iterdir() if folder.name.startswith("3.1"))
    except (OSError, RuntimeError):  # no such folder, one that this user may not read, or no home
        return []


def _version_of(python: Path) -> tuple[int, int] | None:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:  # no such file, or not for this user to run
        return None
    if answer.returncode:  # a pyenv shim of a version that is not active
        return None
    major, minor = answer.stdout.split()
    return int(major), int(minor)


def _environment(name: str, python: Path, wanted: list[str], inputs: list[Path]) -> Path:
    """Make an environment, unless it exists and was made from the same inputs."""
    folder = VENVS / name
    made = folder / "bin" / "python"
    stamp = folder / "made-from"
    digest = _made_from(python, inputs)
    with _alone(name):
        if made.exists() and stamp.exists() and stamp.read_text() == digest:
            return made
        uv = _uv()
        print(f"Installing {name} ...", file=sys.stderr)
        _run([uv, "venv", "--quiet", "--clear", "--python", str(python), str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(made), *wanted])
        # Compiled once here; otherwise each of the demo's and the tests' many processes would pay for it.
        _run([str(made), "-m", "compileall", "-q", "-j", "0", str(folder / "lib")], check=False)
        stamp.write_text(digest)
    return made


def _made_from(python: Path, inputs: list[Path]) -> str:
    """Return what an environment is known by: what is installed, and the version of its Python.

    The path does not count, for nox finds the same Python by another path.
    """
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in inputs) + str(_version_of(python)).encode()
    ).hexdigest()


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Let two commands that need the same environment make it one after the other; the second one finds it made."""
    VENVS.mkdir(exist_ok=True)
    with (VENVS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _uv() -> str:
    """Return the path of uv: the machine's, or one of our own."""
    own = VENVS / "uv" / "bin" / "uv"
    with _alone("uv"):
        if not own.exists():
            if found := shutil.which("uv"):
                return found
            _install_uv()
    return str(own)


def _install_uv() -> None:
    try:
        _run([sys.executable, "-m", "venv", str(VENVS / "uv")])
    except SetUpError:
        raise SetUpError(
            "This Python cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv."
        ) from None
    _run(
        [str(VENVS / "uv" / "bin" / "pip"), "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check", "uv"]
    )


def _run(command: list[str], check: bool = True) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment.setdefault("UV_CACHE_DIR", str(ROOT / ".local" / "cache"))
    done = subprocess.run(command, env=environment, capture_output=not check, check=False)
    if check and done.returncode:
        raise SetUpError(f"{' '.join(command[:4])} ... ended with {done.returncode}.")


def main() -> int:
    """Make the environment that the command line names."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.version_info < OLDEST_PYTHON:
        print(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    try:
        name, dash, version = sys.argv[1].partition("-")
        made = {"tools": tools_python, "readers": readers_python, "screenshots": screenshots_python}.get(name)
        if (name, dash) == ("observers", "-"):
            print(observers_folder(version))
        else:
            print(made() if made else airflow_python(name))
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
