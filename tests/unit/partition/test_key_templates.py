"""Which templates of keys are taken, and what is said of the others."""

from __future__ import annotations

import pytest

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.key_templates import KeyTemplates

UNIQUE = "{member}-{export_id}-{attempt}{suffix}"


@pytest.mark.parametrize("template", ["{resourse}", "{0}", "{", "{site.x}"])
@pytest.mark.parametrize("name", ["s3_prefix", "object_name", "manifest_name"])
def test_a_wrong_template_is_refused_with_what_there_is(name, template):
    with pytest.raises(SettingsError, match=rf"{name} .* use \{{site\}}, \{{resource\}}"):
        KeyTemplates(**{name: template}).check()


@pytest.mark.parametrize("name", ["table", "kind", "member", "suffix", "attempt", "export_id"])
def test_what_objects_are_known_by_takes_no_format(name):
    with pytest.raises(SettingsError, match=rf"write \{{{name}\}} alone"):
        KeyTemplates(object_name=f"{UNIQUE}{{{name}:.3}}").check()


@pytest.mark.parametrize(
    "templates",
    [
        KeyTemplates(),
        KeyTemplates("{{ params.prefix }}", "{member}", "{partition}"),
        KeyTemplates("exports", "{member}{suffix}", "_manifests/{resource}.json"),
        KeyTemplates("a/{export_id}", "{member}{suffix}", "_manifest.json"),
        KeyTemplates("a/{site}/{partition}", UNIQUE, "_manifest.json"),
        KeyTemplates("a", UNIQUE, "_manifests/{partition}.json"),
        KeyTemplates("a", "{window_start}/{member}", "{window_start:.10}.json"),
    ],
)
def test_layouts_that_keep_windows_apart_are_taken(templates):
    templates.check()


@pytest.mark.parametrize(
    "templates",
    [
        KeyTemplates("exports", "{member}{suffix}", "_manifests/{resource}-{partition}.json"),
        KeyTemplates("exports", "{member}{suffix}", "_manifests/{window_start:.10}.json"),
        KeyTemplates("exports", "dt={window_start:.10}/{member}", "{partition}.json"),
        KeyTemplates("exports", "{window_start}/{member}", "{window_end}.json"),
    ],
)
def test_a_layout_in_which_each_window_overwrites_the_objects_of_another_is_refused(templates):
    with pytest.raises(SettingsError, match="would overwrite those of another window: put {(partition|window_)"):
        templates.check()
