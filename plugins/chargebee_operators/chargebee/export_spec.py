"""What one export holds, as the arguments of an operator say it: checked, and turned into form fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chargebee_operators.chargebee.filters import Fields, export_fields
from chargebee_operators.chargebee.resources import Resource, get_resource
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.argument_checks import is_template
from chargebee_operators.common.exceptions import SettingsError

# Any window is right to check the other fields.
_SOME_WINDOW = Window(datetime(2024, 1, 1), datetime(2024, 1, 2))


@dataclass(frozen=True)
class ExportSpec:
    """What one export holds.

    :param resource: for example ``customers``.
    :param window_field: the time field that the window bounds; None for the export's own default.
    :param snapshot: whether everything is taken; a text is what Jinja made of a template.
    :param filters: further filters, as ``filters.export_fields`` takes them.
    :param export_type: likewise.
    :raises SettingsError: for a resource that Chargebee does not have.
    """

    resource: str
    window_field: str | None = None
    snapshot: bool | str = False
    filters: Mapping[str, Any] | None = None
    export_type: str | None = None
    kind: Resource = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", get_resource(self.resource))

    @property
    def is_snapshot(self) -> bool:
        """Whether everything is taken, once templates are rendered."""
        return str(self.snapshot).strip().lower() in ("true", "1")

    @property
    def bounded_by(self) -> str | None:
        """The time field that the window bounds, ``month`` for a revenue report; None for a snapshot."""
        if self.is_snapshot:
            return None
        return "month" if self.kind.is_report else self.window_field or self.kind.default_window_field

    def check(self) -> None:
        """Refuse at parse time what can be known to be wrong then.

        :raises SettingsError: with what to give.
        """
        if self.window_field is not None and self.snapshot is True:
            raise SettingsError(
                f"window_field {self.window_field!r} with snapshot=True: a snapshot has no window; drop one."
            )
        if self.window_field is not None:
            self.kind.check_window_field(self.window_field)
        elif self.snapshot is False and self.kind.default_window_field is None and not self.kind.is_report:
            raise SettingsError(f"The {self.resource} export has no time filter: set snapshot=True to take it whole.")
        if not is_template(self.filters):
            self.fields(_SOME_WINDOW, rendered=False)

    def fields(self, window: Window | None, rendered: bool = True) -> Fields:
        """Return the form fields of the request.

        :param window: the run's window; not looked at for a snapshot.
        :param rendered: whether templates are rendered by now.
        :raises SettingsError: for anything that Chargebee would refuse or ignore.
        """
        takes_all = self.is_snapshot and not self.kind.is_report
        return export_fields(
            self.kind,
            window=None if takes_all else window,
            window_field=self.bounded_by,
            filters=self.filters,
            export_type=self.export_type,
            rendered=rendered,
        )
