"""Which members of a zip are no data, by their names."""

from __future__ import annotations

import pytest

from chargebee_operators.archive.companions import HIDDEN, companion_of

COMPANIONS = {
    "__MACOSX/._customers.csv": "macOS",
    "__MACOSX/exports/._customers.csv": "macOS",
    "__macosx\\customers.csv": "macOS",
    "._customers.csv": "macOS",
    "exports/._customers.csv": "macOS",
    ".DS_Store": "macOS",
    "exports/.DS_Store": "macOS",
    "Thumbs.db": "Windows",
    "exports\\thumbs.DB": "Windows",
    "desktop.ini": "Windows",
    "exports/Desktop.ini": "Windows",
    ".customers.csv": HIDDEN,
    ".hidden/customers.csv": HIDDEN,
    ".csv": HIDDEN,
    "~$customers.xlsx": HIDDEN,
}


@pytest.mark.parametrize(("name", "reason"), COMPANIONS.items())
def test_companions_and_hidden_files_are_known(name, reason):
    assert reason in (companion_of(name) or "")


@pytest.mark.parametrize(
    "name",
    [
        "customers.csv",
        "exports/customers.csv",
        "./customers.csv",
        "../../customers.csv",
        "/customers.csv",
        "__customers.csv",
        "MACOSX/customers.csv",
        "customers._csv",
        "customers.csv.",
        "thumbs.db.csv",
        "desktop.csv",
        "",
        "/",
    ],
)
def test_all_others_are_data(name):
    assert companion_of(name) is None
