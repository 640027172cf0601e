"""A partition that is complete or absent: where its objects lie, what its manifest says, when it is committed.

In: a job record and the members of a zip. Out: objects in S3 and the manifest, written last. It joins the wings below
and knows no Airflow.
"""
