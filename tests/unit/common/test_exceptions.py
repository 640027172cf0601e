"""The error tree: who is whose child, and which errors no retry can mend."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from chargebee_operators.common import exceptions
from chargebee_operators.common.exceptions import (
    ChargebeeApiError,
    ChargebeeExportError,
    SettingsError,
    ThrottledError,
    UnavailableError,
)

# name: (parent, permanent)
TREE = {
    "SettingsError": ("ChargebeeExportError", True),
    "ChargebeeApiError": ("ChargebeeExportError", False),
    "AuthenticationError": ("ChargebeeApiError", True),
    "AccessDeniedError": ("ChargebeeApiError", True),
    "RequestRejectedError": ("ChargebeeApiError", True),
    "ThrottledError": ("ChargebeeApiError", False),
    "UnavailableError": ("ChargebeeApiError", False),
    "ExportFailedError": ("ChargebeeExportError", True),
    "EarlyExportError": ("ChargebeeExportError", True),
    "DownloadError": ("ChargebeeExportError", False),
    "DownloadRefusedError": ("DownloadError", True),
    "ArchiveError": ("ChargebeeExportError", False),
    "UnsafeArchiveError": ("ArchiveError", True),
    "ConversionError": ("ChargebeeExportError", True),
    "WindowCheckError": ("ChargebeeExportError", True),
    "ColumnsChangedError": ("ChargebeeExportError", True),
    "DestinationError": ("ChargebeeExportError", True),
    "UploadError": ("ChargebeeExportError", False),
    "CatalogError": ("ChargebeeExportError", False),
    "CatalogRefusedError": ("CatalogError", True),
}
CLASSES = {
    name: each
    for name, each in vars(exceptions).items()
    if inspect.isclass(each) and each.__module__ == exceptions.__name__
}


def test_the_tree():
    found = {name: (each.__bases__[0].__name__, each.permanent) for name, each in CLASSES.items()}
    assert found == {**TREE, "ChargebeeExportError": ("Exception", False)}


def test_the_tree_is_drawn_as_it_is():
    drawn = re.findall(r"^    (?:[|` -]*)(\w+Error)\b", exceptions.__doc__, re.MULTILINE)
    assert sorted(drawn) == sorted(CLASSES)


def test_a_wrong_setting_is_a_value_error_as_well():
    assert issubclass(SettingsError, ValueError)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_message_is_all_that_an_error_says(name):
    error = CLASSES[name]("One sentence.")
    assert (str(error), error.args) == ("One sentence.", ("One sentence.",))


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ChargebeeApiError("m", status=400, code="c"), {"status": 400, "code": "c"}),
        (ThrottledError("m", retry_after=7, code="c"), {"status": 429, "code": "c", "retry_after": 7}),
        (UnavailableError("m", status=503, retry_after=7), {"status": 503, "code": None, "retry_after": 7}),
        (UnavailableError("m"), {"status": None, "code": None, "retry_after": None}),
    ],
    ids=repr,
)
def test_an_answers_details_survive_a_process_boundary(error, kept):
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert {name: getattr(each, name) for name in kept} == kept
        assert isinstance(each, ChargebeeExportError)
