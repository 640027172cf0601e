"""The parameters of a run, as the trigger form shows them and ``--conf`` takes them."""

from __future__ import annotations

from typing import Any

from chargebee_operators._compat import Param
from chargebee_operators.dag.settings import MOST_OF_PREFIX, ExportDagSettings


def params_of(settings: ExportDagSettings) -> dict[str, Param]:
    """Return the parameters of a DAG, by name.

    :param settings: the DAG's.
    """
    names = list(settings.groups)
    instant: dict[str, Any] = {"type": ["null", "string"], "format": "date-time"}
    return {
        "resources": resources_param(names, "What to export"),
        "window_start": Param(
            None,
            title="Window start",
            description="The first instant of the window. Leave both ends empty for the run's data interval, or for the "
            "last complete interval if the run has none. Leave both empty in a backfill.",
            **instant,
        ),
        "window_end": Param(
            None,
            title="Window end",
            description="The first instant after the window. It must be later than the start, and in the past. If the "
            "window covers several intervals, its rows are in the partitions of those too. A window with the start of an "
            "existing partition and an earlier end is refused.",
            **instant,
        ),
        "snapshot": Param(
            False,
            type="boolean",
            title="Full snapshot",
            description="Export everything, without a window, into a partition that is named after the time of the request.",
        ),
        "replace": Param(
            False,
            type="boolean",
            title="Replace another window",
            description="A run replaces a partition with the same start, unless that partition ends later or is of another "
            "export. Tick this to replace it in any case: rows that are only in the old partition are then gone.",
        ),
        "prefix": prefix_param(settings),
    }


def resources_param(names: list[str], what: str) -> Param:
    """Return the parameter that picks resources.

    :param names: those of the DAG.
    :param what: what the run does with them, in words.
    """
    return Param(
        names,
        type="array",
        items={"type": "string", "enum": names},
        examples=names,
        minItems=1,
        title="Resources",
        description=f"{what}. The others are skipped in this run.",
    )


def prefix_param(settings: ExportDagSettings) -> Param:
    """Return the parameter for the beginning of the keys.

    :param settings: the DAG's.
    """
    return Param(
        settings.prefix,
        type="string",
        pattern="^[^{}]*$",
        maxLength=MOST_OF_PREFIX,
        title="Key prefix",
        description="What the keys in the bucket begin with. Do not use braces: the form refuses them with Bad Request.",
    )
