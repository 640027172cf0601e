"""Whether the bucket allows what an upload does: each S3 call is tried, with an object of the doctor's own."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chargebee_operators.common import checksums
from chargebee_operators.doctor.findings import Report

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

_DENIED = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled"}


def check_bucket_rights(hook: S3Hook, bucket: str, prefix: str, extra_args: Mapping[str, Any], report: Report) -> None:
    """Try each call of an upload, and report the actions that are missing.

    :param hook: Airflow's S3 hook.
    :param bucket: the bucket.
    :param prefix: what the probe's key begins with.
    :param extra_args: as the upload tasks have them, encryption and tags say.
    """
    _Probe(hook, bucket, f"{prefix}/doctor/probe-{secrets.token_hex(4)}", extra_args, report).run()


class _Probe:
    def __init__(self, hook: S3Hook, bucket: str, key: str, extra_args: Mapping[str, Any], report: Report) -> None:
        self._client = hook.get_conn()
        self._bucket = bucket
        self._key = key
        self._extra = dict(extra_args)
        self._report = report
        self._refused: dict[str, str] = {}
        self._worked: list[str] = []

    def run(self) -> None:
        target = {"Bucket": self._bucket, "Key": self._key}
        prefix = {"Bucket": self._bucket, "Prefix": self._key}
        client = self._client
        if (
            not self._try("s3:ListBucket", lambda: client.list_objects_v2(**prefix))
            and "NoSuchBucket" in self._refused.values()
        ):
            self._report.wrong(
                "bucket", f"Bucket {self._bucket!r} does not exist.", "Create it, or name the right one."
            )
            return
        self._try("s3:ListBucketMultipartUploads", lambda: client.list_multipart_uploads(**prefix))
        self._upload(target)
        dropped = self._try("s3:PutObject", lambda: client.create_multipart_upload(**target, **self._extra))
        if dropped:
            self._try(
                "s3:AbortMultipartUpload",
                lambda: client.abort_multipart_upload(**target, UploadId=dropped["UploadId"]),
            )
        self._try("s3:GetObject", lambda: client.get_object(**target)["Body"].read())
        self._conditions(target)
        self._try("s3:DeleteObject", lambda: client.delete_object(**target))
        self._tell()

    def _upload(self, target: Mapping[str, str]) -> None:
        """Write the probe's object as an upload does: in parts, each with its checksum."""
        client, body = self._client, b"probe"
        crc = base64.b64encode(checksums.crc32(body).to_bytes(4, "big")).decode()
        begun = self._try(
            "s3:PutObject", lambda: client.create_multipart_upload(**target, **self._extra, ChecksumAlgorithm="CRC32")
        )
        if not begun:
            return
        upload = {**target, "UploadId": begun["UploadId"]}
        part = self._try(
            "s3:PutObject", lambda: client.upload_part(**upload, PartNumber=1, Body=body, ChecksumCRC32=crc)
        )
        if part:
            parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": crc}]}
            self._try("s3:PutObject", lambda: client.complete_multipart_upload(**upload, MultipartUpload=parts))

    def _conditions(self, target: Mapping[str, str]) -> None:
        """Find out whether a conditional write is refused where it must be; the commit depends on it."""

        def only_new(params: Any, **_: Any) -> None:
            params["headers"]["If-None-Match"] = "*"

        events = self._client.meta.events
        events.register("before-call.s3.PutObject", only_new)
        try:
            code = self._code(lambda: self._client.put_object(**target, Body=b"again", **self._extra))[1]
        finally:
            events.unregister("before-call.s3.PutObject", only_new)
        if code == "PreconditionFailed" or code == "412":
            self._report.ok("bucket", "Conditional writes work: of two runs at once, one alone commits.")
        elif not code:
            self._report.wrong(
                "bucket",
                "The server ignores If-None-Match, so two runs at once could mix their files. Amazon S3 does not do that.",
                "Use Amazon S3 or another server that honours conditional writes, and max_active_runs=1.",
            )

    def _try(self, action: str, call: Callable[[], Any]) -> Any:
        answer, code = self._code(call)
        if code:
            self._refused.setdefault(action, code)
        else:
            self._worked.append(action)
        return answer

    @staticmethod
    def _code(call: Callable[[], Any]) -> tuple[Any, str]:
        """Return a call's answer, or the code of its error."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(), ""
        except ClientError as error:
            return None, str(error.response.get("Error", {}).get("Code", "")) or "unknown"
        except (BotoCoreError, OSError) as error:
            return None, type(error).__name__

    def _tell(self) -> None:
        worked = [each for each in dict.fromkeys(self._worked) if each not in self._refused]
        self._report.facts["bucket"] = {"bucket": self._bucket, "allowed": worked, "refused": self._refused}
        if worked:
            self._report.ok("bucket", f"Bucket {self._bucket} allows {', '.join(worked)}.")
        for action, code in self._refused.items():
            if code in _DENIED:
                self._report.wrong(
                    "bucket", f"{action} is refused.", f"Allow {action} for the role of the AWS connection."
                )
            else:
                self._report.wrong("bucket", f"The call for {action} failed with {code}.", "Look up that code of S3.")
