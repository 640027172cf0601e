"""What a real site, bucket and deployment are like: measured, and said in plain words.

In: the two connections and the settings of the export DAG. Out: a report of findings, each ``ok``, ``attention`` or
``wrong``. ``findings`` and ``look`` are pure; ``site``, ``delivery`` and ``bucket`` call Chargebee and S3; ``operator`` knows
Airflow.
"""
