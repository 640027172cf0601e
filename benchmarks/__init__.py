"""One command for each question, and a folder for what it needs; ``testdata.py`` and the commands' tables are shared.

upload.py    how fast is the upload task, and how much memory does it take?
parts.py     what does each piece of its work cost by itself?
reading.py   how fast does DuckDB read what was written?
polling.py   what does a waiting export cost the triggerer?
slots.py     who gets the five export slots of a site?
audit.py     what does an audit of a million records take?
tasks.py     what does the process of a task cost?
parse.py     what does a parse of the DAG file cost?
"""
