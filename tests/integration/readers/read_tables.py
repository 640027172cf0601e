"""Runs lines of the documentation, and SQL, in the readers' own Python, and prints as JSON what they read.

Takes a list of readings on standard input, and gives the rows, or the error, of each one, in the same order. A reading has
the ``code`` of a page and the ``format`` that it is to read; or ``sql``, a list of statements, and the ``engine`` for them.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

READ = {"parquet": "parquet", "csv.gz": "csv"}  # format -> the name that the page gives to what it reads


def read(code: str, wanted: str) -> Any:
    """Run a block of the page without what it reads in the other formats, and return what it has read."""
    tree = ast.parse(code)
    others = set(READ.values()) - {wanted}
    tree.body = [
        each for each in tree.body if not (isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) in others)
    ]
    names: dict[str, Any] = {}
    exec(compile(tree, "docs/data.md", "exec"), names)
    return names[wanted]


def query(engine: str, sql: list[str]) -> Any:
    """Run statements, and return what the last one gives."""
    if engine == "duckdb":
        import duckdb

        run = duckdb.sql
    else:
        from pyspark.sql import SparkSession

        run = SparkSession.builder.getOrCreate().sql
    return [run(each) for each in sql][-1]


def rows_of(found: Any) -> list[dict[str, Any]]:
    """Return the rows of what a reader gives."""
    if hasattr(found, "fetchall"):  # DuckDB
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    if hasattr(found, "to_table"):  # pyarrow
        return found.to_table().to_pylist()
    if found is None:  # a statement without rows
        return []
    found = found.collect()
    return found.to_dicts() if hasattr(found, "to_dicts") else [each.asDict() for each in found]  # polars, Spark


def text(value: Any) -> str | None:
    """Return a value as the export has it; None where it is missing."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%d-%b-%Y %H:%M")
    return None if value is None else str(value)


def small_spark() -> None:
    """Start the session that the page's code then gets, as small as it can be."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "512m",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        # Compiling costs more than it saves for a few rows.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.warehouse.dir": os.path.join(os.getcwd(), "warehouse"),
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    builder.getOrCreate().sparkContext.setLogLevel("OFF")


def main() -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    readings = json.load(sys.stdin)
    if any("pyspark" in each.get("code", "") or each.get("engine") == "spark" for each in readings):
        small_spark()
    answers = []
    for each in readings:
        try:
            found = read(each["code"], READ[each["format"]]) if "code" in each else query(each["engine"], each["sql"])
            rows = rows_of(found)
            answers.append({"rows": [{name: text(value) for name, value in row.items()} for row in rows]})
        except Exception as error:
            lines = [line for line in f"{type(error).__name__}: {error}".splitlines() if not line.startswith("\tat ")]
            answers.append({"error": "\n".join(lines)[:2000]})
    print("\n" + json.dumps(answers))


main()
