"""What deploy.sh can't do in a shell: it reads MWAA's answers, and merges a bundle with what an environment has.

It is in each bundle, and needs Python 3.9 or later and nothing else. Each command prints its result, without a line's end.
A refusal is one sentence on stderr, and status 1.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import re
import shlex
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PLUGINS_FOLDER = "/usr/local/airflow/plugins"
OURS = "airflow-chargebee-exports"
# The same code as a folder. An installed wheel hides it, so it goes when the wheel comes.
FOLDER_OF_OURS = ("chargebee_operators/", "chargebee_plugin.py")
SSM_BACKEND = "airflow.providers.amazon.aws.secrets.systems_manager.SystemsManagerParameterStoreBackend"
CONNECTION = "chargebee_default"
# The comment above the bundle's lines in requirements.txt.
OWN_LINES = "# The Chargebee exports"
# Options of which a bundle needs its own value; of the others the environment's value stays.
NEEDED = ("chargebee_export.bucket",)


class RefusedError(Exception):
    """The bundle does not fit the environment; the message says why, and what to do."""


def check_sums(folder: str) -> str:
    """Refuse a bundle with a file that is not as it was made."""
    for line in Path(folder, "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = Path(folder, name)
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise RefusedError(f"{name} is missing or was changed. Make the bundle again, or correct SHA256SUMS.")
    return ""


def facts(answer: str, airflow_version: str, bucket: str, environment_class: str) -> str:
    """Return what deploy.sh needs of an environment, as assignments of a shell.

    :param answer: the file with the answer to get-environment.
    """
    found = environment_of(answer)
    if found["AirflowVersion"] != airflow_version:
        raise RefusedError(
            f"Environment {found['Name']} has Airflow {found['AirflowVersion']}, and the bundle is for {airflow_version}: make "
            f"one with AIRFLOW_VERSION={found['AirflowVersion']}."
        )
    if found["SourceBucketArn"].rpartition(":")[2] != bucket:
        raise RefusedError(
            f"Environment {found['Name']} reads {found['SourceBucketArn']}, and the bundle is for bucket {bucket}: make one with "
            "the right BUCKET."
        )
    if found["EnvironmentClass"] != environment_class:
        raise RefusedError(
            f"Environment {found['Name']} has the class {found['EnvironmentClass']}, and the bundle is for {environment_class}: "
            f"make one with ENVIRONMENT_CLASS={found['EnvironmentClass']}."
        )
    # After a failed update an environment is as it was before, and can be used.
    if found["Status"] not in ("AVAILABLE", "UPDATE_FAILED"):
        raise RefusedError(
            f"Environment {found['Name']} is {found['Status']}: wait until it is AVAILABLE, then run this again."
        )
    values = {
        "role": found["ExecutionRoleArn"].rpartition("/")[2],
        "dags_key": found["DagS3Path"].strip("/"),
        # A path may come without a version.
        "has_plugins": "yes" if found.get("PluginsS3Path") else "",
        "plugins_key": found.get("PluginsS3Path") or "plugins.zip",
        "plugins_version": found.get("PluginsS3ObjectVersion") or "",
        "has_requirements": "yes" if found.get("RequirementsS3Path") else "",
        "requirements_key": found.get("RequirementsS3Path") or "requirements.txt",
        "requirements_version": found.get("RequirementsS3ObjectVersion") or "",
        "last_update": last_update(found),
    }
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())


def environment_of(answer: str) -> dict[str, Any]:
    """Return the environment that an answer to get-environment describes."""
    return json.loads(Path(answer).read_text(encoding="utf-8"))["Environment"]


def last_update(found: Mapping[str, Any]) -> str:
    """Return when the last update began, as MWAA writes it; empty when there was none."""
    return str((found.get("LastUpdate") or {}).get("CreatedAt") or "")


def update_state(answer: str, update_before: str) -> str:
    """Return ``wait``, or ``done`` once an update that began after another one has ended well."""
    found = environment_of(answer)
    update = found.get("LastUpdate") or {}
    if last_update(found) == update_before:
        return "wait"
    if found["Status"] in ("UPDATE_FAILED", "UNAVAILABLE") or update.get("Status") == "FAILED":
        error = update.get("Error") or {}
        raise RefusedError(
            f"MWAA could not update the environment: {error.get('ErrorCode', '')} {error.get('ErrorMessage', '')} The log "
            "streams requirements_install_... have pip's error. The DAG files were not copied."
        )
    return "done" if found["Status"] == "AVAILABLE" and update.get("Status") == "SUCCESS" else "wait"


def merge_plugins(current: str, ours: str, merged: str) -> str:
    """Write a plugins.zip with what an environment has and with the bundle's wheels.

    An older wheel of the same package goes, and so does the folder with the same code.

    :param current: the environment's own file; an empty one when it has none.
    """
    new, old = _entries(ours), _entries(current)
    packages = {_package(name) for name in new}
    kept = {
        name: entry
        for name, entry in old.items()
        if _package(name) not in packages and not name.startswith(FOLDER_OF_OURS)
    }
    if {name: data for name, (_, data) in old.items()} == {name: data for name, (_, data) in {**kept, **new}.items()}:
        # Another version of zlib would give other bytes, and so an update for nothing.
        Path(merged).write_bytes(Path(current).read_bytes())
    else:
        with zipfile.ZipFile(merged, "w") as archive:
            for _, (entry, data) in sorted({**kept, **new}.items()):
                # With its mode and compression: a program stays a program, and a link a link.
                archive.writestr(entry, data, entry.compress_type)
    return f"{len(new)} wheels of the bundle, {len(kept)} files that the environment has already"


def _entries(path: str) -> dict[str, tuple[zipfile.ZipInfo, bytes]]:
    """Return what is in a zip, by name; nothing for an empty file."""
    if not Path(path).stat().st_size:
        return {}
    with zipfile.ZipFile(path) as archive:
        return {each.filename: (each, archive.read(each)) for each in archive.infolist()}


def _package(name: str) -> str:
    """Return the package that a wheel at the root is of; for another file, its own name."""
    if not name.endswith(".whl") or "/" in name:
        return name
    return re.sub(r"[-_.]+", "-", name.partition("-")[0]).lower()


def merge_requirements(current: str, ours: str, wheels: str, merged: str) -> str:
    """Write a requirements.txt with what an environment has and with the bundle's packages.

    Beside requirements of others the wheels are named by their paths: others may need an index, and no index can then give
    another package. An environment that asks no index itself keeps its options.

    :param current: the environment's own file; an empty one when it has none.
    :param wheels: the bundle's plugins.zip.
    """
    names = sorted(_entries(wheels))
    packages = {_package(name) for name in names}
    mine = [f"{PLUGINS_FOLDER}/{name}" for name in names]
    own_lines = {*mine, *Path(ours).read_text(encoding="utf-8").splitlines()}
    others, replaced = [], []
    for line in Path(current).read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if "--hash=" in text or "--require-hashes" in text:
            raise RefusedError(
                "requirements.txt of the environment has hashes, which the wheels of a bundle lack: remove them."
            )
        if _required(text) in packages:
            replaced += [text] if text not in own_lines else []
        elif text != OWN_LINES:
            others.append(line.rstrip())
    while others and not others[-1]:
        others.pop()
    dropped = f", in place of {', '.join(replaced)}" if replaced else ""
    options = ("--no-index", f"--find-links {PLUGINS_FOLDER}")
    if all(not each or each.startswith("#") or each.strip() in options for each in others):
        Path(merged).write_bytes(Path(ours).read_bytes())
        return f"the bundle's own{dropped}"
    Path(merged).write_text("\n".join([*others, OWN_LINES, *mine]) + "\n", encoding="utf-8")
    return f"{len(names)} wheels of the bundle, beside the lines that the environment has already{dropped}"


def _required(line: str) -> str:
    """Return the package that a line of requirements.txt is about; empty where it names none."""
    if line.startswith(PLUGINS_FOLDER):
        return _package(line.rpartition("/")[2])
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def merge_options(answer: str, ours: str) -> str:
    """Return the environment's Airflow options with those of the bundle, as JSON; what is set already stays."""
    have = environment_of(answer).get("AirflowConfigurationOptions") or {}
    merged = dict(have)
    for name, value in json.loads(Path(ours).read_text(encoding="utf-8")).items():
        if have.get(name, value) == value:
            merged[name] = value
        elif name in NEEDED:
            raise RefusedError(
                f"The environment has {name} {have[name]!r}, and the bundle has {value!r}: make a bundle for the first, or "
                "remove the option."
            )
        else:
            print(f"  {name} stays as the environment has it. The bundle has {value!r}.", file=sys.stderr)
    return json.dumps(merged)


