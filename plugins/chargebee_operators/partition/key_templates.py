"""The templates of a partition's keys: the defaults, what may stand in them, and how they are filled in. Pure."""

from __future__ import annotations

from string import Formatter

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.argument_checks import is_template
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.manifest import check_template, placeholders

DEFAULT_PREFIX = "chargebee/site={site}/resource={resource}/{partition}"
DEFAULT_OBJECT_NAME = "{member}-{export_id}-{attempt}{suffix}"

_EXAMPLE = JobRecord("id", "customers", "site", {}, "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "updated_at", "")


def check_key_templates(s3_prefix: str, manifest_name: str, object_name: str) -> None:
    """Refuse a placeholder that is not there, or formatted where it can't be. What Jinja has yet to render is let pass.

    :raises SettingsError: with the placeholders that there are.
    """
    known = placeholders(_EXAMPLE)
    if not is_template(s3_prefix):
        check_template("s3_prefix", s3_prefix, known)
    check_template("manifest_name", manifest_name, known)
    if not is_template(object_name):
        check_template("object_name", object_name, {**known, "member": "", "suffix": "", "attempt": ""})
        _check_whole(object_name)


def _check_whole(object_name: str) -> None:
    """Refuse a shortened placeholder that another run's objects are known by: what it left would not be found."""
    for _, name, spec, conversion in Formatter().parse(object_name):
        if name in ("member", "suffix", "attempt", "export_id") and (spec or conversion):
            raise SettingsError(
                f"object_name {object_name!r} formats {{{name}}}: it takes no format, so write {{{name}}} alone."
            )


def fill(name: str, template: str, job: JobRecord) -> str:
    """Return a template with the job's values in it.

    :param name: the argument's, for the error.
    :raises SettingsError: for a placeholder that does not exist.
    """
    values = placeholders(job)
    check_template(name, template, values)
    return template.format(**values)


def join(prefix: str, name: str) -> str:
    """Return the key of an object within a prefix, which may be empty."""
    return f"{prefix}/{name}" if prefix else name
