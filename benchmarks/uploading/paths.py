"""The ways from a finished export to S3 that are compared. Each imports and sets up first, and then is one call."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

CONNECTION, S3_CONNECTION, HTTP_CONNECTION = "chargebee_default", "aws_default", "http_default"
RESOURCE = "customers"
WARM_UP = "warm-up"  # prefix of an object that does not count
PART, PARTS_AT_A_TIME = 8 << 20, 4
_WINDOW = ("2026-01-01", "2027-01-01")

Work = Callable[[], object]


@dataclass(frozen=True)
class Setting:
    """Where a measured process finds its servers and puts its objects."""

    site: str
    s3_endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    prefix: str


@dataclass(frozen=True)
class Path:
    """One way to land an export.

    :param title: for tables.
    :param prepare: does the imports and the set-up, and returns the work to be measured.
    :param result: which bytes must arrive: ``zip``, ``csv``, ``csv.gz`` or ``parquet``.
    :param ours: whether this package does the work.
    """

    title: str
    prepare: Callable[[Setting], Work]
    result: str
    ours: bool = False


def limit(setting: Setting) -> Work:
    """Stream the zip into S3 without a look inside: what HTTP and S3 cost by themselves."""
    import requests
    from boto3.s3.transfer import TransferConfig

    client, url, key = _s3_client(setting), _export(setting).download_url, f"{setting.prefix}/customers.zip"
    transfer = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=PARTS_AT_A_TIME)
    transfer.max_in_memory_upload_chunks = PARTS_AT_A_TIME

    def work() -> None:
        with requests.get(url, stream=True, timeout=60, headers={"Accept-Encoding": "identity"}) as response:
            response.raise_for_status()
            # With nothing but read() the uploader can't seek, and so does not read everything twice.
            body = SimpleNamespace(read=response.raw.read)
            client.upload_fileobj(body, setting.bucket, key, Config=transfer)

    return work


def original(setting: Setting) -> Work:
    """Do what a small Lambda function would: the whole answer in memory, each member of the zip uploaded from there."""
    import requests

    client, url = _s3_client(setting), _export(setting).download_url

    def work() -> None:
        response = requests.get(url, timeout=60)
        response.raise_for_status()
        with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    client.upload_fileobj(member, setting.bucket, f"{setting.prefix}/{name}")

    return work


def http_to_s3(setting: Setting) -> Work:
    """Use Airflow's own operator, which stores the zip as it is."""
    from airflow.providers.amazon.aws.transfers.http_to_s3 import HttpToS3Operator

    url = urlsplit(_export(setting).download_url)
    _warm_s3_hook(setting)
    operator = HttpToS3Operator(
        task_id="http_to_s3",
        http_conn_id=HTTP_CONNECTION,
        endpoint=f"{url.path}?{url.query}",
        s3_bucket=setting.bucket,
        s3_key=f"{setting.prefix}/customers.zip",
        aws_conn_id=S3_CONNECTION,
    )
    return lambda: operator.execute(_context())


def _ours(file_format: str, window: tuple[str, str] | None = None) -> Callable[[Setting], Work]:
    def prepare(setting: Setting) -> Work:
        import requests  # noqa: F401  the operator imports it when it runs

        from chargebee_operators import ChargebeeExportToS3Operator
        from chargebee_operators.chargebee.jobs import new_job
        from chargebee_operators.chargebee.windows import window_of

        if file_format == "parquet":
            import pyarrow.csv
            import pyarrow.parquet  # noqa: F401

        export = _export(setting)
        job = new_job(
            export_id=export.id,
            resource=RESOURCE,
            site=setting.site,
            wire_fields=(),
            window=window_of(*window) if window else None,
            window_field="updated_at" if window else None,
            requested_at=_now(),
        )
        operator = ChargebeeExportToS3Operator(
            task_id="upload",
            job=job.to_dict(),
            s3_bucket=setting.bucket,
            s3_prefix=setting.prefix,
            file_format=file_format,
            chargebee_conn_id=CONNECTION,
            aws_conn_id=S3_CONNECTION,
        )
        _warm_s3_hook(setting)
        return lambda: operator.execute(_context())

    return prepare


PATHS = {
    "limit": Path("the limit: the zip streamed, no look inside", limit, "zip"),
    "csv.gz": Path("this package, `csv.gz`", _ours("csv.gz"), "csv.gz", ours=True),
    "csv.gz-window": Path(
        "this package, `csv.gz`, each row compared with the window",
        _ours("csv.gz", _WINDOW),
        "csv.gz",
        ours=True,
    ),
    "csv": Path("this package, `csv`", _ours("csv"), "csv", ours=True),
    "zip": Path("this package, `zip`", _ours("zip"), "zip", ours=True),
    "parquet": Path("this package, `parquet`", _ours("parquet"), "parquet", ours=True),
    "parquet-window": Path(
        "this package, `parquet`, each row compared with the window", _ours("parquet", _WINDOW), "parquet", ours=True
    ),
    "original": Path("in memory, unzipped: what a Lambda function would do", original, "csv"),
    "http_to_s3": Path("in memory, as it is: Airflow's HttpToS3Operator", http_to_s3, "zip"),
}


def _export(setting: Setting) -> Any:
    """Have an export made through the hook, and return it completed."""
    from chargebee_operators.hooks import ChargebeeHook

    hook = ChargebeeHook(CONNECTION)
    export = hook.create_export(RESOURCE, (), idempotency_key=f"benchmark-{setting.prefix}")
    export = hook.get_export(export.id)
    if not export.download_url:
        raise RuntimeError(f"the simulator's export is {export.status}: start it with --job-seconds 0")
    return export


def _warm_s3_hook(setting: Setting) -> None:
    """Use Airflow's hook once, for it imports much of Airflow when it first does something."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    S3Hook(S3_CONNECTION).load_bytes(b"", f"{WARM_UP}/{setting.prefix}", setting.bucket)


def _s3_client(setting: Setting) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=setting.s3_endpoint,
        aws_access_key_id=setting.access_key,
        aws_secret_access_key=setting.secret_key,
        region_name="us-east-1",
    )


def _context() -> Any:
    """Return as much of a task's context as the operators look at."""
    ti = SimpleNamespace(dag_id="benchmark", run_id="run", task_id="upload", map_index=-1, max_tries=0, try_number=1)
    return {"ti": ti, "outlet_events": {}, "params": {}}


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)
