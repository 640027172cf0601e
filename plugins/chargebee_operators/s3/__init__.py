"""Calls to S3: one object at a time, in parts, with checksums and conditions.

In: a bucket and bytes. Out: objects, or an error that names the bucket and the mend. It knows no export.
"""
