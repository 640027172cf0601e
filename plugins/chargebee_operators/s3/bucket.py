"""The calls to one S3 bucket that a partition needs, each with the extra arguments that it takes.

Whatever goes wrong is said in one sentence and as an error of this package.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chargebee_operators.common import checksums
from chargebee_operators.common.exceptions import DestinationError, SettingsError, UploadError
from chargebee_operators.common.foreign_text import clean, listed, printable
from chargebee_operators.common.task_log import task_log
from chargebee_operators.s3.causes import (
    CAUSES,
    LASTING,
    has_no_credentials,
    is_lasting,
    refusal,
    without_credentials,
)
from chargebee_operators.s3.rights import missing_right
from chargebee_operators.s3.upload_args import EVERY_CALL, WITH_BYTES, only

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

log = task_log(__name__)

DELETED_AT_ONCE = 1000
# S3's error codes for a missing right. The answer to a HEAD has no body, so there the status is the code.
DENIED = ("AccessDenied", "AllAccessDisabled", "403")


class S3CallError(UploadError):
    """A call that S3 refused, or that got no answer.

    :param status: the HTTP status; None when there was no answer.
    :param code: S3's error code.
    :param permanent: whether the same call fails at each later try. A repeated call may still have met what the first one has
        done, so this is no ``DestinationError``. Of those only a repeated ``DeniedError`` leaves a doubt.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str = "", permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.status = status
        self.code = code

    @property
    def refused(self) -> bool:
        """Whether S3 said no, so that the call surely had no effect."""
        return self.status is not None and 400 <= self.status < 500


class DeniedError(DestinationError):
    """A call that S3 refused because a right is missing. Without ``s3:ListBucket`` it also means: there is no such object.

    :param repeated: whether boto3 had sent the call before. The earlier call may have had its effect.
    """

    def __init__(self, message: str, *, repeated: bool = False) -> None:
        super().__init__(message)
        self.repeated = repeated


