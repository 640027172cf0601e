"""What the wheel says of the connection type: in Airflow's own schema, and of fields that the connection really has."""

from __future__ import annotations

import json
from importlib.resources import files
from types import SimpleNamespace

import jsonschema
import pytest
from chargebee_plugin import two_versions

from chargebee_operators import ChargebeeHook
from chargebee_operators.chargebee.connection import SiteSettings, settings_from_connection
from chargebee_operators.provider_info import FORM_FIELDS, get_provider_info

TYPED = {
    "business_entity_id": "ent1",
    "poll_interval": 20,
    "max_poll_interval": 90,
    "connect_timeout": 5,
    "read_timeout": 30,
    "ca_bundle": "/ca.pem",
    "domain": "chargebee.example",
    "window_timezone": "America/New_York",
    "allowed_download_hosts": "a.example, b.example",
}


def settings(extra: dict) -> SiteSettings:
    connection = SimpleNamespace(
        conn_id="c", login="acme", password="key", host=None, schema=None, port=None, extra=json.dumps(extra)
    )
    return settings_from_connection(connection)


def test_it_is_in_airflow_s_schema():
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(get_provider_info(), schema)


def test_each_field_of_the_form_is_read_from_the_connection():
    assert set(TYPED) == set(FORM_FIELDS)
    plain = settings({})
    for name, value in TYPED.items():
        assert getattr(settings({name: value}), name) != getattr(plain, name)


@pytest.mark.parametrize("empty", ["", None])
def test_a_field_that_is_left_empty_is_no_value(empty):
    assert settings(dict.fromkeys(FORM_FIELDS, empty)) == settings({})


def test_the_hook_has_the_same_labels_for_earlier_airflows():
    (kind,) = get_provider_info()["connection-types"]
    behaviour = ChargebeeHook.get_ui_field_behaviour()
    assert behaviour["relabeling"] == kind["ui-field-behaviour"]["relabeling"]
    assert (ChargebeeHook.conn_type, ChargebeeHook.hook_name) == (kind["connection-type"], kind["hook-name"])


@pytest.mark.parametrize(
    ("folder", "beside", "warned"),
    [("1.0.0", False, True), ("2.0.0", False, False), ("1.0.0", True, False), (None, False, False)],
)
def test_a_folder_of_another_version_beside_a_wheel_is_warned_of(tmp_path, folder, beside, warned):
    plugins = tmp_path / "plugins"
    package = plugins / "chargebee_operators"
    package.mkdir(parents=True)
    if folder:
        (package / "_version.py").write_text(f'"""The version."""\n\n__version__ = "{folder}"\n')
    imported = package if beside else tmp_path / "site-packages" / "chargebee_operators"
    warning = two_versions(plugins / "chargebee_plugin.py", imported / "__init__.py", "2.0.0")
    assert bool(warning) is warned
    if warning:
        assert "the installed wheel 2.0.0 is used" in warning and f"{package} with 1.0.0 is not" in warning