def policy(answer: str, template: str) -> str:
    """Return a policy with account, region and partition of the environment, as JSON in one line."""
    # arn:aws:airflow:eu-west-1:111122223333:environment/NAME
    _, partition, _, region, account, _ = environment_of(answer)["Arn"].split(":", 5)
    text = Path(template).read_text(encoding="utf-8")
    for word, value in (("PARTITION", partition), ("REGION", region), ("ACCOUNT", account)):
        text = text.replace(word, value)
    return json.dumps(json.loads(text))


def same_json(one: str, other: str) -> str:
    """Return ``yes`` when two files have the same JSON; nothing when one of them is empty."""
    texts = [Path(each).read_text(encoding="utf-8") for each in (one, other)]
    return "yes" if all(texts) and json.loads(texts[0]) == json.loads(texts[1]) else ""


def parameter_name(options: str) -> str:
    """Return the name of the parameter that Airflow reads the connection from; nothing where it reads none.

    :param options: the merged options.
    """
    found = json.loads(Path(options).read_text(encoding="utf-8"))
    kwargs = json.loads(found.get("secrets.backend_kwargs") or "{}")
    prefix, pattern = kwargs.get("connections_prefix", "/airflow/connections"), kwargs.get("connections_lookup_pattern")
    if found.get("secrets.backend") != SSM_BACKEND or prefix is None:
        print("  Airflow does not read connections from SSM here. Store the connection where it does.", file=sys.stderr)
        return ""
    if pattern and not re.match(pattern, CONNECTION, re.IGNORECASE):
        raise RefusedError(
            f"connections_lookup_pattern {pattern!r} leaves out {CONNECTION}: correct secrets.backend_kwargs."
        )
    return f"{prefix.rstrip('/')}/{CONNECTION}"


