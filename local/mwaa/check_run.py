"""Runs the DAG of a bundle in the environment that it was installed in, with the options of the bundle."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_services
from airflow_runs import SITE, AirflowFailed, prepare, run_dag

import stack
from mwaa.check_files import CheckError

RESOURCES = ("customers", "invoices")
_LOADED = """
import json, warnings
warnings.simplefilter("ignore")
from airflow import plugins_manager
from airflow.providers_manager import ProvidersManager
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
import chargebee_operators
bag = DagBag()
get = getattr(plugins_manager, "get_import_errors", None)
if get is None:
    plugins_manager.ensure_plugins_loaded()
print("LOADED", json.dumps({
    "dags": sorted(bag.dags), "dag_errors": dict(bag.import_errors),
    "plugin_errors": dict(get() if get else plugins_manager.import_errors),
    "package": chargebee_operators.__file__, "connection_type": "chargebee" in ProvidersManager().hooks,
}))
"""


def check_run(bundle: Path, python: Path, folder: Path) -> str:
    """Load the plugins and the DAGs, run the DAG against the simulator, and return a sentence about what was written.

    :param python: of the environment.
    :param folder: with ``plugins``, as MWAA makes it of plugins.zip.
    :raises CheckError: when Airflow can't load something, or the run does not write what it should.
    """
    key = f"test_{secrets.token_hex(16)}"
    options = json.loads((bundle / "airflow-options.json").read_text(encoding="utf-8"))
    shutil.copytree(bundle / "dags", folder / "dags")  # Airflow compiles the files where they are
    settings = ["--site", f"{SITE}:{key}", "--customers", "200", "--job-seconds", "1"]
    with (
        stack.simulator(folder, *settings) as chargebee,
        stack.s3_server(folder) as s3,
        aws_services.moto(folder) as moto,
    ):
        s3.client().create_bucket(Bucket=options["chargebee_export.bucket"])
        values = _environment(folder, options, s3, moto)
        _store_connection(options, moto, {"login": SITE, "password": key, "host": chargebee.url})
        _check_loaded(bundle, python, values)
        try:
            prepare(values, folder, python)
            run_dag(values, folder, {"resources": list(RESOURCES)}, python=python)
        except AirflowFailed as error:
            raise CheckError(str(error)) from None
        return _written(s3, options["chargebee_export.bucket"])


def _environment(
    folder: Path, options: Mapping[str, str], s3: stack.S3Server, moto: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a container of MWAA: no connection, the options, and the credentials of the role."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_", "PYTHON"))}
    as_variables = {f"AIRFLOW__{name.replace('.', '__', 1).upper()}": value for name, value in options.items()}
    return {
        **stack.without_proxy(kept),
        **moto,
        # The same credentials for both: moto takes any.
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_ENDPOINT_URL_S3": s3.endpoint_url,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__TRIGGERER__QUEUES_ENABLED": "False",  # which MWAA sets
        **as_variables,
    }


def _store_connection(options: Mapping[str, str], moto: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    import boto3

    prefix = json.loads(options["secrets.backend_kwargs"])["connections_prefix"]
    client = boto3.client(
        "ssm",
        endpoint_url=moto["AWS_ENDPOINT_URL"],
        region_name=aws_services.REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    value = json.dumps({"conn_type": "generic", **fields, "extra": {"poll_interval": 1}})
    client.put_parameter(Name=f"{prefix}/chargebee_default", Type="SecureString", Value=value)


def _check_loaded(bundle: Path, python: Path, values: Mapping[str, str]) -> None:
    done = subprocess.run([python, "-c", _LOADED], env=dict(values), capture_output=True, text=True, check=False)
    lines = [line.removeprefix("LOADED ") for line in done.stdout.splitlines() if line.startswith("LOADED ")]
    if not lines:
        raise CheckError(f"Airflow does not start:\n{done.stderr[-3000:]}")
    loaded = json.loads(lines[-1])
    for errors in (loaded["plugin_errors"], loaded["dag_errors"]):
        if errors:
            raise CheckError("Airflow has import errors:\n" + "\n".join(f"{name}: {errors[name]}" for name in errors))
    if not Path(loaded["package"]).is_relative_to(python.parents[1]):
        raise CheckError(f"Airflow imports {loaded['package']}, which is not that of the wheel.")
    if not loaded["connection_type"]:
        raise CheckError("Airflow does not have the connection type of the wheel.")
    files = {path.stem for path in (bundle / "dags").glob("*.py")}
    if not files <= set(loaded["dags"]):
        raise CheckError(
            f"Airflow has found {', '.join(loaded['dags'])}, and the DAG files are {', '.join(sorted(files))}."
        )


def _written(s3: stack.S3Server, bucket: str) -> str:
    listed = s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])
    keys = [each["Key"] for each in listed if "/manifests/" in each["Key"]]
    found = [json.load(s3.client().get_object(Bucket=bucket, Key=key)["Body"]) for key in keys]
    rows = {each["job"]["resource"]: sum(table["rows"] for table in each["tables"].values()) for each in found}
    if set(rows) != set(RESOURCES):
        raise CheckError(f"The run has written {', '.join(sorted(rows)) or 'nothing'}, and not {', '.join(RESOURCES)}.")
    return (
        "The run of the DAG wrote "
        + " and ".join(f"{resource} (rows: {rows[resource]})" for resource in RESOURCES)
        + "."
    )
