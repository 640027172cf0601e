"""Prints SQL for what was written: tables over the folders, and views of the latest state of each record.

python -m chargebee_operators.sql s3://my-bucket/chargebee --dialect athena --schema chargebee
python -m chargebee_operators.sql ./copy-of-the-bucket --dialect duckdb | duckdb chargebee.db
"""

from __future__ import annotations

import argparse
import sys

from chargebee_operators.common.exceptions import ChargebeeExportError, SettingsError
from chargebee_operators.common.wording import counted
from chargebee_operators.sql.dialect import Place
from chargebee_operators.sql.dialects import DIALECTS
from chargebee_operators.sql.manifests import S3, read_manifests
from chargebee_operators.sql.statements import statements


def main(arguments: list[str] | None = None) -> int:
    """Print the statements, and return the exit code.

    :param arguments: those of the command line; the process's own when None.
    """
    options = _options(arguments)
    try:
        found = read_manifests(options.location)
        files = options.files or found.files
        if options.dialect == "snowflake" and not options.files:
            files = "@chargebee/"
        elif options.dialect in ("athena", "redshift") and not (files.startswith(S3) or options.views_only):
            print(
                f"{options.dialect} reads from S3: give the bucket of the files, --files s3://my-bucket/",
                file=sys.stderr,
            )
            return 2
        place = Place(files if files.endswith("/") else f"{files}/", options.schema)
        # All before the first is printed: a database that reads them from a pipe would run those before an error.
        made = list(statements(found.manifests, options.dialect, place, options.table, options.views_only))
        if not made:
            raise SettingsError(
                f"No file for a table is in the {counted(len(found.manifests), 'manifest')} below {options.location!r}: the "
                "exports had no rows, or were kept as zip. SQL needs file_format 'parquet', or 'csv.gz' for DuckDB."
            )
        for each in made:
            print(each if each.startswith("--") else f"{each};", end="\n\n")
    except ChargebeeExportError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chargebee_operators.sql", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("location", help="s3://BUCKET/PREFIX of the DAG, or a folder that has a copy of the bucket")
    parser.add_argument("--dialect", required=True, choices=list(DIALECTS))
    parser.add_argument(
        "--schema", default="", help="schema or database of the tables, which must exist; Redshift's external schema"
    )
    parser.add_argument(
        "--table", action="append", default=[], help="this table only, and those that its view reads; may be repeated"
    )
    parser.add_argument(
        "--views-only", action="store_true", help="no tables: they exist, for example for Athena by glue_database"
    )
    parser.add_argument(
        "--files",
        default="",
        help="what comes before the keys, if not the location: s3://BUCKET/, or Snowflake's @STAGE/",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
