"""SQL for readers of what was written: tables over the folders, and views of the latest state of each record.

``python -m chargebee_operators.sql`` prints it. A DAG or a task imports nothing of this wing but ``deletion``, which imports
nothing: the audit has the rule of the views from there.
"""
