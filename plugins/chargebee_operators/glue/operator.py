"""The operator that registers what an upload has committed in the Glue Data Catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from chargebee_operators._compat import BaseOperator
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.glue.arguments import check_database, check_format
from chargebee_operators.glue.catalog import Catalog, glue_hook
from chargebee_operators.glue.registering import Registration
from chargebee_operators.s3.bucket import S3Bucket
from chargebee_operators.s3.connection import s3_hook
from chargebee_operators.task_errors import failing_fast

if TYPE_CHECKING:
    from chargebee_operators._compat import Context

# What it needs of the result of an upload.
_NEEDED = ("bucket", "manifest_key", "resource", "export_id", "format")


class ChargebeeGlueTableOperator(BaseOperator):
    """Creates or updates the Glue tables of an export, so that Athena can query it at once.

    Each table of the export has a Glue table of the same name: ``invoices``, ``invoices__line_items``. The table of
    snapshots is called ``customers__snapshots``. Athena knows the partitions from the table itself, by partition projection,
    so no crawler and no repair is needed. The columns are those of all manifests: new ones are added at the end, none is
    removed. It reads only the manifests that the table does not know yet. Nothing is written when nothing has changed.

    :param written: what the upload task returned: ``upload.output``. Its format must be ``parquet``. (templated)
    :param database: the name of the Glue database: a-z, 0-9 and underscores. It is created when it does not exist.
        (templated)
    :param aws_conn_id: the AWS connection for S3, and for Glue if ``glue_conn_id`` is None; None for boto3's own search for
        credentials. Its region is that of the catalog. (templated)
    :param glue_conn_id: the AWS connection for Glue, when it is another one. (templated)
    :raises SettingsError: at parse time, for a name that is not one of a database.
    :raises AirflowFailException: for what no retry can correct: a format other than Parquet, a missing right, a column with
        two types, a table that this package has not made.
    :raises CatalogError: when Glue gives no answer.
    :raises UploadError: when S3 gives no answer.
    """

    template_fields: Sequence[str] = ("written", "database", "aws_conn_id", "glue_conn_id")
    template_fields_renderers = {"written": "json"}
    ui_color = "#d6e8f5"

    def __init__(
        self,
        *,
        written: Any,
        database: str,
        aws_conn_id: str | None = "aws_default",
        glue_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.written = written
        self.database = database
        self.aws_conn_id = aws_conn_id
        self.glue_conn_id = glue_conn_id
        check_database("database", database)

    def execute(self, context: Context) -> dict[str, Any]:
        """Register the tables; return the database, and for each table its name, location, columns and what was done."""
        with failing_fast():
            check_database("database", self.database)
            written = self._checked()
            bucket = S3Bucket(s3_hook(self.aws_conn_id), written["bucket"])
            catalog = Catalog(glue_hook(self.glue_conn_id or self.aws_conn_id), self.database)
            tables = Registration(written, catalog, bucket).run()
        registered: dict[str, Any] = {"database": self.database, "tables": [asdict(each) for each in tables]}
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {**written, "glue": registered}
        return registered

    def _checked(self) -> Mapping[str, Any]:
        if not isinstance(self.written, Mapping) or not all(name in self.written for name in _NEEDED):
            raise SettingsError(
                "written is not what an upload task returns: pass upload.output, and run the upload before this task."
            )
        check_format("A Glue table", self.written["format"])
        return self.written
