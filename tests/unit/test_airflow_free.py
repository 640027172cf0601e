"""Which tests run on two versions of Airflow only, and that these could not use it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from support.airflow_free import PATHS, TESTS, NoAirflow, knows_no_airflow


@pytest.mark.parametrize("path", PATHS)
def test_each_path_exists(path):
    assert (TESTS / path).exists()


def test_a_module_is_found_by_its_folder_and_a_new_one_runs_on_all_versions():
    assert knows_no_airflow(TESTS / "unit" / "archive" / "test_new.py")
    assert not knows_no_airflow(TESTS / "unit" / "chargebee" / "test_new.py")
    assert not knows_no_airflow(Path(__file__))


def test_without_airflow_no_part_of_it_can_be_imported(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [NoAirflow(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "airflow", raising=False)
    with pytest.raises(ModuleNotFoundError, match="take the test's module out"):
        importlib.import_module("airflow")
    monkeypatch.delitem(sys.modules, "airflow.configuration", raising=False)
    with pytest.raises(ModuleNotFoundError, match="does without Airflow"):
        importlib.import_module("airflow.configuration")
    importlib.reload(importlib.import_module("json"))
