"""What the comparison of one file's rows with the window came to. Pure data, as the manifest keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class WindowResult:
    """What the check of one file came to.

    :param member: the file's name.
    :param column: the clock's column; None when it was not found.
    :param checked: rows whose clock was compared with the window.
    :param outside: those that lie outside.
    :param late: those that changed after the export was requested, which is no sign of an ignored filter.
    :param empty: rows without a time in that column; they are not outside.
    :param unread: rows with a time in an unknown format.
    :param example_id: the id of one row outside, where there is one.
    :param format: what the times look like, for example ``0000-00-00a00:00:00a``.
    :param slack_hours: how far outside a row may lie, because its time has no zone; 0 for times with one.
    :param not_checked: why the file was not checked, or not to its end; None when it was.
    :param one_sided: whether the column is the time of creation in the place of ``updated_at``: rows outside prove that the
        filter was ignored, rows inside prove nothing.
    """

    member: str
    column: str | None = None
    checked: int = 0
    outside: int = 0
    late: int = 0
    empty: int = 0
    unread: int = 0
    example_id: str | None = None
    format: str = ""
    slack_hours: int = 0
    not_checked: str | None = None
    one_sided: bool = False

    @property
    def is_compared(self) -> bool:
        """Whether rows were compared in a way that can confirm the window."""
        return self.checked > 0 and not self.one_sided

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return asdict(self)
