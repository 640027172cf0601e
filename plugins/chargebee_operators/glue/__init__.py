"""Tables in the AWS Glue Data Catalog over the Parquet files of exports, so that Athena can query them.

In: what an upload returned. Out: tables with all columns and partitions that the manifests know. ``arguments``,
``projection`` and ``tables`` are pure; ``catalog`` calls Glue; ``operator`` knows Airflow.
"""
