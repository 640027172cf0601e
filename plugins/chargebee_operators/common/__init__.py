"""What every wing needs: errors, argument checks, waits, threads, progress lines, TLS, checksums.

In: plain values. Out: plain values and the one tree of exceptions. It knows no wing above it, no Airflow, no S3, and
no network.
"""
