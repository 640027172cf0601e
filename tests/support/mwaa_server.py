"""MWAA over HTTP, for the real AWS CLI: get-environment and update-environment of one environment."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.aws_command import Mwaa


@contextmanager
def mwaa_server(mwaa: Mwaa) -> Iterator[dict[str, str]]:
    """Serve MWAA for as long as the block runs, and yield the environment in which the AWS CLI finds it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GetEnvironment", {})

        def do_PATCH(self) -> None:
            self._answer("UpdateEnvironment", json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, operation: str, parameters: dict[str, object]) -> None:
            body = json.dumps(mwaa.call(operation, {**parameters, "Name": self.path.rpartition("/")[2]})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        # The CLI would put "api." in front of the host.
        yield {
            "AWS_ENDPOINT_URL_MWAA": f"http://127.0.0.1:{server.server_port}",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }
        server.shutdown()
        thread.join()
