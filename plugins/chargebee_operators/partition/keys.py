"""The keys of one run's objects, and which keys below the same prefix are of the same partition. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from string import Formatter

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.key_templates import KeyTemplates, fill, join, placeholders
from chargebee_operators.partition.tables import Table

_UNSAFE = re.compile(r"[^A-Za-z0-9._=-]+")

# What the placeholders of objects can stand for. A try that died may have had another format.
_WILD = {
    "tail": "(?:__[a-z0-9_]+)?",  # of a table's name, behind the resource
    "kind": "[a-z0-9_]+",
    "member": "[A-Za-z0-9._=-]+",
    "attempt": "[0-9a-f]{8}",
    "suffix": r"(?:\.[a-z]+){1,2}",
    "export_id": "[^/]+",
    "any": "[^/]*",
    "path": ".*",
}
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_MARK = re.compile(r"\0(\w+)\0")

# Given what keys begin with, returns the keys and the common prefixes up to the next ``/``, as S3 lists them.
List = Callable[[str], Sequence[str]]


class PartitionKeys:
    """The keys of one run's objects and of its manifest.

    :param templates: of the keys, with nothing left for Jinja.
    :param job: the job record.
    :param suffix: the ending of the format.
    :param alone: whether these templates alone say which manifest an object belongs to. False where a part of
        ``manifest_name`` was rendered by Jinja, so that other runs may have the same objects and another manifest.
    """

    def __init__(self, templates: KeyTemplates, job: JobRecord, suffix: str, *, alone: bool = True) -> None:
        templates.check()
        self.attempt = secrets.token_hex(4)
        self.prefix = fill("s3_prefix", templates.s3_prefix, job).strip("/")
        self.manifest_key = join(self.prefix, fill("manifest_name", templates.manifest_name, job))
        self.partition = job.partition
        self.unique = templates.unique
        self.of_export = templates.of_export
        # Whether objects of this pattern are of this partition, whatever their export.
        self.of_one_manifest = alone and templates.of_one_manifest
        self.of_window = self._is_of_window(templates, job)
        self._template = templates.object_name
        self._any_manifest = join(_with_marks(templates.s3_prefix).strip("/"), _with_marks(templates.manifest_name))
        self._keep_export = "export_id" in {name for name, _, _ in templates.of_manifest}
        self._job = job
        self._values = {**placeholders(job), "suffix": suffix, "attempt": self.attempt}
        self._given: set[str] = set()
        self._next: dict[tuple[str, str], int] = {}  # by table and stem, or ten thousand alike names would take minutes

    def key(self, member: str, table: Table) -> str:
        """Return the key of a member's object; two members of one name get two keys.

        :raises SettingsError: when the template gives two members one key, or one the manifest's.
        """
        stem = safe_stem(member)
        values = {**self._values, "table": table.name, "kind": table.kind}
        for number in range(self._next.get((table.name, stem), 1), 1_000_000):
            tail = "" if number == 1 else f"_{number}"
            key = join(self.prefix, self._template.format(**values, member=f"{stem}{tail}"))
            if key == self.manifest_key:
                raise SettingsError(
                    f"An object of the export would have the key of the manifest, {key!r}: add a placeholder to "
                    "object_name, or choose another manifest_name."
                )
            if key not in self._given:
                self._given.add(key)
                self._next[table.name, stem] = number + 1
                return key
            if "{member}" not in self._template:
                break
        raise SettingsError(
            f"object_name {self._template!r} gives two files of the zip the same key: put {{member}} into it."
        )

    def pattern(self, *, any_export: bool = False) -> re.Pattern[str]:
        """Return what the keys of this job's objects match, whatever the try, the member, the table and the format.

        :param any_export: of any other job for the same partition too.
        """
        return re.compile(_expression(self._shape(any_export)))

    @property
    def partitioned_by(self) -> frozenset[str]:
        """The names of the Hive partitions in the keys: ``site`` for a folder ``site=acme``."""
        folders = self._shape(any_export=False).split("/")[:-1]
        return frozenset(each.partition("=")[0] for each in folders if "=" in each)

    @property
    def begin_with(self) -> str:
        """What all keys begin with that the pattern of any export matches."""
        return self._shape(any_export=True).partition("\0")[0]

    def find(self, list_entries: List) -> Iterator[str]:
        """Yield the existing keys that the pattern of any export matches.

        Only the folders that can hold such keys are listed, one call for each.
        """
        # A folder for each export is not looked for among all of them.
        return _find("", self._shape(any_export="{export_id}" not in self._folders).split("/"), list_entries)

    def find_manifests(self, list_entries: List) -> Iterator[str]:
        """Yield the keys of what may be manifests of the same layout, of any resource and window."""
        return _find("", self._any_manifest.split("/"), list_entries)

    @property
    def _folders(self) -> str:
        return self._template.rpartition("/")[0]

    def _shape(self, any_export: bool) -> str:
        """Return the key with a mark in the place of each part that differs from object to object."""
        marks = {name: f"\0{name}\0" for name in ("kind", "member", "attempt", "suffix")}
        marks["table"] = f"{self._job.resource}\0tail\0"
        if any_export and not self._keep_export:
            marks["export_id"] = "\0export_id\0"
        return join(self.prefix, self._template.format(**{**self._values, **marks}))

    @staticmethod
    def _is_of_window(templates: KeyTemplates, job: JobRecord) -> bool:
        names = {"partition", "window_start"} if job.partition.startswith("window_start=") else {"partition"}
        return not templates.of_object.isdisjoint((name, "", "") for name in names)


def manifest_keys(s3_prefix: str, manifest_name: str, resource: str, site: str) -> tuple[str, re.Pattern[str]]:
    """Return what the keys of a resource's manifests begin with, and what they match.

    :param s3_prefix: the template of the uploads.
    :param manifest_name: likewise. What Jinja has yet to render may be any text, also of several folders.
    :param resource: its name.
    :param site: the Chargebee site.
    """
    known = {"resource": resource, "site": site}
    template = _JINJA.sub("\0path\0", join(s3_prefix.strip("/"), manifest_name))
    shape = ""
    for text, name, spec, conversion in Formatter().parse(template):
        shape += text
        if name is not None:
            shape += known[name] if name in known and not spec and not conversion else "\0any\0"
    return shape.partition("\0")[0], re.compile(_expression(shape))


def _find(root: str, pieces: Sequence[str], list_entries: List) -> Iterator[str]:
    piece, *rest = pieces
    if rest and "\0" not in piece:
        yield from _find(f"{root}{piece}/", rest, list_entries)
        return
    wanted = re.compile(re.escape(root) + _expression(piece) + ("/" if rest else ""))
    for each in list_entries(root + piece.partition("\0")[0]):
        if wanted.fullmatch(each):
            yield from _find(each, rest, list_entries) if rest else (each,)


def _with_marks(template: str) -> str:
    """Return a template with a mark in the place of each placeholder."""
    found = Formatter().parse(template)
    return "".join(text if name is None else f"{text}\0any\0" for text, name, _, _ in found)


def _expression(shape: str) -> str:
    """Return the regular expression of a key with marks."""
    pieces = _MARK.split(shape)
    return "".join(_WILD[piece] if number % 2 else re.escape(piece) for number, piece in enumerate(pieces))


def safe_stem(member: str) -> str:
    """Return a member's name without folders, its ending, and whatever a key had better not hold."""
    last = re.split(r"[/\\]", member)[-1]
    stem = last[: -len(".csv")] if last.lower().endswith(".csv") else last
    return _UNSAFE.sub("_", stem).strip("._")[:150] or "data"
