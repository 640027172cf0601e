"""What the demo prints: a line for each task, a table of what was written, and nothing that leads astray."""

from __future__ import annotations

import os
import sqlite3

import demo
import pytest
from airflow_runs import TaskEnd, ended_tasks
from demo_data import OwnData

import stack


def manifest(resource: str, files: list[tuple[str, int | None, int]]) -> dict:
    """Return as much of a manifest as the demo reads; each file is a table of its own."""
    return {
        "job": {"resource": resource},
        "files": [{"table": table, "rows": rows, "bytes": size} for table, rows, size in files],
        "tables": {table: {"rows": rows, "bytes": size, "files": 1} for table, rows, size in files},
    }


def test_each_task_gets_a_line_as_it_ends_and_skipped_ones_a_count(capsys):
    progress = demo.Progress()
    for end in (
        TaskEnd("plan", "success", 100.0, 101.5),
        TaskEnd("customers.start", "success", 102.0, 104.0),
        TaskEnd("customers.upload", "failed", 110.0, 112.0),
        TaskEnd("invoices.start", "skipped", None, None),
        TaskEnd("orders.start", "upstream_failed", None, None),
    ):
        progress.task_ended(end)
    progress.end(20)
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[1:3] for line in lines] == [
        ["plan", "success"],
        ["customers.start", "success"],
        ["customers.upload", "failed"],
        ["orders.start", "upstream_failed"],
    ]
    assert last == "The run took 20 s. Skipped tasks: 1."
    assert progress.seconds("customers") == 10.0 and progress.seconds("orders") is None


def test_a_task_without_a_beginning_began_when_the_one_before_it_ended(capsys):
    progress = demo.Progress()
    for number, name in enumerate(("plan", "customers.start", "customers.ready", "customers.upload")):
        progress.task_ended(TaskEnd(name, "success", None, 100.0 + 5 * number))
    assert [line.split()[3:] for line in capsys.readouterr().out.splitlines()] == [[], *[["5.0", "s"]] * 3]
    assert progress.seconds("customers") == 15.0 and progress.seconds("plan") is None


def test_the_table_counts_the_resources_own_rows(capsys):
    progress = demo.Progress()
    progress.task_ended(TaskEnd("invoices.upload", "success", 1.0, 3.5))
    capsys.readouterr()
    invoices = manifest("invoices", [("invoices", 1200, 40_000), ("invoices__line_items", 9999, 500)])
    assert demo.row_of(invoices, progress) == ("invoices", "2", "1,200", "40,500", "2.5")
    assert demo.row_of(manifest("customers", [("customers", None, 7)]), progress)[2] == "unknown"
    assert demo.row_of(manifest("coupons", []), progress) == ("coupons", "0", "0", "0", "")
    demo.print_table([("invoices", "2", "1,200", "40,500", "2.5")])
    head, rule, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["resource", "files", "rows", "bytes", "seconds"] and set(rule) == {" ", "-"}
    assert [head.index(name) + len(name) for name in ("rows", "bytes")] == [
        row.index("1,200") + 5,
        row.index("40,500") + 6,
    ]


def test_a_persons_records_are_compared_with_what_was_written(tmp_path, capsys):
    data = OwnData(tmp_path / "customers.csv", "customers", 5, 0, 86400, 3)
    demo.check(data, [manifest("customers", [("customers", 3, 10)])])
    assert "Of 5 customers in customers.csv, 3 are in the window; 3 were written." in capsys.readouterr().out
    with pytest.raises(demo.DemoError, match="3 customers are in the window, but 2 were written"):
        demo.check(data, [manifest("customers", [("customers", 2, 10)])])


def test_ended_tasks_are_read_from_airflows_database(tmp_path):
    path = tmp_path / "airflow.db"
    assert list(ended_tasks(path)) == [], "there is no database yet"
    with sqlite3.connect(path) as connection:
        assert list(ended_tasks(path)) == [], "nor a table in it"
        connection.execute("CREATE TABLE task_instance (task_id, state, start_date, end_date)")
        connection.executemany(
            "INSERT INTO task_instance VALUES (?, ?, ?, ?)",
            [
                ("b", "success", "2026-11-24 00:00:01.5", "2026-11-24 00:00:04"),
                ("a", "failed", "2026-11-24 00:00:00+00:00", "2026-11-24 00:00:02+00:00"),
                ("c", "running", "2026-11-24 00:00:00", None),
                ("d", "skipped", None, None),
            ],
        )
    ends = list(ended_tasks(path))
    assert [(end.task_id, end.state) for end in ends] == [("d", "skipped"), ("a", "failed"), ("b", "success")]
    assert ends[2].ended - ends[2].began == 2.5 and ends[1].ended - ends[1].began == 2


@pytest.mark.parametrize("given", [{}, {"no_proxy": "example.com"}, {"NO_PROXY": "example.com,127.0.0.1"}])
def test_no_program_asks_a_proxy_for_what_is_on_this_machine(given):
    made = stack.without_proxy({"HTTP_PROXY": "http://proxy.invalid", **given})
    assert made["HTTP_PROXY"], "the proxy stays, for everything else"
    for name in ("no_proxy", "NO_PROXY"):
        hosts = made[name].split(",")
        assert {"127.0.0.1", "localhost"} <= set(hosts) and len(hosts) == len(set(hosts))
        assert "example.com" in hosts or not given


def test_a_run_starts_in_an_empty_folder_whose_part_is_the_temporary_one(tmp_path, monkeypatch):
    monkeypatch.setattr(stack, "ROOT", tmp_path)
    monkeypatch.setenv("TMPDIR", "/tmp")
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = demo.new_folder()
    (folder / "old").write_text("x")
    folder = demo.new_folder()
    assert [path.name for path in folder.iterdir()] == ["tmp"]
    assert os.environ["TMPDIR"].startswith(str(tmp_path))
