"""The simulated backfills take long and meet no Airflow but a simulated one, so they run on the newest version alone."""

from __future__ import annotations

from importlib.metadata import version

import environment

collect_ignore = [] if version("apache-airflow") == environment.newest_version() else ["test_slots.py"]
