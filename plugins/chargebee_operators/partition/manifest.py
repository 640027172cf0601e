"""What a committed partition says of itself, and how its objects are named. Pure.

``_manifest.json`` is written after all data objects: a partition without one is not there.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.exceptions import SettingsError

SCHEMA_VERSION = 1
MANIFEST_NAME = "_manifest.json"

_UNSAFE = re.compile(r"[^A-Za-z0-9._=-]+")


@dataclass
class FileEntry:
    """One object of a partition.

    :param key: its S3 key.
    :param member: the name of the zip member that it holds; the zip's members, comma-separated, for format zip.
    :param bytes: its size.
    :param sha256: hex digest of its bytes.
    :param rows: records in it, the header aside; None where their number is unknown, of which ``warnings`` say why.
    :param columns: the header's names, in order; for Parquet as they are in the file.
    :param window_check: for each member, what the comparison of its rows with the window came to (``WindowResult``);
        empty when it was off.
    :param member_columns: for format zip, the header's names of each member, by its name; empty for the others.
    """

    key: str
    member: str
    bytes: int
    sha256: str
    rows: int | None
    columns: list[str]
    window_check: list[Mapping[str, Any]] = field(default_factory=list)
    member_columns: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Manifest:
    """What ``_manifest.json`` holds.

    :param job: the job record.
    :param package_version: of this package.
    :param run: dag_id, run_id, task_id and try_number of the task that wrote it, and its attempt: a token of this try
        alone, so that no two manifests are alike.
    :param format: ``csv``, ``csv.gz``, ``parquet`` or ``zip``.
    :param committed_at: ISO 8601 UTC.
    :param files: the objects, in the zip's order; empty when the export had none.
    :param left_out: ``member`` and ``reason`` of each file of the zip that gave no object. For format zip it is in the
        object, but not in its rows and columns.
    :param replaced: keys of earlier runs' objects, which are removed once this manifest stands. Should this run die
        before it has, the next one finds them here.
    :param warnings: sentences for whoever reads the data.
    :param column_changes: kind of file -> columns ``added`` and ``removed`` since the partition before; both are empty
        for a kind that has come or gone itself, whose ``file`` is ``added`` or ``removed``.
    :param window_proof: what confirms that the rows belong to the window: ``by`` (``column``, ``spot_check``, ``empty`` or
        ``none``), ``confirmed``, and ``says``, a sentence. None without a window, or with ``window_check="off"``.
    :param absent_files: kind of file -> its columns when it was last there, for at most 50 kinds that partitions before
        this one had and this one has not. When one is back, its columns are compared with these.
    :param compared_with: key of the manifest whose columns these were compared with; None when there was none.
    :param schema_version: grows when a field goes or means something else, not when one is added.
    """

    job: Mapping[str, Any]
    package_version: str
    run: Mapping[str, Any]
    format: str
    committed_at: str
    files: list[FileEntry] = field(default_factory=list)
    left_out: list[Mapping[str, str]] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    column_changes: Mapping[str, Any] = field(default_factory=dict)
    window_proof: Mapping[str, Any] | None = None
    absent_files: Mapping[str, list[str]] = field(default_factory=dict)
    compared_with: str | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def rows(self) -> int | None:
        """Records in all files; None where the number of one file's is unknown."""
        return total_rows(each.rows for each in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(each.bytes for each in self.files)

    def to_json(self) -> str:
        """Return the manifest as text."""
        document = {**asdict(self), "rows": self.rows, "bytes": self.bytes}
        return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"


def total_rows(counts: Iterable[int | None]) -> int | None:
    """Return the sum of counts of rows; None where one is unknown."""
    known = list(counts)
    return None if None in known else sum(each for each in known if each is not None)


def known_keys(document: Any) -> set[str]:
    """Return the keys that an earlier manifest lists as its own or as replaced; none when it can't be read as one."""
    try:
        return {str(each["key"]) for each in document["files"]} | {str(key) for key in document.get("replaced", ())}
    except (AttributeError, TypeError, KeyError):
        return set()


def check_replaces(document: Any, job: JobRecord, manifest_key: str) -> None:
    """Refuse to replace a partition that holds something else than another run of the same export.

    A partition is named after its window's start alone, so an hour would take the place of its whole day.

    :param document: the manifest that stands. One that can't be read as one, or is of another partition (as in a flat
        layout, where each run replaces the one before), says nothing.
    :param job: what is about to take its place.
    :param manifest_key: its key, for the error.
    :raises SettingsError: when it is of another resource, business entity, window, time field, filter or export type.
    """
    try:
        standing = JobRecord.from_dict(document["job"])
        if standing.partition != job.partition or _held(standing) == _held(job):
            return
    except (SettingsError, TypeError, KeyError):
        return
    raise SettingsError(
        f"{manifest_key} holds {_held(standing)}; this run's is {_held(job)}, which would replace it: give this one "
        "another prefix, or, if it is to take that one's place, set replace_other_window=True on the upload task."
    )


def _held(job: JobRecord) -> str:
    """Return what an export holds, in words that are the same for each run of it."""
    window = ""
    if job.window_field and job.window_start and job.window_end:
        window = f" with {job.window_field} in [{job.window_start}, {job.window_end})"
    own = f"[{job.window_field}][between]"
    filters = ", ".join(f"{name}={value}" for name, value in job.wire_fields if not name.endswith(own))
    entity = f" for business entity {job.business_entity_id}" if job.business_entity_id else ""
    return f"{job.resource} of {job.site}{entity}{window}{f' and {filters}' if filters else ''}"


def check_template(name: str, template: str, known: Mapping[str, Any]) -> None:
    """Refuse a template with a placeholder that does not exist.

    :param name: the argument's name, for the error.
    :param template: text with ``{placeholders}``.
    :param known: example values of all placeholders.
    :raises SettingsError: for an unknown placeholder or a stray brace.
    """
    try:
        template.format(**known)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"{name} {template!r} can't be filled in ({error}): use {', '.join(f'{{{each}}}' for each in known)}."
        ) from None


