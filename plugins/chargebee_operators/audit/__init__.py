"""Compares a snapshot of a resource with all that was written to S3 before, and reports what is missing there.

In: the manifests of a resource, a snapshot, and an export of what changed lately. Out: a report, as JSON and as lines of a
log. ``row_values``, ``record_store``, ``partitions``, ``windows``, ``comparison`` and ``report`` are pure; ``table_files``
reads files; ``bucket`` calls S3; ``deletions``, ``latest_changes`` and ``examination`` use the hook; ``operator`` and
``audit_dag`` know Airflow.
"""
