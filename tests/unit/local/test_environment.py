"""The project's own Python environments: which Python they are made from, on machines of all kinds."""

from __future__ import annotations

import sys
from pathlib import Path

import environment
import pytest


@pytest.fixture
def pyenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of pyenv's versions, with no other Python about than the one that runs this."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    (tmp_path / "versions").mkdir()
    return tmp_path / "versions"


def python(folder: Path, text: str, mode: int = 0o755) -> None:
    path = folder / "bin" / "python3"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)


@pytest.mark.parametrize("root", ["/dev/null", "/no/such/folder", ""])
def test_a_pyenv_that_cannot_be_read_is_none(pyenv, monkeypatch, root):
    monkeypatch.setenv("PYENV_ROOT", root)
    monkeypatch.setenv("HOME", "/dev/null")
    assert environment.python_for("3.3.1") == Path(sys.executable)


def test_a_python_that_cannot_be_run_is_none(pyenv):
    python(pyenv / "3.12.1", "", mode=0o644)
    python(pyenv / "3.12.2", "#!/no/such/program\n")
    python(pyenv / "3.12.3", "#!/bin/sh\nexit 127\n")
    (pyenv / "3.12.4").mkdir()
    assert environment.python_for("3.3.1") == Path(sys.executable)


def test_the_python_of_mwaa_is_taken_where_there_is_one(pyenv):
    for version, told in (("3.11.9", "3 11"), ("3.12.9", "3 12"), ("3.13.1", "3 13")):
        python(pyenv / version, f"#!/bin/sh\necho {told}\n")
    # The Python that runs this may be the very one.
    own = {(3, 11): "3.11.9", (3, 12): "3.12.9", (3, 13): "3.13.1"}
    for version, wanted in (("2.10.3", (3, 11)), ("3.3.1", (3, 12))):
        found = environment.python_for(version)
        assert found == (
            Path(sys.executable) if sys.version_info[:2] == wanted else pyenv / own[wanted] / "bin" / "python3"
        )


def test_airflow_2_takes_no_newer_python_than_it_runs_on(pyenv, monkeypatch):
    monkeypatch.setattr(environment.sys, "executable", "/no/such/python")
    python(pyenv / "3.13.1", "#!/bin/sh\necho 3 13\n")
    assert environment.python_for("3.3.1") == pyenv / "3.13.1" / "bin" / "python3"
    with pytest.raises(environment.SetUpError, match="Airflow 2.11.2 needs Python 3.11 to 3.12"):
        environment.python_for("2.11.2")


def test_readers_are_pinned_for_the_constraint_files_say_nothing_of_them():
    lines = (environment.ROOT / "requirements-readers.txt").read_text().splitlines()
    assert all("==" in line for line in lines if not line.startswith("#"))
    assert environment.newest_version() == "3.3.1"


def test_downloads_are_kept_within_the_project(tmp_path, monkeypatch):
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    told = tmp_path / "told"
    environment._run(["sh", "-c", f"echo $UV_CACHE_DIR > {told}"])
    assert Path(told.read_text().strip()).is_relative_to(environment.ROOT / ".local")
    monkeypatch.setenv("UV_CACHE_DIR", "/elsewhere")
    environment._run(["sh", "-c", f"echo $UV_CACHE_DIR > {told}"])
    assert told.read_text() == "/elsewhere\n", "a person's own choice counts"


def test_an_environment_is_not_made_again_for_another_path_to_the_same_version_of_python(pyenv, tmp_path):
    for name, told in (("3.12.1", "3 12"), ("3.12.2", "3 12"), ("3.13.1", "3 13")):
        python(pyenv / name, f"#!/bin/sh\necho {told}\n")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("one==1\n")
    first, same, newer = (
        environment._made_from(pyenv / name / "bin" / "python3", [requirements])
        for name in ("3.12.1", "3.12.2", "3.13.1")
    )
    assert first == same != newer
    requirements.write_text("one==2\n")
    assert environment._made_from(pyenv / "3.12.1" / "bin" / "python3", [requirements]) != first
