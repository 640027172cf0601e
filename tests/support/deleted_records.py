"""The operator of deleted records in virtual time, and the rows that it writes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
from typing import Any

import pytest
from virtual_time import VirtualTime

from chargebee_operators import ChargebeeDeletedRecordsOperator
from support.tasks import TaskDeferred, context
from support.uploads import body, manifest

NOON = "2026-11-23T12:00:00Z"
FOLDER = "chargebee/windows/deleted_records/site=acme-test/window_start=20261123T000000Z/"
MANIFEST = "chargebee/manifests/deleted_records/site=acme-test/window_start=20261123T000000Z.json"


class Waiting:
    """Runs the operator in virtual time, which moves the simulator's clock too.

    ``deferred`` has the seconds of each wait in the triggerer, ``slept`` those of each in the worker.
    """

    def __init__(self, simulator: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.simulator = simulator
        self.deferred: list[float] = []
        self.slept: list[float] = []
        self._bucket = bucket
        self._clock = VirtualTime(simulator.control.now(), on_jump=simulator.control.advance)
        monkeypatch.setattr(time, "sleep", self._sleep)

    def run(self, task_context: Any = None, **arguments: Any) -> dict[str, Any]:
        operator = ChargebeeDeletedRecordsOperator(task_id="deleted", s3_bucket=self._bucket, **arguments)
        task_context, step, more = task_context or context(), operator.execute, {}
        with self._clock.installed():
            while True:
                try:
                    return step(task_context, **more)
                except TaskDeferred as deferred:
                    step, more = operator.execute_complete, {"event": self._event(deferred.trigger)}

    def _event(self, trigger: Any) -> Any:
        path, kwargs = trigger.serialize()
        rebuilt = type(trigger)(**json.loads(json.dumps(kwargs)))
        assert path == f"{type(trigger).__module__}.{type(trigger).__name__}"

        async def events() -> list[Any]:
            return [event.payload async for event in rebuilt.run()]

        begun = time.time()
        (event,) = self._clock.run(events())
        self.deferred.append(time.time() - begun)
        return json.loads(json.dumps(event))

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.wait(seconds, lambda _: None)


def rows_in(s3: Any, bucket: str, key: str = MANIFEST) -> list[dict[str, str]]:
    (file,) = manifest(s3, bucket, key)["files"]
    text = gzip.decompress(body(s3, bucket, file["key"])).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))
