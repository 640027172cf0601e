"""Makes the bucket that the DAG writes to, unless it exists. It uses the connection of the DAG."""

from airflow.configuration import conf
from airflow.providers.amazon.aws.hooks.s3 import S3Hook

bucket = conf.get("chargebee_export", "bucket")
s3 = S3Hook("aws_default")
if not s3.check_for_bucket(bucket):
    s3.create_bucket(bucket)
print(f"Bucket {bucket} exists.")
