"""A Glue database of a test's own: windows are written, registered, and read as Glue describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count, product
from pathlib import Path
from typing import Any

import duckdb

from chargebee_operators import (
    ChargebeeGlueTableOperator,
)
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.parquet import ParquetSettings
from chargebee_operators.glue.catalog import Catalog, glue_hook
from chargebee_operators.glue.registering import Registration
from chargebee_operators.s3.bucket import S3Bucket
from chargebee_operators.s3.connection import s3_hook
from support import landing
from support.glue_proxy import GlueProxy
from support.landing import Store, job_of
from support.tasks import run
from support.zips import made

DAYS = [f"2026-11-{day}T00:00:00Z" for day in range(20, 30)]
INVOICES = b"Invoice Number,Invoice Date,Amount\nI1,23-Nov-2026 09:15,10.50\nI2,,\n"
LINE_ITEMS = b"Invoice Number,Quantity\nI1,2\n"
BOTH = {"Invoices.csv": INVOICES, "LineItems.csv": LINE_ITEMS}
# What DuckDB calls Glue's types.
DUCKDB = {"string": "VARCHAR", "int": "INTEGER", "bigint": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN"}
_numbers = count()


class Glue:
    """A Glue database of a test's own, an S3 prefix, and what is registered there."""

    def __init__(self, client: Any, proxy: GlueProxy, store: Store) -> None:
        self.client = client
        self.proxy = proxy
        self.store = store
        self.database = f"chargebee_{next(_numbers)}"

    def land(
        self, day: int = 0, files: Mapping[str, bytes] = BOTH, types: Mapping[str, str] | None = None, **how: Any
    ) -> dict[str, Any]:
        """Write a window, and return what the upload task would."""
        window = {"window_field": "date", "window_start": DAYS[day], "window_end": DAYS[day + 1]}
        job = job_of(f"day{day}", **{"resource": "invoices", **window, **how.pop("job", {})})
        form, templates = how.pop("file_format", "parquet"), how.pop("templates", None)
        parquet = ParquetSettings(ColumnTypes(types), timezone="UTC", **how)
        checks = {"window_check": "off", "column_changes": "off"}
        manifest = landing.land_archive(
            self.store, job, made([*files.items()]), form, templates, parquet=parquet, **checks
        )
        (key,) = [key for key in self.keys(".json") if json.loads(self.store.body(key)) == manifest]
        return {
            "bucket": self.store.bucket,
            "manifest_key": key,
            "resource": job.resource,
            "export_id": job.export_id,
            "format": manifest["format"],
        }

    def keys(self, ending: str = "") -> list[str]:
        found = self.store.keys()
        return [each for each in found if each.endswith(ending)]

    def register(self, written: Mapping[str, Any], **arguments: Any) -> dict[str, str]:
        """Register a window; return what was done with each table."""
        given = {"task_id": "register", "written": written, "database": self.database, **arguments}
        return {each["table"]: each["change"] for each in run(ChargebeeGlueTableOperator(**given))["tables"]}

    def register_beside(self, written: Mapping[str, Any]) -> None:
        """Register a window from another thread, in which Airflow 2 runs no operator."""
        bucket = S3Bucket(s3_hook("aws_default"), written["bucket"])
        Registration(written, Catalog(glue_hook("aws_default"), self.database), bucket).run()

    def table(self, name: str = "invoices") -> dict[str, Any]:
        return self.client.get_table(DatabaseName=self.database, Name=name)["Table"]

    def change(self, **changes: Any) -> None:
        """Change a table as a person would."""
        table = self.table()
        kept = {each: table[each] for each in ("Name", "StorageDescriptor", "PartitionKeys", "Parameters")}
        self.client.update_table(DatabaseName=self.database, TableInput={**kept, **changes})

    def columns(self, name: str = "invoices") -> dict[str, str]:
        return {each["Name"]: each["Type"] for each in self.table(name)["StorageDescriptor"]["Columns"]}

    def read(self, folder: Path, name: str = "invoices") -> Any:
        """Read a table with DuckDB from the places where Athena would look for it; check names and types."""
        table = self.table(name)
        location = table["StorageDescriptor"]["Location"]
        assert location.startswith(f"s3://{self.store.bucket}/")
        root = location.removeprefix(f"s3://{self.store.bucket}/")
        keys = [each["Name"] for each in table["PartitionKeys"]]
        assert {table["Parameters"][f"projection.{key}.type"] for key in keys} == {"enum"}
        values = [table["Parameters"][f"projection.{key}.values"].split(",") for key in keys]
        paths = []
        for each in product(*values):
            below = root + "".join(f"{key}={value}/" for key, value in zip(keys, each, strict=True))
            for key in [key for key in self.keys() if key.startswith(below)]:
                path = folder / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.store.body(key))
                paths.append(str(path))
        hive = "hive_partitioning = true, hive_types_autocast = false, union_by_name = true"
        found = duckdb.sql(f"SELECT * FROM read_parquet({paths}, {hive})")
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        assert {key: types.pop(key) for key in keys} == dict.fromkeys(keys, "VARCHAR")
        assert {name: in_glue(kind) for name, kind in types.items()} == self.columns(name)
        return found


def in_glue(kind: str) -> str:
    """Return the type that Glue has for one of DuckDB's."""
    if kind.startswith("TIMESTAMP"):
        return "timestamp"
    return {other: name for name, other in DUCKDB.items()}.get(kind, kind.lower())
