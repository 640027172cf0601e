"""Is this the requested export? Rows against the window, columns against the partition before.

In: headers, rows, and the manifest before. Out: results for the manifest, warnings, or an error. It knows no network
and no S3.
"""
