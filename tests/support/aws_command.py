"""An ``aws`` command for scripts: it takes what the AWS CLI takes, and calls moto, or an MWAA of a test.

The command itself only sends its arguments to this process, which has botocore's models: starting Python with boto3 for each
call would cost a second.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jmespath
from botocore import xform_name
from botocore.session import Session
from botocore.validate import ParamValidator

_CLIENT = """#!{python} -IS
import json, socket, sys
given = {{"arguments": sys.argv[1:], "input": sys.stdin.read() if "file:///dev/stdin" in sys.argv else ""}}
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({path!r})
    connection.sendall(json.dumps(given).encode() + b"\\n")
    answer = json.loads(connection.makefile().read())
sys.stdout.write(answer["output"])
sys.stderr.write(answer["error"])
sys.exit(255 if answer["error"] else 0)
"""
# Of the model of 2024, in Airflow 2.10, this is not known yet. The CLI has it from 2025 on.
_LATER = {"UpdateEnvironment": {"WorkerReplacementStrategy"}}


@dataclass
class Call:
    """One call: the command line, what came on standard input, and the parameters of the API."""

    arguments: list[str]
    input: str
    parameters: dict[str, Any]

    @property
    def name(self) -> str:
        return " ".join(self.arguments[:2])


@dataclass
class Mwaa:
    """The environments of MWAA: one, which is updated at the second look.

    :param environment: as get-environment gives it.
    :param error: what the next update ends with; empty for a good end.
    """

    environment: dict[str, Any]
    error: str = ""
    _pending: dict[str, Any] | None = field(default=None, repr=False)
    _updates: int = 0

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if parameters["Name"] != self.environment["Name"]:
            raise LookupError("ResourceNotFoundException")
        if operation == "UpdateEnvironment":
            self._updates += 1
            self._pending = {name: value for name, value in parameters.items() if name != "WorkerReplacementStrategy"}
            self.environment |= {"Status": "UPDATING"}
            self.environment["LastUpdate"] = {"Status": "PENDING", "CreatedAt": f"2026-11-26T00:00:0{self._updates}Z"}
            return {"Arn": self.environment["Arn"]}
        answer = json.loads(json.dumps({"Environment": self.environment}))
        if self._pending is not None:
            self._end_update()
        return answer

    def _end_update(self) -> None:
        pending, self._pending = self._pending or {}, None
        self.environment["Status"] = "AVAILABLE"
        if self.error:
            told = {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": self.error}
            self.environment["LastUpdate"] |= {"Status": "FAILED", "Error": told}
        else:
            self.environment |= pending
            self.environment["LastUpdate"]["Status"] = "SUCCESS"


class AwsCommand:
    """The other end of the command: it keeps the ``calls``.

    :param folder: where the command is.
    :param client: given the name of a service, returns a boto3 client.
    :param mwaa: the environment.
    """

    def __init__(self, folder: str, client: Callable[[str], Any], mwaa: Mwaa) -> None:
        self.folder = folder
        self.calls: list[Call] = []
        self.mwaa = mwaa
        self._clients: dict[str, Any] = {}
        self._client = client
        self._session = Session()

    def run(self, given: dict[str, Any]) -> dict[str, str]:
        """Do what the command line says, and return its output."""
        try:
            return {"output": self._run(given["arguments"], given["input"]), "error": ""}
        except Exception as error:
            return {"output": "", "error": f"An error occurred: {type(error).__name__}: {error}\n"}

    def _run(self, arguments: list[str], given: str) -> str:
        command, name, *words = arguments
        service = {"s3api": "s3"}.get(command, command)
        model = self._session.get_service_model(service)
        (operation,) = (each for each in model.operation_names if xform_name(each, "-") == name)
        shape = model.operation_model(operation).input_shape
        members = {f"--{xform_name(each, '-')}": each for each in shape.members}
        parameters: dict[str, Any] = {}
        options, outfile = {"--query": "", "--output": "json"}, ""
        rest = iter(words)
        for word in rest:
            if word in options:
                options[word] = next(rest)
            elif word == "--cli-input-json":
                if (path := next(rest)) == "file:///dev/stdin":
                    raise ValueError(
                        "Invalid JSON received: the AWS CLI reads the file twice, and a pipe is empty then."
                    )
                parameters |= json.loads(_text(path))
            elif word.startswith("--") and shape.members[members[word]].type_name == "boolean":
                parameters[members[word]] = True
            elif word.startswith("--"):
                value = given if (value := next(rest)) == "file:///dev/stdin" else value
                parameters[members[word]] = _text(value) if value.startswith("file://") else value
            else:
                outfile = word
        self.calls.append(Call(arguments, given, dict(parameters)))
        later = _LATER.get(operation, set()) - set(shape.members)
        checked = {name: value for name, value in parameters.items() if name not in later}
        if problems := ParamValidator().validate(checked, shape).generate_report():
            raise ValueError(problems)
        answer = self._answer(service, operation, parameters)
        answer.pop("ResponseMetadata", None)
        if outfile:
            Path(outfile).write_bytes(answer.pop("Body").read())
        found = jmespath.search(options["--query"], answer) if options["--query"] else answer
        if options["--output"] == "text":
            lines = found if isinstance(found, list) else [found]
            return "".join(f"{each}\n" for each in lines) or "None\n"
        return json.dumps(found, default=str) + "\n"

    def _answer(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if service == "mwaa":
            return self.mwaa.call(operation, parameters)
        if service not in self._clients:
            self._clients[service] = self._client(service)
        if operation == "PutObject":
            parameters["Body"] = Path(parameters["Body"]).read_bytes()
        return getattr(self._clients[service], xform_name(operation))(**parameters)


def _text(path: str) -> str:
    return Path(path.removeprefix("file://")).read_text(encoding="utf-8")


@contextmanager
def aws_command(folder: Path, client: Callable[[str], Any], mwaa: Mwaa) -> Iterator[AwsCommand]:
    """Put a command ``aws`` into a folder, for as long as the block runs.

    :param folder: a short path, which goes on the PATH.
    """
    command = AwsCommand(str(folder), client, mwaa)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(json.dumps(command.run(json.loads(self.rfile.readline()))).encode())

    path = folder / "aws.sock"
    with socketserver.UnixStreamServer(str(path), Handler) as server:
        (folder / "aws").write_text(_CLIENT.format(python=sys.executable, path=str(path)))
        (folder / "aws").chmod(0o755)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield command
        server.shutdown()
        thread.join()
