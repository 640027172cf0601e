"""What the report says of the files of an export, and which settings follow from them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chargebee_operators.chargebee.records import RETRIEVABLE
from chargebee_operators.chargebee.resources import Resource, get_resource
from chargebee_operators.checks.clock_column import find_clock
from chargebee_operators.checks.columns import fold, kind_of
from chargebee_operators.checks.record_id import RecordId, find_id
from chargebee_operators.common.foreign_text import clean, listed
from chargebee_operators.common.wording import counted
from chargebee_operators.doctor.findings import Report
from chargebee_operators.doctor.look import (
    TimeLook,
    changes_clocks,
    column_types,
    look_of_times,
    money_look,
    value_pairs,
)
from chargebee_operators.doctor.sample_file import SampleFile

# Records of each resource that are retrieved, to compare their times and amounts.
RECORDS = 8
_CREATED = ("created_at", "date", "order_date")
_AMOUNTS = ("total", "amount", "price")

Records = Callable[[str, Sequence[str]], Mapping[str, Mapping[str, Any]]]


class LookReport:
    """Looks at exports with rows, one resource after the other.

    :param report: the report.
    :param records: retrieves records of a resource by their ids.
    :param site_zone: the connection's ``window_timezone``.
    """

    def __init__(self, report: Report, records: Records, site_zone: str | None = None) -> None:
        self._report = report
        self._records = records
        self._site_zone = site_zone
        self._times: list[TimeLook] = []
        self._money: list[str] = []
        self._types: dict[str, str] = {}
        self._parts: dict[str, int] = {}
        self._facts: dict[str, Any] = {}

    def add(self, name: str, files: Sequence[SampleFile]) -> None:
        """Look at the export of a resource."""
        resource = get_resource(name)
        self._facts[name] = [_facts_of(each) for each in files]
        if not any(each.rows for each in files):
            self._report.attention("look", f"{name}: nothing was changed in these days, so its files show no rows.")
            return
        main = [each for each in files if find_id(each.columns, each.member, resource)]
        self._report.ok("look", f"{name}: {listed(each.member for each in files)}; {_style(files[0])}.")
        for each in files:
            for problem in each.warnings:
                self._report.attention("look", f"{each.member}: {problem}")
        self._count_parts(files)
        found = find_id(main[0].columns, main[0].member, resource) if main else None
        self._clock(resource, files, found and main[0].columns[found.at])
        if found:
            self._compare(resource, main[0], found)

    def finish(self) -> None:
        """Report what all of them say together, and the settings that follow."""
        self._report.facts["look"] = self._facts
        zone, form = self._report_times()
        self._report_money()
        self._report_parts()
        self._settings(zone, form)

    def _report_times(self) -> tuple[str | None, str | None]:
        """Report how times are written; return the zone and the form that all of them have, where there is one."""
        report = self._report
        zones = [set(each.zones) for each in self._times if each.zones]
        zone = (
            next((each for each in self._times[0].zones if all(each in fit for fit in zones)), None) if zones else None
        )
        zoneless = [each for each in self._times if not each.zoned and each.compared]
        unread = [each for each in self._times if not each.compared]
        forms = {each.form for each in self._times if each.form}
        if unread:
            report.attention(
                "look",
                f"Times look like {unread[0].shape}, which is in no known form.",
                "Set window_format in upload_args, as Python's strptime takes it.",
            )
        if zone:
            self._report_zone(zone)
        elif zoneless:
            report.attention("look", f"Times name no zone, and no zone fits {zoneless[0].compared} of them.")
        elif self._times and not unread:
            report.ok("look", f"Times look like {self._times[0].shape} and name their zone.")
        return zone, forms.pop() if len(forms) == 1 else None

    def _report_zone(self, zone: str) -> None:
        """Report the zone of all times that name none."""
        report = self._report
        report.ok("look", f"Times look like {self._times[0].shape} and fit the zone {zone}.")
        if changes_clocks(zone):
            report.attention(
                "look",
                "Times are in the site's zone, so an hour of each autumn exists twice.",
                "Switch on 'UTC for data exports' in Chargebee's settings (Business Profile, time zone).",
            )
        if self._site_zone not in (None, zone):
            report.wrong(
                "look",
                f"The connection's window_timezone is {self._site_zone}, and the times do not fit it.",
                f"Set it to {zone}, or leave it out.",
            )

    def _report_money(self) -> None:
        """Report whether amounts are in decimals or in cents."""
        kinds = sorted(set(self._money) - {"unknown"})
        self._report.facts["money"] = kinds
        if len(kinds) == 1:
            self._report.ok("look", f"Amounts are written in {kinds[0]}.")
        elif kinds:
            self._report.attention("look", "Some files write amounts in decimals, and others in cents.")

    def _count_parts(self, files: Sequence[SampleFile]) -> None:
        """Count the files of each kind: ``invoices_1.csv`` and ``invoices_2.csv`` are parts of one table."""
        for kind, many in Counter(fold(kind_of(each.member)) for each in files).items():
            if many > 1:
                self._parts[kind] = many

    def _report_parts(self) -> None:
        self._report.facts["parts"] = self._parts
        most = max((each["rows"] or 0 for files in self._facts.values() for each in files), default=0)
        if self._parts:
            told = listed(f"{clean(kind)} in {many} files" for kind, many in self._parts.items())
            self._report.ok(
                "look", f"Large exports are split into parts: {told}. The files of one table have one folder."
            )
        elif most:
            self._report.ok("look", f"No export was split into parts. The largest file has {counted(most, 'row')}.")

    def _settings(self, zone: str | None, form: str | None) -> None:
        """Write the settings as lines of Python."""
        upload = {"window_timezone": None if zone == self._site_zone else zone, "window_format": form}
        if given := {name: value for name, value in upload.items() if value}:
            self._report.settings.append(f"upload_args={json.dumps(given)},")
        if self._types:
            lines = [f'    "{clean(name)}": "{kind}",' for name, kind in self._types.items()]
            comment = "# for file_format='parquet'; columns that are not named stay text"
            self._report.settings += [f"column_types={{  {comment}", *lines, "},"]

    def _clock(self, resource: Resource, files: Sequence[SampleFile], id_column: str | None) -> None:
        field = resource.default_window_field or ""
        clocks = {each.member: find_clock(each.columns, each.member, resource, field) for each in files if each.columns}
        by = [
            each.columns[found.at]
            for each in files
            if (found := clocks.get(each.member)) and not isinstance(found, str) and not found.one_sided
        ]
        ids = f"the id is in the column {clean(id_column)}" if id_column else "no column is surely the id"
        if by:
            says = f"the window is checked by the column {clean(by[0])}"
        elif id_column and resource.name in RETRIEVABLE:
            says = f"no column shows {field}, so the window is checked by records from the API"
        else:
            says = f"no column shows {field}, and no record can be retrieved, so nothing proves the window"
        self._report.ok("look", f"{resource.name}: {ids}; {says}.")

    def _compare(self, resource: Resource, file: SampleFile, found: RecordId) -> None:
        """Compare times and amounts with the API's."""
        ids = list(dict.fromkeys(row[found.at] for row in file.records if len(row) > found.at and row[found.at]))
        # From the whole length of the sample: the zone shows only in winter and summer together.
        step = max(1, len(ids) // RECORDS)
        records = self._records(resource.name, ids[::step][:RECORDS])
        for field in _CREATED:
            names = [field, f"{resource.record}_{field}", f"{resource.name}_{field}"]
            look = look_of_times(value_pairs(file, found.at, names, records, [field]), self._site_zone)
            if look:
                self._times.append(look)
        for field in _AMOUNTS:
            names = [field, "amount", f"{resource.record}_{field}", f"{resource.name}_{field}"]
            pairs = value_pairs(file, found.at, names, records, [field])
            if pairs:
                self._money.append(money_look(pairs))
        zone_is_known = any(each.zones for each in self._times)
        self._types |= column_types(file, zone_is_known)


def _style(file: SampleFile) -> str:
    mark = "with" if file.has_bom else "without"
    return f"quotes around {file.quoting} fields, lines end in {file.line_end}, {mark} a byte order mark"


def _facts_of(file: SampleFile) -> dict[str, Any]:
    return {
        "member": file.member,
        "bytes": file.size,
        "rows": file.rows,
        "columns": file.columns,
        "bom": file.has_bom,
        "quoting": file.quoting,
        "line_end": file.line_end,
    }
