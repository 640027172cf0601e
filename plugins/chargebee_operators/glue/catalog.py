"""The calls to Glue that tables need. Whatever goes wrong is said in one sentence and as an error of this package."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chargebee_operators.common.exceptions import CatalogError, CatalogRefusedError
from chargebee_operators.common.foreign_text import clean

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook

# https://docs.aws.amazon.com/glue/latest/webapi/CommonErrors.html, and the errors of each call
_MISSING = "EntityNotFoundException"
_CHANGED = ("ConcurrentModificationException", "AlreadyExistsException")
_DENIED = ("AccessDeniedException", "AccessDenied")
_FOR_A_WHILE = (
    *("ThrottlingException", "Throttling", "RequestLimitExceeded", "OperationTimeoutException"),
    *("InternalServiceException", "ResourceNotReadyException", "FederationSourceRetryableException"),
)
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 10, 30, 4


class ChangedMeanwhileError(CatalogError):
    """Another run has made or changed the table since it was read; read it again."""


def glue_hook(aws_conn_id: str | None) -> GlueCatalogHook:
    """Return Airflow's hook for Glue.

    :param aws_conn_id: the AWS connection; None for boto3's own search for credentials.
    """
    from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook

    return GlueCatalogHook(aws_conn_id=aws_conn_id)


class Catalog:
    """One database of the Glue Data Catalog.

    :param hook: from ``glue_hook``.
    :param database: the database's name. It is created when the first table is.
    :raises CatalogRefusedError: by each call, when a right, credentials or the region is missing, or Glue refuses it.
    :raises CatalogError: by each call, when Glue gives no answer; the same may work later.
    """

    def __init__(self, hook: GlueCatalogHook, database: str) -> None:
        self._hook = hook
        self._database = database
        self._client: Any = None

    def table(self, name: str) -> Mapping[str, Any] | None:
        """Return a table as Glue has it; None when it does not exist."""
        answer = self._call("get_table", name, Name=name)
        return None if answer is None else answer["Table"]

    def create(self, table: Mapping[str, Any]) -> None:
        """Create a table, and the database if it does not exist.

        :raises ChangedMeanwhileError: when the table exists by now.
        """
        if self._call("create_table", table["Name"], TableInput=table) is None:
            with suppress(ChangedMeanwhileError):  # another task was faster
                self._call("create_database", "", DatabaseInput={"Name": self._database})
            if self._call("create_table", table["Name"], TableInput=table) is None:
                raise CatalogError(f"Glue says that it has no database {self._database!r}, which was created just now.")

    def update(self, table: Mapping[str, Any], version: str | None) -> None:
        """Change a table.

        No version of it is kept in Glue: each window would add one, and Glue keeps a limited number.

        :param version: the ``VersionId`` of the table that was read. Glue refuses the change when it is no longer the
            table's.
        :raises ChangedMeanwhileError: when the table was changed or dropped since.
        """
        args = {"TableInput": table, "SkipArchive": True, **({"VersionId": version} if version else {})}
        if self._call("update_table", table["Name"], **args) is None:
            raise ChangedMeanwhileError(f"Glue table {self._database}.{table['Name']} was dropped since it was read.")

    def _call(self, operation: str, table: str, **args: Any) -> Any:
        """Return Glue's answer; None when the table or the database does not exist."""
        from botocore.exceptions import BotoCoreError, ClientError

        where = {} if operation == "create_database" else {"DatabaseName": self._database}
        action = "glue:" + "".join(each.capitalize() for each in operation.split("_"))
        what = f"{self._database}.{table}" if table else self._database
        try:
            return getattr(self._connected(), operation)(**where, **args)
        except ClientError as error:
            told = error.response
        except (BotoCoreError, OSError) as error:
            raise self._unanswered(action, error) from None
        code = clean(told.get("Error", {}).get("Code", ""))
        if code == _MISSING:
            return None
        raise self._refusal(action, what, code, told)

    def _connected(self) -> Any:
        """Return boto3's client, which waits for minutes at most. Otherwise it would wait for a quarter of an hour."""
        from botocore.config import Config

        if self._client is None:
            patience = Config(
                connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": _ATTEMPTS}
            )
            self._client = self._hook.get_client_type(config=self._hook.config.merge(patience))
        return self._client

    def _refusal(self, action: str, what: str, code: str, told: Mapping[str, Any]) -> CatalogError:
        status = told.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code in _CHANGED:
            return ChangedMeanwhileError(f"Glue: {what} was changed by another run ({code}).")
        if code in _DENIED:
            return CatalogRefusedError(
                f"AWS connection {self._hook.aws_conn_id!r} may not do {action} on {what}: allow this action for its role or "
                "user. If Lake Formation guards the database, grant the right there too."
            )
        if code in _FOR_A_WHILE or (status or 0) >= 500:
            return CatalogError(f"Glue could not do {action} on {what} ({status} {code}). The task tries again.")
        said = clean(told.get("Error", {}).get("Message", ""))
        return CatalogRefusedError(
            f"AWS connection {self._hook.aws_conn_id!r} was refused {action} on {what} ({status} {code}): {said}"
        )

    def _unanswered(self, action: str, error: Exception) -> CatalogError:
        conn_id, kind = self._hook.aws_conn_id, type(error).__name__
        if kind == "NoRegionError":
            return CatalogRefusedError(
                f"AWS connection {conn_id!r} names no region, and Glue has one catalog a region: set region_name in the "
                "connection's extra."
            )
        if kind == "ParamValidationError":
            return CatalogRefusedError(
                f"AWS connection {conn_id!r}: boto3 can't send {action}. Check the name of the database."
            )
        if "Credential" in kind or "Token" in kind or kind == "ProfileNotFound":
            return CatalogRefusedError(
                f"AWS connection {conn_id!r} gives no credentials for Glue ({kind}): put an access key into it, or a role_arn "
                "into its extra."
            )
        return CatalogError(
            f"Glue could not be reached with AWS connection {conn_id!r} ({kind}). Check its region_name, and whether the workers "
            "can reach Glue."
        )
