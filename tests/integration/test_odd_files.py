"""Zips that hold more than data, and files that are not what they are called: what lands, and what is said of it."""

from __future__ import annotations

import zipfile

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators._compat import AirflowFailException
from support.odd_exports import HEAD, ROWS, land_zip, task_log_lines
from support.tasks import run
from support.uploads import upload
from support.zips import made

FORMATS = ["csv", "csv.gz", "parquet", "zip"]
every_format = pytest.mark.parametrize("file_format", FORMATS)
APPLE_DOUBLE = b"\0\5\x16\7" + bytes(60)


@every_format
def test_what_macos_and_windows_put_beside_the_data_is_left_out_and_listed(aws, store, file_format):
    companions = ["__MACOSX/._customers.csv", ".DS_Store", "Thumbs.db"]
    members = {"customers.csv": HEAD + ROWS, **dict.fromkeys(companions, APPLE_DOUBLE)}
    with task_log_lines() as lines:
        told = land_zip(store, members, file_format)
    (only,) = told["files"]
    assert (only["member"], only["rows"], told["warnings"]) == ("customers.csv", 2, [])
    assert only["columns"] == ["id", "first_name", "last_name", "updated_at"]
    assert [each["member"] for each in told["left_out"]] == companions
    assert all(any(f"{each} is left out" in line for line in lines) for each in companions)


@every_format
def test_another_hidden_file_is_left_out_with_a_warning(aws, store, file_format):
    told = land_zip(store, {".customers.csv": HEAD + ROWS, "customers.csv": HEAD + ROWS}, file_format)
    assert [each["member"] for each in told["left_out"]] == [".customers.csv"]
    assert told["rows"] == 2
    assert told["warnings"] == [".customers.csv was left out: it is a hidden file."]


@pytest.mark.parametrize("ranges", [True, False])
def test_too_many_members_are_refused_before_anything_is_sent_where_ranges_are_served(
    make_simulator, connect, proxy, bucket, tmp_path, ranges
):
    path = tmp_path / "many.zip"
    path.write_bytes(made([(f"{number}.csv", HEAD + ROWS) for number in range(21)], zipfile.ZIP_STORED))
    simulator = make_simulator(serve_zips={"customers": path})
    connect(simulator)
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    if not ranges:
        simulator.control.add_faults([{"kind": "no_range", "times": None}])
    with pytest.raises(AirflowFailException, match="more than 20 members: raise max_members"):
        run(upload(job, bucket, max_members=20))
    begun = sum(call.operation == "CreateMultipartUpload" for call in proxy.calls)
    assert begun == (0 if ranges else 20)
