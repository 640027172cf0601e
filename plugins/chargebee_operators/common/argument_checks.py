"""What every operator asks of a plain value among its arguments, when the DAG is parsed. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chargebee_operators.common.exceptions import SettingsError


def is_template(value: Any) -> bool:
    """Return whether a value is known only in the run: what Jinja renders, or another task's output (an XComArg)."""
    return hasattr(value, "resolve") or (isinstance(value, str) and ("{{" in value or "{%" in value))


def check_seconds(name: str, value: Any) -> None:
    """Refuse what is not a time to wait.

    :param name: the argument's, for the error.
    :raises SettingsError: for anything but a number above 0.
    """
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise SettingsError(f"{name} is {value!r}: give seconds above 0.")


def duration(name: str, value: Any) -> float:
    """Return a span of time in seconds.

    :param name: the argument's, for the error.
    :param value: seconds, or a timedelta.
    :raises SettingsError: for anything else, and for less than 0.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if type(seconds) not in (int, float) or not 0 <= seconds < math.inf:
        raise SettingsError(f"{name} is {value!r}: give seconds from 0 upwards, or a timedelta.")
    return float(seconds)


def check_whole_number(name: str, value: Any, least: int) -> None:
    """Refuse what is not a count.

    :param name: the argument's, for the error.
    :param least: the smallest that is taken.
    :raises SettingsError: for anything else, True and False too.
    """
    if type(value) is not int or value < least:
        raise SettingsError(f"{name} is {value!r}: give a whole number from {least} upwards.")


def check_number(name: str, value: Any, least: int) -> None:
    """Refuse what is not a number, or too small a one.

    :param name: the argument's, for the error.
    :param least: the smallest that is taken.
    :raises SettingsError: for anything else, True and False too.
    """
    if type(value) not in (int, float) or not value >= least:
        raise SettingsError(f"{name} is {value!r}: give a number from {least} upwards.")


def check_flag(name: str, value: Any) -> None:
    """Refuse what is neither True nor False: the text ``"no"`` would count as yes.

    :param name: the argument's, for the error.
    :raises SettingsError: for anything else.
    """
    if not isinstance(value, bool):
        raise SettingsError(f"{name} is {value!r}: give True or False.")


def as_flag(name: str, value: Any) -> bool:
    """Return a flag that a template may have given as text.

    :param name: the argument's, for the error.
    :raises SettingsError: for anything but True, False and these words.
    """
    known = {"true": True, "false": False}
    read = value if isinstance(value, bool) else known.get(str(value).strip().lower())
    if read is None:
        raise SettingsError(f"{name} is {value!r}: give True or False.")
    return read


def check_not_templated(name: str, value: Any) -> None:
    """Refuse a template in an argument that Airflow does not render: it would be taken as it is written.

    :param name: the argument's, for the error.
    :param value: a text, or a mapping of texts.
    :raises SettingsError: when there is one.
    """
    texts = [each for pair in value.items() for each in pair] if isinstance(value, Mapping) else [value]
    for each in texts:
        if is_template(each):
            raise SettingsError(
                f"{name} has the template {each!r}, but it is not a templated argument: give its value."
            )
