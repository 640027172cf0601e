"""What the report says of exports of a day in the far future."""

from __future__ import annotations

import pytest

from chargebee_operators.doctor.exports import report_filters
from chargebee_operators.doctor.findings import Level, Report
from chargebee_operators.doctor.sample_file import SampleFile


def said(**files: list[SampleFile]) -> list[tuple[Level, str]]:
    report = Report("acme")
    report_filters(files, report)
    return [(each.level, each.says) for each in report.findings]


@pytest.mark.parametrize(
    ("files", "shape"),
    [
        ([SampleFile("Customers.csv", 12, 0, ["Customer Id"])], "a header alone"),
        ([SampleFile("Customers.csv")], "a file of zero bytes"),
        ([SampleFile("Customers.csv", 2)], "a file without a header"),
        ([], "no file"),
    ],
)
def test_the_shape_of_an_empty_export_is_reported(files, shape):
    assert (Level.OK, f"An export without rows has {shape}: customers.") in said(customers=files)


@pytest.mark.parametrize(("rows", "many"), [(3, "3 rows"), (None, "an unknown number of rows")])
def test_a_row_in_the_far_future_is_wrong(rows, many):
    ((level, says),) = said(customers=[SampleFile("Customers.csv", 9, rows, ["Id"]), SampleFile("Contacts.csv")])
    assert level is Level.WRONG and f"holds {many}, so Chargebee ignored the filter" in says
