"""How far a zip may go before it is taken for a bomb. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chargebee_operators.archive.records import MAX_MEMBERS
from chargebee_operators.common.exceptions import UnsafeArchiveError

# Below this no zip is called a bomb.
_HARMLESS = 64 << 20


@dataclass(frozen=True)
class Limits:
    """How far a zip may go before it is taken for a bomb.

    :param total_bytes: the most bytes that all members may inflate to.
    :param ratio: the most inflated bytes for each compressed one, looked at beyond 64 MB. Deflate itself ends near
        1,032; a CSV whose rows have ids of their own stays below 150.
    :param members: the most members.
    """

    total_bytes: int = 5 << 40
    ratio: float = 250.0
    members: int = MAX_MEMBERS

    def check(self, inflated: int, compressed: int, where: str) -> None:
        """Refuse what goes too far.

        :param where: ends the error's sentence.
        """
        if inflated > self.total_bytes:
            raise UnsafeArchiveError(
                f"The zip inflates to more than {self.total_bytes} bytes{where}: raise max_bytes if that is right."
            )
        if inflated > _HARMLESS and inflated > self.ratio * compressed:
            raise UnsafeArchiveError(
                f"The zip inflates more than {self.ratio:g} times{where}: raise max_ratio if that is right."
            )
