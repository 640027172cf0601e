"""Which table each file of an export belongs to. Pure.

Chargebee documents neither the names nor the number of the files in an export's zip. Files that were seen are called
after the resource (``Customers.csv``), or after related records (``SubscriptionAddons.csv``, ``LineItems.csv``). The
files of one table have the same columns, so that each table can have a folder of its own.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.checks.columns import fold, kind_of
from chargebee_operators.checks.record_id import is_called_after
from chargebee_operators.common.exceptions import SettingsError

# Between the resource and the kind of a related file. No other part of a name has two underscores in a row.
SEPARATOR = "__"
_MOST = 100
_SAYS_NOTHING = frozenset(
    (
        *("chargebee", "csv", "data", "download", "dump", "export", "exported", "exports", "file", "files", "list"),
        *("output", "part", "record", "records", "report", "reports", "result", "results", "rows", "sheet", "table"),
        "test",
    )
)


class Table(NamedTuple):
    """Where a file belongs.

    :param kind: in snake case, without a part's number: ``line_items``; the resource for the export's own file.
    :param name: the table: ``invoices`` for the export's own file, ``invoices__line_items`` for a related one.
    """

    kind: str
    name: str


class Tables:
    """Gives each file of one export its table.

    :param job: the job record.
    :param names_ahead: returns the names of all files in the zip, or None when they are not known before the end. It is
        called only for a file whose name does not say what it holds.
    """

    def __init__(self, job: JobRecord, names_ahead: Callable[[], Iterable[str] | None] = lambda: None) -> None:
        self._job = job
        self._resource = get_resource(job.resource)
        self._names_ahead = names_ahead
        self._assumed = ""  # the file that was taken for the export's own, though others may follow
        self._own_kind: str | None = None  # of files whose names say nothing, the kind that is the export's own

    @property
    def own(self) -> Table:
        """The table of the export's own files."""
        return Table(self._job.resource, self._job.resource)

    def of(self, member: str) -> Table:
        """Return the table of a file.

        :param member: its name in the zip.
        :raises SettingsError: when two files claim to be the export's own, which shows only as the second one arrives.
        """
        kind = snake_kind(member)
        if is_called_after(member, self._resource):
            self._refuse_second(member)
            return self.own
        if self._may_be_own(kind) and kind == self._kind_of_own(member, kind):
            return self.own
        return Table(kind, f"{self._job.resource}{SEPARATOR}{kind}")

    def _kind_of_own(self, member: str, kind: str) -> str:
        """Return which of the kinds that say nothing is the export's own; empty when none is."""
        if self._own_kind is None:
            names = self._names_ahead()
            if names is None:
                self._own_kind, self._assumed = kind, member
            else:
                self._own_kind = self._only_own([member, *names])
        elif self._assumed and kind != self._own_kind:
            self._refuse_second(member)
        return self._own_kind

    def _only_own(self, names: Iterable[str]) -> str:
        names = list(names)
        if any(is_called_after(each, self._resource) for each in names):
            return ""
        kinds = {kind for kind in map(snake_kind, names) if self._may_be_own(kind)}
        return kinds.pop() if len(kinds) == 1 else ""

    def _may_be_own(self, kind: str) -> bool:
        """Return whether a name says nothing, or the resource and nothing else: ``data``, ``acme_customers_export``."""
        if kind in _names_of_all() - {self._resource.name, self._resource.record}:
            return False
        known = {*_words(self._job.site), *_words(self._job.export_id), *_SAYS_NOTHING}
        rest = "_".join(word for word in kind.split("_") if word not in known and not word.isdigit())
        return rest in ("", self._resource.name, self._resource.record)

    def _refuse_second(self, member: str) -> None:
        if self._assumed:
            raise SettingsError(
                f"The zip holds {self._assumed!r} and {member!r}. Both may be the {self._job.resource} themselves, and the "
                "download host does not serve the list of files before the data. Use an object_name and an s3_prefix "
                "without {table} and {kind}, or file_format='zip'."
            )


def snake_kind(member: str) -> str:
    """Return a file's kind in snake case: ``SubscriptionAddons_2.csv`` is ``subscription_addons``.

    It is made of ``a-z``, ``0-9`` and single underscores, and is never empty. A hash tells apart what can't be written so.
    """
    kind = fold(kind_of(member))
    plain = unicodedata.normalize("NFKD", kind).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not re.search("[^0-9_]", kind):
        return "file"  # a number alone is that of a part
    if plain and len(plain) <= _MOST:
        return plain
    mark = hashlib.sha256(kind.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[:_MOST] or 'file'}_{mark}"


@cache
def _names_of_all() -> frozenset[str]:
    resources = (get_resource(name) for name in RESOURCE_NAMES)
    return frozenset(name for each in resources for name in (each.name, each.record) if name)


def _words(text: str) -> list[str]:
    return [*fold(text).split("_"), *snake_kind(text).split("_")]
