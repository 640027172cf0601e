"""By what it is known that an export holds the requested window. Pure data, as the manifest keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

ProofKind = Literal["column", "spot_check", "empty", "none"]


@dataclass(frozen=True)
class WindowProof:
    """What the window of an export was confirmed by.

    :param by: ``column``: the time of each row was compared. ``spot_check``: a few records were retrieved through the API.
        ``empty``: the export has no rows. ``none``: nothing could be proven.
    :param confirmed: whether it proves that the rows belong to the window.
    :param says: one sentence for people.
    """

    by: ProofKind
    confirmed: bool
    says: str

    def to_dict(self) -> dict[str, Any]:
        """Return the proof as JSON-ready data."""
        return asdict(self)
