"""The configuration of a run, as the trigger form and ``--conf`` give it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import listed
from chargebee_operators.common.spelling import nearest


def check_configuration(
    configuration: Mapping[str, Any] | None, known: Sequence[str], *, is_heeded: bool = True
) -> None:
    """Refuse a run's configuration that would have no effect.

    :param configuration: the run's ``conf``.
    :param known: the names of the DAG's parameters.
    :param is_heeded: whether Airflow takes parameters from it (``core.dag_run_conf_overrides_params``).
    :raises SettingsError: with the nearest right name of an unknown one.
    """
    unknown = [name for name in configuration or {} if name not in known]
    if unknown:
        mend = f"use {', '.join(known)}" if known else "it has no parameters, so trigger it without a configuration"
        raise SettingsError(
            f"The run's configuration has {listed(map(repr, unknown))}, which the DAG does not know"
            f"{nearest(unknown[0], known)}: {mend}."
        )
    if configuration and not is_heeded:
        raise SettingsError(
            f"The run's configuration sets {listed(configuration)}, but Airflow ignores it, because its option "
            "core.dag_run_conf_overrides_params is False: set the option to True, or trigger the run without a configuration."
        )
