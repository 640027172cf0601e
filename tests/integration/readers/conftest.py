"""What readers read, written once for all of these tests, also where pytest-xdist has several workers.

The tests run on the newest Airflow alone: what is written is the same on each, which other tests show.
"""

from __future__ import annotations

import fcntl
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import environment
import pytest

if TYPE_CHECKING:
    from support.readable import Readable

# Nothing here imports Airflow: pytest loads this file also in the run of the tests that do without it.
collect_ignore_glob = [] if version("apache-airflow") == environment.newest_version() else ["test_*.py"]


@pytest.fixture(scope="session")
def once(shared: Path) -> Callable[[str, Callable[[Path], Any]], Any]:
    """Return a function that gives the result of another one, which only the first worker calls."""

    def result(name: str, make: Callable[[Path], Any]) -> Any:
        made, folder = shared / f"{name}.pickle", shared / name
        with _alone(shared / f"{name}.lock"):
            if not made.exists():
                folder.mkdir()
                made.write_bytes(pickle.dumps(make(folder)))
            return pickle.loads(made.read_bytes())

    return result


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def landed(once: Callable[..., Any], s3: Any) -> Readable:
    """Exports of three days and a snapshot, in each format, and the rows that were exported."""
    from support.readable import land_all

    return once("readable", lambda folder: land_all(s3, folder))
