"""How a task ends that is stopped by a person, or by the end of its worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chargebee_operators._compat import RUNS_ON_AFTER_ON_KILL


class Killable:
    """A mixin of operators that have something to clean up when their task is killed: uploads in S3, files on the disk."""

    _running = False

    def on_kill(self) -> None:
        """End what runs, so that it cleans up.

        Airflow 2 does that by itself, with an exception that knows what the person wants. Airflow 3 calls this from its
        signal handler, lets the task go on, and five seconds later ends the process, which would leave everything behind,
        or commit in between.

        :raises SystemExit: on Airflow 3, while ``execute`` runs; the task is tried again where it has tries left, unless a
            person has decided on its state.
        """
        if self._running and RUNS_ON_AFTER_ON_KILL:
            self._running = False
            raise SystemExit("The task was asked to end.")

    @contextmanager
    def killable(self) -> Iterator[None]:
        """Let ``on_kill`` end what runs in the block."""
        self._running = True
        try:
            yield
        finally:
            self._running = False
