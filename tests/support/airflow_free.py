"""Which tests know no Airflow, so that ``make test-all`` need not repeat them on each version of it.

A test that is not listed here runs on all five versions: a new file is on the safe side until somebody lists it.
Listed ones run on the oldest and on the newest version, that is, with the oldest and the newest Python and libraries.
There they have a run of their own in which nothing can import Airflow.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

MARKER = "airflow_free"
TESTS = Path(__file__).resolve().parent.parent
# Folders and files below tests/.
PATHS = (
    "integration/download",
    "integration/local",
    "integration/test_sql.py",
    "integration/test_window_matrix.py",
    "unit/archive",
    "unit/audit/test_comparison.py",
    "unit/audit/test_report.py",
    "unit/audit/test_row_values.py",
    "unit/audit/test_windows.py",
    "unit/chargebee/test_api.py",
    "unit/chargebee/test_calls.py",
    "unit/chargebee/test_client.py",
    "unit/chargebee/test_deletions.py",
    "unit/chargebee/test_events.py",
    "unit/chargebee/test_filters.py",
    "unit/chargebee/test_jobs.py",
    "unit/chargebee/test_proxies.py",
    "unit/chargebee/test_records.py",
    "unit/chargebee/test_resources.py",
    "unit/chargebee/test_settling.py",
    "unit/chargebee/test_slot_queue.py",
    "unit/chargebee/test_windows.py",
    "unit/checks",
    "unit/common",
    "unit/dag/test_planning.py",
    "unit/dag/test_settings.py",
    "unit/dag/test_ticks.py",
    "unit/docs/test_architecture.py",
    "unit/docs/test_generated.py",
    "unit/docs/test_pages.py",
    "unit/docs/test_reports.py",
    "unit/docs/test_troubleshooting.py",
    "unit/doctor/test_findings.py",
    "unit/doctor/test_look.py",
    "unit/doctor/test_windows.py",
    "unit/download",
    "unit/formats",
    "unit/glue",
    "unit/local",
    "unit/partition",
    "unit/s3",
    "unit/sql",
)


@functools.cache  # Each of pytest-xdist's processes asks once for each test, of which some thousand share a module.
def knows_no_airflow(path: Path) -> bool:
    """Return whether a test module is listed, or in a folder that is."""
    return any(path.is_relative_to(TESTS / each) for each in PATHS)


class NoAirflow:
    """Refuses to import Airflow; for ``sys.meta_path``."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find no module but Airflow, and refuse that."""
        if name.partition(".")[0] == "airflow":
            raise ModuleNotFoundError(
                f"{name} was imported by a test that does without Airflow: mend the import, or take the test's module out "
                "of tests/support/airflow_free.py, so that it runs on every Airflow version.",
                name=name,
            )
        return None


def keep_airflow_out() -> None:
    """Refuse Airflow to every import from now on."""
    sys.meta_path.insert(0, NoAirflow())
