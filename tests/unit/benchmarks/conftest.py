"""The benchmarks run on the newest Airflow alone, and so do their tests."""

from __future__ import annotations

from importlib.metadata import version

import environment

collect_ignore_glob = [] if version("apache-airflow") == environment.newest_version() else ["test_*.py"]
