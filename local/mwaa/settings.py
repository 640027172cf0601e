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
# Measured: five uploads at once need 2,209 MB on Airflow 2, and an mw1.small worker has 2 GB. Three need 1,298 MB. On
# Airflow 3.3.1 five need 1,237 MB. Nothing else was measured, so nothing else is set.
AUTOSCALE = {("2", "mw1.small"): "3,3"}


def options(target: Target) -> dict[str, str]:
    """Return the Airflow configuration options of the environment, as MWAA takes them: all values are texts."""
    made = {
        "chargebee_export.bucket": target.export_bucket,
        "secrets.backend": SECRETS_BACKEND,
        "secrets.backend_kwargs": json.dumps(BACKEND_KWARGS),
        "core.test_connection": "Enabled",
    }
    major = target.airflow_version.partition(".")[0]
    if size := AUTOSCALE.get((major, target.environment_class)):
        made["celery.worker_autoscale"] = size
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