class S3Bucket:
    """One bucket, over the client of Airflow's hook. Its calls may come from several threads.

    :param hook: with the extra arguments of the uploads.
    :param name: the bucket's.
    """

    def __init__(self, hook: S3Hook, name: str) -> None:
        self.name = name
        self._client = hook.get_conn()
        self._conn_id = hook.aws_conn_id
        self.extra_args: dict[str, Any] = dict(hook.extra_args)
        # S3 look-alikes that know no checksums have this in their connection; older botocore has no such setting.
        config = self._client.meta.config
        self.endpoint_url: str = self._client.meta.endpoint_url
        self.repeated = False  # whether an upload may have been begun twice, because an answer was lost
        self.checksums = getattr(config, "request_checksum_calculation", None) != "when_required"
        if self.checksums:
            _leave_payload_unsigned(self._client)

    def create_upload(self, key: str) -> str:
        """Begin a multipart upload and return its id; nothing can be seen of it yet."""
        algorithm = {"ChecksumAlgorithm": "CRC32"} if self.checksums else {}
        answer = self._call("create_multipart_upload", key, self.extra_args, **algorithm)
        self.repeated = self.repeated or answer["ResponseMetadata"].get("RetryAttempts", 0) > 0
        return answer["UploadId"]

    def send_part(self, key: str, upload_id: str, number: int, body: bytes | bytearray, crc: str) -> str:
        """Send one part and return its ETag.

        The checksum goes as a header. Without one botocore would frame the body to put its own behind it, which not
        every S3 look-alike can read.
        """
        args = {"UploadId": upload_id, "PartNumber": number, "Body": body, **self._checksum(crc)}
        return self._call("upload_part", key, only(WITH_BYTES, self.extra_args), **args)["ETag"]

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[tuple[int, str, str]]) -> str:
        """Make an object of the parts, given as (number, ETag, CRC-32), and return its ETag."""
        listed = [{"PartNumber": number, "ETag": etag, **self._checksum(crc)} for number, etag, crc in parts]
        args = {"UploadId": upload_id, "MultipartUpload": {"Parts": listed}}
        return self._call("complete_multipart_upload", key, only(WITH_BYTES, self.extra_args), **args)["ETag"]

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts; one that is gone is fine."""
        try:
            self._call("abort_multipart_upload", key, only(EVERY_CALL, self.extra_args), UploadId=upload_id)
        except S3CallError as error:
            if error.status != 404:
                raise

    def put(self, key: str, body: bytes, args: Mapping[str, Any], condition: Mapping[str, str] | None = None) -> str:
        """Write a small object and return its ETag.

        :param condition: ``If-Match`` or ``If-None-Match``. It goes in as a header, for the boto3 of Airflow 2.10
            has no parameter for it yet; one such call at a time.
        """

        def add(params: Any, **_: Any) -> None:
            params["headers"].update(condition)

        events = self._client.meta.events
        if condition:
            events.register("before-call.s3.PutObject", add)
        try:
            return self._call("put_object", key, args, Body=body, **self._checksum(crc32(body)))["ETag"]
        finally:
            if condition:
                events.unregister("before-call.s3.PutObject", add)

    def get(self, key: str) -> tuple[bytes, str]:
        """Return a small object's bytes and its ETag."""
        from botocore.exceptions import BotoCoreError

        answer = self._call("get_object", key, only(WITH_BYTES, self.extra_args))
        try:
            return answer["Body"].read(), answer["ETag"]
        except (BotoCoreError, OSError) as error:
            raise self._unanswered("get_object", key, error) from None

    def stream(self, key: str, size: int = 1 << 20) -> Iterator[bytes]:
        """Yield a large object's bytes.

        :param size: of a piece.
        """
        from botocore.exceptions import BotoCoreError

        answer = self._call("get_object", key, only(WITH_BYTES, self.extra_args))
        try:
            yield from answer["Body"].iter_chunks(size)
        except (BotoCoreError, OSError) as error:
            raise self._unanswered("get_object", key, error) from None
        finally:
            answer["Body"].close()

    def head(self, key: str) -> Mapping[str, Any]:
        """Return what S3 knows of an object, its checksum with it where it keeps one."""
        mode = {"ChecksumMode": "ENABLED"} if self.checksums else {}
        return self._call("head_object", key, only(WITH_BYTES, self.extra_args), **mode)

    def delete(self, keys: Iterable[str]) -> list[str]:
        """Delete objects, and return what went wrong: a sentence for each that is still there."""
        ordered, problems = sorted(keys), []
        for at in range(0, len(ordered), DELETED_AT_ONCE):
            batch = ordered[at : at + DELETED_AT_ONCE]
            objects = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
            try:
                answer = self._call("delete_objects", None, only(EVERY_CALL, self.extra_args), Delete=objects)
            except (UploadError, DestinationError) as error:
                problems.append(f"{listed(batch, 1)}: {error}")
            else:
                problems += self._not_deleted(answer.get("Errors", []))
        return problems

    def _not_deleted(self, errors: Iterable[Mapping[str, str]]) -> list[str]:
        """Return a sentence for each kind of error: S3 answers 200 also where each key is refused."""
        keys: dict[str, list[str]] = {}
        for each in errors:
            keys.setdefault(clean(each.get("Code")), []).append(str(each.get("Key")))
        right = missing_right("delete_objects", self.name, {})
        needs = f": AWS connection {self._conn_id!r} needs {right}"
        return [f"{listed(each, 1)}: {code}{needs if code in DENIED else ''}." for code, each in keys.items()]

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of all objects below a prefix."""
        for page in self._pages("list_objects_v2", prefix):
            yield from (each["Key"] for each in page.get("Contents", []))

    def entries(self, prefix: str, start_after: str, before: str | None) -> list[str]:
        """Return the keys, and the prefixes that end at the next ``/``, in no order.

        :param prefix: what they begin with.
        :param start_after: they come after it; empty for all.
        :param before: and in front of it; None for all.
        """
        after = {"StartAfter": start_after} if start_after else {}
        found: list[str] = []
        for page in self._pages("list_objects_v2", prefix, Delimiter="/", **after):
            here = [each["Prefix"] for each in page.get("CommonPrefixes", [])]
            here += [each["Key"] for each in page.get("Contents", [])]
            found += [each for each in here if before is None or each < before]
            if before is not None and here and max(here) >= before:
                break
        return found

    def uploads(self, prefix: str) -> Iterator[tuple[str, str, datetime]]:
        """Yield (key, upload id, when it began) of the multipart uploads under way below a prefix."""
        for page in self._pages("list_multipart_uploads", prefix):
            for each in page.get("Uploads", []):
                yield each["Key"], each["UploadId"], each["Initiated"]

    def _pages(self, operation: str, prefix: str, **args: Any) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator(operation).paginate(
            Bucket=self.name, Prefix=prefix, **only(EVERY_CALL, self.extra_args), **args
        )
        page_of = iter(pages)
        while (page := self._answer(operation, prefix, lambda: next(page_of, None))) is not None:
            yield page

    def _checksum(self, crc: str) -> dict[str, str]:
        return {"ChecksumCRC32": crc} if self.checksums else {}

    def _call(self, operation: str, key: str | None, extra: Mapping[str, Any], **args: Any) -> Any:
        target = {"Bucket": self.name} if key is None else {"Bucket": self.name, "Key": key}
        return self._answer(operation, key, lambda: getattr(self._client, operation)(**target, **{**extra, **args}))

    def _answer(self, operation: str, key: str | None, call: Callable[[], Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        try:
            return call()
        except ParamValidationError as error:
            # Its own words quote the values, and a customer's key may be one of them.
            names = ", ".join(sorted(set(re.findall(r"parameter (\w+)", str(error))))) or "one"
            raise SettingsError(
                f"extra_args: boto3 can't send the value of {names} with {operation}; give it as boto3 documents it."
            ) from None
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            answer = str(error.response.get("Error", {}).get("Message", ""))
            about = error.response.get("ResponseMetadata", {})
            status, repeated = about.get("HTTPStatusCode"), about.get("RetryAttempts", 0) > 0
        except (BotoCoreError, OSError) as error:
            if has_no_credentials(error):
                sentence = without_credentials(self._conn_id, error)
                raise S3CallError(sentence, permanent=is_lasting(error)) from None
            raise self._unanswered(operation, key, error) from None
        if code == "NoSuchBucket":
            raise DestinationError(f"Bucket {self.name!r} does not exist: create it, or name the right one.")
        if code in DENIED:
            right = missing_right(operation, self.name, self.extra_args, answer)
            raise DeniedError(
                f"AWS connection {self._conn_id!r} may not do {operation} in bucket {self.name!r}: it needs {right}.",
                repeated=repeated,
            )
        if code in CAUSES:
            sentence = refusal(self._conn_id, code, status)
            raise S3CallError(sentence, status=status, code=code, permanent=code in LASTING)
        told = clean(code if code == str(status) else f"{status} {code}")
        raise S3CallError(
            f"s3://{self.name}/{printable(key or '')}: S3 answered {told} to {operation}.", status=status, code=code
        )

    def _unanswered(self, operation: str, key: str | None, error: BaseException) -> S3CallError:
        return S3CallError(
            f"s3://{self.name}/{printable(key or '')}: no answer to {operation} ({type(error).__name__})."
        )


def _leave_payload_unsigned(client: Any) -> None:
    """Spare the SHA-256 of each part that botocore would sign, where TLS protects the part and S3 checks its CRC-32.

    It would cost as much as the manifest's own. ``payload_signing_enabled`` in the connection's ``config_kwargs`` wins.
    """
    config = client.meta.config
    if client.meta.endpoint_url.startswith("https://") and "payload_signing_enabled" not in (config.s3 or {}):
        config.s3 = {**(config.s3 or {}), "payload_signing_enabled": False}


def crc32(data: bytes | bytearray) -> str:
    """Return a CRC-32 as S3 writes it: base64 of four bytes, the highest first."""
    return base64.b64encode(checksums.crc32(data).to_bytes(4, "big")).decode()


def composite(crcs: Iterable[str]) -> str:
    """Return the checksum that S3 gives an object made of parts with those CRC-32s."""
    each = [base64.b64decode(crc) for crc in crcs]
    return f"{crc32(b''.join(each))}-{len(each)}"
