"""SQL for readers of what was written: tables over the folders, and views of the latest state of each record.

``python -m chargebee_operators.sql`` prints it. Nothing in a DAG or a task imports this wing.
"""
