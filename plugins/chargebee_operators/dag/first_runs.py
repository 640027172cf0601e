"""Whether a run is the first one of a resource, with the arguments of its upload task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chargebee_operators.partition.first_run import FirstRun
from chargebee_operators.partition.key_templates import DEFAULT_MANIFEST_NAME, KeyTemplates
from chargebee_operators.s3.bucket import S3Bucket
from chargebee_operators.s3.connection import s3_hook

# The arguments of the upload task that matter.
FIRST_RUN_ARGUMENTS = ("s3_bucket", "aws_conn_id", "extra_args", "s3_prefix", "manifest_name")


def is_first_run(resource: str, arguments: Mapping[str, Any], site: str, run: Mapping[str, str]) -> bool:
    """Return whether no run before this one has written a partition of a resource.

    :param resource: its name.
    :param arguments: those of ``FIRST_RUN_ARGUMENTS``, rendered, but ``manifest_name`` as the settings have it; it is None
        for the default.
    :param site: the site's name.
    :param run: ``dag_id`` and ``run_id``.
    :raises ChargebeeExportError: when S3 does not say.
    """
    hook = s3_hook(arguments["aws_conn_id"], arguments["extra_args"])
    templates = KeyTemplates(arguments["s3_prefix"], manifest_name=arguments["manifest_name"] or DEFAULT_MANIFEST_NAME)
    return FirstRun(S3Bucket(hook, arguments["s3_bucket"]), templates, site, run).is_first(resource)
