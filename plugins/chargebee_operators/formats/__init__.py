"""The bytes of a member in, the bytes of an object out: csv.gz, csv, Parquet, or the zip as it came.

It counts rows and reads headers as they stream by. It knows no network, no S3 and no window.
"""
