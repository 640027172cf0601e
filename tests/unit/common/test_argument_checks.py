"""Which plain values the operators take, and what they say of others."""

from __future__ import annotations

import math

import pytest

from chargebee_operators.common.argument_checks import check_flag, check_number, check_seconds, check_whole_number
from chargebee_operators.common.exceptions import SettingsError


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_seconds, 1),
        (check_seconds, 0.001),
        (lambda name, value: check_whole_number(name, value, 0), 0),
        (lambda name, value: check_whole_number(name, value, 2), 2),
        (lambda name, value: check_number(name, value, 1), 1),
        (lambda name, value: check_number(name, value, 1), math.inf),
        (check_flag, True),
        (check_flag, False),
    ],
)
def test_a_fitting_value_passes(check, value):
    check("an_argument", value)


@pytest.mark.parametrize("value", [0, -1, "60", None])
def test_a_time_is_a_number_above_zero(value):
    with pytest.raises(SettingsError, match=f"^slot_timeout is {value!r}: give seconds above 0.$"):
        check_seconds("slot_timeout", value)


@pytest.mark.parametrize("value", [1, -1, 2.0, "2", None, True])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(SettingsError, match=f"^max_members is {value!r}: give a whole number from 2 upwards.$"):
        check_whole_number("max_members", value, 2)


@pytest.mark.parametrize("value", [0.99, "1", None, True, math.nan, -math.inf])
def test_a_limit_is_a_number(value):
    with pytest.raises(SettingsError, match=f"^max_ratio is {value!r}: give a number from 1 upwards.$"):
        check_number("max_ratio", value, 1)


@pytest.mark.parametrize("value", [0, 1, "no", "", None])
def test_a_flag_is_true_or_false(value):
    with pytest.raises(SettingsError, match=f"^verify is {value!r}: give True or False.$"):
        check_flag("verify", value)
