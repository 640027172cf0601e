"""What the plan task checks before anything is exported: packages, the Chargebee connection, and S3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.common.exceptions import (
    CatalogError,
    CatalogRefusedError,
    ChargebeeExportError,
    SettingsError,
    ThrottledError,
    UnavailableError,
)
from chargebee_operators.common.patience import patiently
from chargebee_operators.common.task_log import task_log
from chargebee_operators.glue.catalog import Catalog, glue_hook
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.s3.access import check_access
from chargebee_operators.s3.connection import check_bucket_name, s3_hook

log = task_log(__name__)

# No task imports the SDK. But pip installs all that requirements.txt lists, or nothing: without the SDK, the rest is missing too.
PACKAGES = ("chargebee", "airflow.providers.amazon")
_INSTALL = (
    "install what requirements.txt lists. On MWAA, pip's error is in the log stream that begins with requirements_install_ip, "
    "in the log groups of the scheduler and the worker."
)
# Seconds for which Chargebee may be out of reach before the plan fails. Airflow then retries it.
PATIENCE = 30.0


def check_packages() -> None:
    """Make sure that the packages of requirements.txt are installed; pyarrow is looked for when the DAG is parsed.

    Without isal everything works, more slowly, so the log only says so.

    :raises SettingsError: with the missing one, and where to look for the reason.
    """
    for name in PACKAGES:
        if not _is_installed(name):
            raise SettingsError(f"Package {name} is not installed on this worker: {_INSTALL}")
    if not _is_installed("isal"):
        log.info("Package isal is not installed on this worker, so zips are inflated at half the speed: %s", _INSTALL)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False


def check_chargebee(conn_id: str) -> str:
    """Make sure that the site accepts the connection's key, and return the site's name.

    A site that is busy, or cuts connections, is let pass: the start tasks wait for it in the triggerer.

    :raises SettingsError: when the connection does not exist, or lacks something, or the site refuses it.
    :raises UnavailableError: when no connection can be made for half a minute.
    """
    hook = ChargebeeHook(conn_id)
    site = hook.settings.site

    def log_wait(error: ChargebeeExportError, seconds: float) -> None:
        log.info("%s Trying again in %.0f s.", error, seconds)

    try:
        patiently(hook.check_access, PATIENCE, log_wait)
    except ThrottledError as error:
        log.info("%s The start tasks wait.", error)
    except UnavailableError as error:
        if not error.reached:
            raise UnavailableError(
                f"Connection {conn_id!r}: {error} Check its host, which is empty for Chargebee itself, and whether the workers "
                "can reach the internet: on MWAA through a NAT gateway."
            ) from None
        log.warning("%s The start tasks wait until it answers.", error)
    except ChargebeeExportError as error:
        raise SettingsError(f"Connection {conn_id!r}: {error}") from None
    return site


def check_s3(uploads: Iterable[Mapping[str, Any]], prefix: str) -> None:
    """Make sure that the uploads of a run may write to their buckets.

    :param uploads: for each of them ``s3_bucket``, ``aws_conn_id`` and ``extra_args``, rendered.
    :param prefix: what the keys begin with.
    :raises SettingsError: when a template has given what is no bucket's name.
    :raises DestinationError: when a bucket does not exist, or the credentials are not accepted or may not write.
    :raises UploadError: when S3 does not answer.
    """
    below = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    targets = {(each["aws_conn_id"], each["s3_bucket"]): each["extra_args"] for each in uploads}
    for (conn_id, bucket), extra_args in targets.items():
        check_bucket_name(bucket)
        check_access(s3_hook(conn_id, extra_args), bucket, below)


def check_glue(database: str, conn_ids: Iterable[str | None]) -> None:
    """Make sure that tables can be looked up in the Glue database, before anything is exported for them.

    Other rights show when a table is registered: then the data is in S3 already.

    :param conn_ids: the AWS connections of the uploads, rendered.
    :raises CatalogRefusedError: when credentials, the region or the right ``glue:GetTable`` is missing.
    """
    for conn_id in sorted(set(conn_ids), key=str):
        try:
            Catalog(glue_hook(conn_id), database).table(DELETED_RECORDS)
        except CatalogRefusedError:
            raise
        except CatalogError as error:
            log.warning("%s The register tasks try again.", error)
