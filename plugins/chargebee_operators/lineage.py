"""What is reported to OpenLineage of an export: the resource of the Chargebee site that it comes from, and the tables in S3.

The OpenLineage provider of Airflow calls the methods of ``Traced`` when a task has begun and when it has ended. Without the
provider nobody calls them, and nothing of OpenLineage is imported. They use what the task already knows, and call no
network. The names follow https://openlineage.io/docs/spec/naming/; OpenLineage has none for Chargebee.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.manifest import FileEntry, total_rows
from chargebee_operators.partition.table_folders import TEXT, folder_of

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


class Traced:
    """A mixin of operators that handle an export. Each calls ``trace`` when it knows what it has done.

    Before that, the argument ``job`` of the operator says which export it is, where there is one.
    """

    job: Any = None
    _traced: tuple[JobRecord, str, Sequence[FileEntry]] | None = None

    def trace(self, job: JobRecord, bucket: str = "", files: Sequence[FileEntry] = ()) -> None:
        """Keep what is reported to OpenLineage at the end of the task.

        :param job: the export's job record.
        :param bucket: that of the files.
        :param files: those that were committed.
        """
        self._traced = (job, bucket, files)

    def get_openlineage_facets_on_start(self) -> OperatorLineage:
        """Return the Chargebee resource as input."""
        return _lineage(self._given_job(), "", ())

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage:
        """Return the Chargebee resource as input, and the tables in S3 as outputs, with columns, rows, bytes and files.

        :param task_instance: not needed.
        """
        return _lineage(*(self._traced or (self._given_job(), "", ())))

    def _given_job(self) -> JobRecord | None:
        try:
            return JobRecord.from_dict(self.job)
        except (SettingsError, TypeError):
            return None  # not rendered yet, or no job record


def _lineage(job: JobRecord | None, bucket: str, files: Sequence[FileEntry]) -> OperatorLineage:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset

    inputs = [InputDataset(f"chargebee://{job.site}", job.resource)] if job else []
    tables: dict[str, list[FileEntry]] = {}
    for each in files:
        tables.setdefault(folder_of(each.key).rstrip("/"), []).append(each)
    return OperatorLineage(inputs=inputs, outputs=[_table(bucket, name, each) for name, each in tables.items()])


def _table(bucket: str, name: str, files: Sequence[FileEntry]) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

    # A zip has the columns of all its files in a row, which are no table's.
    columns = {
        name: each.column_types.get(name, TEXT) for each in files if not each.member_columns for name in each.columns
    }
    fields = [schema_dataset.SchemaDatasetFacetFields(column, kind) for column, kind in columns.items()]
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=total_rows(each.rows for each in files),
        size=sum(each.bytes for each in files),
        fileCount=len(files),
    )
    return OutputDataset(
        f"s3://{bucket}",
        name,
        outputFacets={"outputStatistics": statistics},
        facets={"schema": schema_dataset.SchemaDatasetFacet(fields)} if fields else {},
    )