def connection(site: str) -> str:
    """Return the connection as JSON, with the API key that a person types, or that comes from a pipe."""
    ask = sys.stdin.isatty()
    key = (getpass.getpass(f"API key of site {site} (it is not shown): ") if ask else sys.stdin.readline()).strip()
    if not re.fullmatch(r"[A-Za-z0-9_]{8,}", key):
        raise RefusedError("That is not an API key of Chargebee: paste the whole key, and nothing else.")
    return json.dumps({"conn_type": "generic", "login": site, "password": key})


def update(
    answer: str,
    options: str,
    plugins: str,
    plugins_version: str,
    requirements: str,
    requirements_version: str,
    how: str,
) -> str:
    """Return the argument of update-environment; nothing when the environment is like that already.

    :param how: GRACEFUL or FORCED; empty leaves it to MWAA.
    """
    found = environment_of(answer)
    wanted = {
        "AirflowConfigurationOptions": json.loads(Path(options).read_text(encoding="utf-8")),
        "PluginsS3Path": plugins,
        "PluginsS3ObjectVersion": plugins_version,
        "RequirementsS3Path": requirements,
        "RequirementsS3ObjectVersion": requirements_version,
    }
    if all(found.get(name) == value for name, value in wanted.items()):
        return ""
    return json.dumps({"Name": found["Name"], **wanted, **({"WorkerReplacementStrategy": how} if how else {})})


COMMANDS: dict[str, Callable[..., str]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        check_sums,
        facts,
        update_state,
        merge_plugins,
        merge_requirements,
        merge_options,
        policy,
        same_json,
        parameter_name,
        connection,
        update,
    )
}


def main() -> int:
    """Run the command that the command line names."""
    name, *arguments = sys.argv[1:]
    try:
        print(COMMANDS[name](*arguments), end="")
    except RefusedError as error:
        print(f"deploy.sh: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
