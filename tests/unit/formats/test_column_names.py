"""The names of columns in Parquet."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.formats.column_names import AS_EXPORTED, check_style, column_names, unique_names


def test_each_way_to_spell_a_header_gives_snake_case():
    header = ["customer[id]", "Created At", "subscriptions.plan_id", "cf_utmSource"]
    assert column_names(header) == ["customer_id", "created_at", "subscriptions_plan_id", "cf_utm_source"]


def test_names_that_become_equal_are_numbered_in_their_order():
    assert column_names(["Customer Id", "customer[id]", "", "customer_id_2", ""]) == [
        "customer_id",
        "customer_id_2",
        "column_3",
        "customer_id_2_2",
        "column_5",
    ]


@pytest.mark.parametrize(
    ("style", "names"),
    [
        ("snake_case", ["site_exported", "window_start_exported", "taken_at_exported", "month_exported", "site_2"]),
        (AS_EXPORTED, ["Site_exported", "window_start_exported", "Taken At", "month_exported", "Site 2"]),
    ],
)
def test_no_column_hides_a_partition_key(style, names):
    header = ["Site", "window_start", "Taken At", "month", "Site 2"]
    assert column_names(header, style, ("site", "window_start", "taken_at", "month")) == names


def test_names_can_stay_as_they_are_exported():
    header = ["customer[id]", "Created At", "金額", "id", "ID"]
    assert column_names(header, AS_EXPORTED) == ["customer[id]", "Created At", "金額", "id", "ID_2"]


def test_another_style_is_refused():
    with pytest.raises(SettingsError, match="parquet_column_names 'snake' is not known .did you mean 'snake_case'"):
        check_style("snake")


@given(st.lists(st.one_of(st.text(max_size=8), st.sampled_from(["id", "ID", "id_2", "Id 2", "site", "Site"]))))
def test_any_header_gives_names_that_differ_and_that_readers_take(header):
    names = column_names(header)
    assert len(set(names)) == len(names) == len(header)
    assert all(re.fullmatch("[a-z][a-z0-9_]{0,126}", each) for each in names)
    assert not {"site", "window_start", "taken_at"} & set(names)


def test_a_name_that_is_there_ten_thousand_times_takes_no_longer():
    names = unique_names(["id"] * 100_000 + ["ID_5", "", ""])
    assert len(set(names)) == 100_003 and names[:3] == ["id", "id_2", "id_3"]


def test_names_are_there_once():
    assert unique_names(["id", "ID", "", "id_2", "", "id"]) == ["id", "ID_2", "column_3", "id_2_2", "column_5", "id_3"]
