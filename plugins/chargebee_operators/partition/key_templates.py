"""The templates of a partition's keys: the defaults, what may be in them, and how they are filled in. Pure.

The default layout has one folder for each table, and the manifests in a folder beside them, so that a reader can be
pointed at a folder::

    {s3_prefix}/windows/customers/site=acme/window_start=20261123T000000Z/customers-{export_id}-{attempt}.csv.gz
    {s3_prefix}/windows/customers__addresses/site=acme/window_start=20261123T000000Z/...
    {s3_prefix}/snapshots/coupons/site=acme/taken_at=20261124T060504Z/...
    {s3_prefix}/manifests/customers/site=acme/window_start=20261123T000000Z.json
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.argument_checks import is_template
from chargebee_operators.common.exceptions import SettingsError

DEFAULT_PREFIX = "chargebee"
DEFAULT_OBJECT_NAME = "{windows_or_snapshots}/{table}/site={site}/{partition}/{member}-{export_id}-{attempt}{suffix}"
DEFAULT_MANIFEST_NAME = "manifests/{resource}/site={site}/{partition}.json"

# What differs from one object of a partition to the next. They take no format: objects are recognised by them.
OF_OBJECTS = ("table", "kind", "member", "suffix", "attempt")

# A placeholder: its name, conversion and format.
Field = tuple[str, str, str]

_EXAMPLE = JobRecord("id", "customers", "site", {}, "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "updated_at", "")


def placeholders(job: JobRecord) -> dict[str, str]:
    """Return what the placeholders of all three templates stand for."""
    return {
        "site": job.site,
        "resource": job.resource,
        "windows_or_snapshots": "windows" if job.partition.startswith("window_start=") else "snapshots",
        "partition": job.partition,
        "window_start": job.window_start or "",
        "window_end": job.window_end or "",
        "export_id": job.export_id,
    }


@dataclass(frozen=True)
class KeyTemplates:
    """The three templates, as the operator takes them.

    :param s3_prefix: what all keys begin with.
    :param object_name: the rest of an object's key.
    :param manifest_name: the rest of the manifest's key.
    """

    s3_prefix: str = DEFAULT_PREFIX
    object_name: str = DEFAULT_OBJECT_NAME
    manifest_name: str = DEFAULT_MANIFEST_NAME

    def check(self) -> None:
        """Refuse what can't be filled in, and what would let two partitions write one object.

        A template that Jinja has yet to render is not looked at.

        :raises SettingsError: with the placeholders that exist, or with what to add.
        """
        known = placeholders(_EXAMPLE)
        check_template("s3_prefix", self.s3_prefix, known)
        check_template("manifest_name", self.manifest_name, known)
        check_template("object_name", self.object_name, {**known, **dict.fromkeys(OF_OBJECTS, "")})
        if not is_template(self.object_name):
            _check_whole(self.object_name)
        if not any(map(is_template, (self.s3_prefix, self.object_name, self.manifest_name))):
            self._check_windows_apart()

    @property
    def of_object(self) -> set[Field]:
        """The placeholders of an object's key: name, conversion and format."""
        return _fields(self.s3_prefix) | _fields(self.object_name)

    @property
    def of_manifest(self) -> set[Field]:
        """The placeholders of the manifest's key."""
        return _fields(self.s3_prefix) | _fields(self.manifest_name)

    @property
    def unique(self) -> bool:
        """Whether no other try writes an object of the same key."""
        return ("attempt", "", "") in self.of_object

    @property
    def of_export(self) -> bool:
        """Whether the key of an object names its export."""
        return ("export_id", "", "") in self.of_object

    @property
    def of_one_manifest(self) -> bool:
        """Whether the objects of two partitions always differ in their keys, as the manifests do."""
        return all(self._is_in_object(each) for each in self.of_manifest)

    def _is_in_object(self, field: Field) -> bool:
        """Return whether the keys of two objects differ wherever this placeholder does."""
        given = {name for name, conversion, spec in self.of_object if not conversion and not spec}
        implied = {"resource": "table", "windows_or_snapshots": "partition"}
        return field in self.of_object or field[0] in given or implied.get(field[0]) in given

    def _check_windows_apart(self) -> None:
        if self.unique or self.of_export:
            return
        for each in self.of_manifest:
            if each[0] in ("partition", "window_start", "window_end") and not self._is_in_object(each):
                raise SettingsError(
                    f"manifest_name {self.manifest_name!r} gives each window a manifest of its own, but by object_name "
                    f"{self.object_name!r} all windows have the same objects, so that each run would overwrite those of "
                    f"another window: put {{{each[0]}}} into object_name too. Or leave it out of manifest_name and set "
                    "keep_latest_only=True."
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


def check_template(name: str, template: str, known: dict[str, str]) -> None:
    """Refuse a template with a placeholder that does not exist; what Jinja has yet to render is left for the run.

    :param name: the argument's, for the error.
    :param template: text with ``{placeholders}``.
    :param known: example values of all placeholders.
    :raises SettingsError: for an unknown placeholder or a stray brace.
    """
    if is_template(template):
        return
    if not isinstance(template, str):
        raise SettingsError(f"{name} is {template!r}: give a text.")
    try:
        template.format(**known)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"{name} {template!r} can't be filled in ({error}): use {', '.join(f'{{{each}}}' for each in known)}."
        ) from None


def _check_whole(object_name: str) -> None:
    """Refuse a shortened placeholder that a run's objects are known by: what a dead try left would not be found."""
    for name, conversion, spec in _fields(object_name):
        if name in (*OF_OBJECTS, "export_id") and (spec or conversion):
            raise SettingsError(
                f"object_name {object_name!r} formats {{{name}}}: it takes no format, so write {{{name}}} alone."
            )


def _fields(template: str) -> set[Field]:
    found = Formatter().parse(template)
    return {(name, conversion or "", spec or "") for _, name, spec, conversion in found if name is not None}