def placeholders(job: JobRecord) -> dict[str, str]:
    """Return what the prefix's placeholders stand for."""
    return {
        "site": job.site,
        "resource": job.resource,
        "partition": job.partition,
        "window_start": job.window_start or "",
        "window_end": job.window_end or "",
        "export_id": job.export_id,
    }


class ObjectNames:
    """Gives each member of a zip an object name that is safe and its own.

    :param template: with the placeholders ``{member}`` (its name without folders and ending), ``{suffix}`` (the
        format's ending), ``{attempt}`` (a token of this try alone) and those of ``placeholders``.
    """

    def __init__(self, template: str, job: JobRecord, suffix: str) -> None:
        self.attempt = secrets.token_hex(4)
        # Whether no other try can write an object of the same name.
        self.unique = "{attempt" in template
        # Whether no other export can.
        self.of_export = "{export_id" in template
        self._template = template
        self._values = {**placeholders(job), "suffix": suffix, "attempt": self.attempt}
        self._given: set[str] = set()
        self._next: dict[str, int] = {}  # by stem, or ten thousand members of one name would take minutes

    def name(self, member: str) -> str:
        """Return the object's name for a member; two members of one name get two objects."""
        stem = safe_stem(member)
        for number in range(self._next.get(stem, 1), 1_000_000):
            tail = "" if number == 1 else f"_{number}"
            name = self._template.format(**self._values, member=f"{stem}{tail}")
            if name not in self._given:
                self._given.add(name)
                self._next[stem] = number + 1
                return name
            if "{member}" not in self._template:
                break
        raise SettingsError(
            f"object_name {self._template!r} gives two members of the zip one name: put {{member}} in it."
        )

    def pattern(self, *, any_export: bool = False) -> re.Pattern[str]:
        """Return what the names of this job's objects match, whichever the try, the member and the format.

        :param any_export: of any other job for the same partition too.
        """
        # A try that died may have had another format.
        wild = {"member": "[A-Za-z0-9._=-]+", "attempt": "[0-9a-f]{8}", "suffix": r"(?:\.[a-z]+){1,2}"}
        if any_export:
            wild["export_id"] = "[^/]+"
        text = re.escape(self._template.format(**{**self._values, **{name: f"\0{name}\0" for name in wild}}))
        for name, expression in wild.items():
            text = text.replace(f"\0{name}\0", expression)
        return re.compile(text)


def safe_stem(member: str) -> str:
    """Return a member's name without folders, its ending, and whatever a key had better not hold."""
    last = re.split(r"[/\\]", member)[-1]
    stem = last[: -len(".csv")] if last.lower().endswith(".csv") else last
    return _UNSAFE.sub("_", stem).strip("._")[:150] or "data"
