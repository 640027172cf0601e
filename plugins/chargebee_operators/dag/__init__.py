"""The DAG of exports: its settings, the plan of a run, and its tasks.

In: ``ExportDagSettings``. Out: a DAG. ``settings`` and ``planning`` are pure; ``export_dag`` knows Airflow.
"""
