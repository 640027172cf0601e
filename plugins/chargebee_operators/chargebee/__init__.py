"""Chargebee as it is: the site, its exports and their filters, the calls and their answers.

In: a connection and the settings of an export. Out: requests, exports and job records. It knows no Airflow
and no S3. Three modules use the network: ``client`` and ``sdk`` in a worker, ``async_client`` in the triggerer.
"""
