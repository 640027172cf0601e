"""The wheel: built twice it has the same bytes, and Airflow finds the connection type, its form and the plugin in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import stack
from chargebee_operators.provider_info import FORM_FIELDS

FOUND = """
import json, warnings
warnings.simplefilter("ignore")
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
hook = manager.hooks["chargebee"]
fields = sorted(name for name in manager.connection_form_widgets if name.startswith("extra__chargebee__"))
import chargebee_operators, chargebee_plugin
from importlib.metadata import entry_points
plugin = [each.load().name for each in entry_points(group="airflow.plugins", name="chargebee")]
print("FOUND", json.dumps([hook.hook_class_name, hook.hook_name, fields, chargebee_operators.__file__, plugin]))
"""


def build(folder: Path) -> Path:
    command = [
        stack.ROOT / ".venv" / "tools" / "bin" / "python",
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        folder,
    ]
    subprocess.run(command, cwd=stack.ROOT, env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"}, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def test_it_has_the_same_bytes_each_time(wheel, tmp_path):
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


def test_it_holds_every_module_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = subprocess.check_output(
        ["git", "ls-files", "plugins/chargebee_operators", "plugins/chargebee_plugin.py"], cwd=stack.ROOT, text=True
    )
    assert names == {each.removeprefix("plugins/") for each in tracked.split()}


def test_airflow_finds_the_connection_type_its_form_and_the_plugin(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = {
        **os.environ,
        "PYTHONPATH": str(site),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", FOUND], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("FOUND")]
    hook, name, fields, module, plugin = json.loads(line.removeprefix("FOUND"))
    assert (hook, name, plugin) == ("chargebee_operators.hooks.ChargebeeHook", "Chargebee", ["chargebee"])
    assert Path(module).is_relative_to(site)
    own = sorted(f"extra__chargebee__{each}" for each in FORM_FIELDS)
    try:
        import flask_appbuilder  # noqa: F401
    except ImportError:
        from airflow import __version__ as version

        # Airflow 3.0 and 3.1 show no fields without it; those of 3.2 and later come from the provider's description.
        expected = [] if version.startswith(("3.0.", "3.1.")) else own
    else:
        expected = own
    assert fields == expected
