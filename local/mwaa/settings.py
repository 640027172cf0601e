"""What a bundle sets in MWAA: Airflow options and policies. Pure but for the templates it reads."""

from __future__ import annotations

import json
import shlex

import environment

from mwaa.target import Target

# MWAA's own copy of plugins.zip: https://docs.aws.amazon.com/mwaa/latest/userguide/configuring-dag-import-plugins.html
PLUGINS_FOLDER = "/usr/local/airflow/plugins"
IAM = environment.ROOT / "deploy" / "iam"
POLICIES = ("execution-role.json", "bucket-policy.json", "bucket-lifecycle.json")
SECRETS_BACKEND = "airflow.providers.amazon.aws.secrets.systems_manager.SystemsManagerParameterStoreBackend"
# Null: variables are not looked up there. The policy allows connections only.
BACKEND_KWARGS = {
    "connections_prefix": "/airflow/connections",
    "connections_lookup_pattern": "^chargebee_",
    "variables_prefix": None,
}
# Most and least tasks at once of a worker, by Airflow 2's class. MWAA's own are 5, 10 and 20: then the worker's memory is full
# when all of them upload Parquet. docs/mwaa.md has the measurements. On Airflow 3, and in larger classes, MWAA's own fit.
AUTOSCALE = {"mw1.small": "3,3", "mw1.medium": "6,6", "mw1.large": "12,12"}


def options(target: Target) -> dict[str, str]:
    """Return the Airflow configuration options of the environment, as MWAA takes them: all values are texts."""
    made = {
        "chargebee_export.bucket": target.export_bucket,
        "secrets.backend": SECRETS_BACKEND,
        "secrets.backend_kwargs": json.dumps(BACKEND_KWARGS),
        "core.test_connection": "Enabled",
    }
    if target.airflow_version.startswith("2.") and target.environment_class in AUTOSCALE:
        made["celery.worker_autoscale"] = AUTOSCALE[target.environment_class]
    return made


def requirements(pins: dict[str, str]) -> str:
    """Return the text of requirements.txt.

    MWAA looks for ``-c `` and ``--constraint `` in comments too, and without one applies Airflow's own constraints.

    :param pins: name -> version of each wheel.
    """
    lines = ["--no-index", f"--find-links {PLUGINS_FOLDER}", *(f"{name}=={pins[name]}" for name in sorted(pins))]
    return "\n".join(lines) + "\n"


def policy(name: str, target: Target) -> str:
    """Return a policy of deploy/iam with bucket and prefix filled in; deploy.sh fills in account, region and partition."""
    text = (IAM / name).read_text(encoding="utf-8").replace("EXPORT_BUCKET", target.export_bucket)
    prefix = target.prefix.strip("/")
    return text.replace("PREFIX/", f"{prefix}/" if prefix else "")


def shell_settings(target: Target) -> str:
    """Return the variables that deploy.sh reads."""
    names = ("airflow_version", "bucket", "environment", "environment_class")
    return "".join(f"{name.upper()}={shlex.quote(getattr(target, name))}\n" for name in names)
