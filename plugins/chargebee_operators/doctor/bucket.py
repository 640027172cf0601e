"""Whether the bucket allows what an upload does: each S3 call is tried, with an object of the doctor's own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chargebee_operators.common.foreign_text import clean
from chargebee_operators.doctor.findings import Report
from chargebee_operators.partition.key_templates import join
from chargebee_operators.s3.bucket import DENIED, crc32
from chargebee_operators.s3.causes import CAUSES, refusal, unanswered
from chargebee_operators.s3.rights import ACTIONS, CUSTOMER_KEY, OF_ARGUMENTS, named_action
from chargebee_operators.s3.upload_args import EVERY_CALL, WITH_BYTES, for_manifest, only

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

_DENIED = {*DENIED, "Forbidden"}
_ENCRYPTION = frozenset({"ServerSideEncryption", "SSEKMSKeyId", "SSEKMSEncryptionContext", "BucketKeyEnabled"})
_USE_KEY = "kms:GenerateDataKey"
# An object under a lock can't be removed, so an upload with these is begun and aborted, but never completed.
_LOCK = frozenset({"ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"})
# What to do about a refusal that is not about rights, by the arguments that it is about.
_MEND = (
    (_LOCK, "Enable object lock for the bucket, or leave the lock out of extra_args."),
    (_ENCRYPTION, "Check SSEKMSKeyId: the key must exist, be enabled, and be in the bucket's region."),
    (frozenset({"Tagging"}), "Write Tagging as S3 takes it, for example 'team=data&source=chargebee'."),
)


def check_bucket_rights(
    hook: S3Hook, bucket: str, prefix: str, extra_args: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    """Try each call of an upload, and report the actions that are missing.

    :param hook: Airflow's S3 hook.
    :param bucket: the bucket.
    :param prefix: what the probe's key begins with.
    :param extra_args: as the upload tasks have them: encryption, tags, object lock.
    :return: those of them that S3 accepts, without a lock: the report is written with these.
    """
    return _Probe(
        hook, bucket, join(prefix.strip("/"), f"doctor/probe-{secrets.token_hex(4)}"), extra_args, report
    ).run()


def _special(extra: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the arguments that need an action of their own, by that action."""
    found: dict[str, frozenset[str]] = {}
    for name, action in OF_ARGUMENTS.items():
        if name in extra:
            found[action] = found.get(action, frozenset()) | {name}
    if encryption := _ENCRYPTION & set(extra):
        uses_key = "SSEKMSKeyId" in extra or str(extra.get("ServerSideEncryption", "")).startswith("aws:kms")
        found[_USE_KEY if uses_key else "s3:PutObject with ServerSideEncryption"] = encryption
    return found


class _Probe:
    def __init__(self, hook: S3Hook, bucket: str, key: str, extra_args: Mapping[str, Any], report: Report) -> None:
        self._client = hook.get_conn()
        self._bucket = bucket
        self._target = {"Bucket": bucket, "Key": key}
        self._prefix = {"Bucket": bucket, "Prefix": key}
        self._extra = dict(extra_args)
        self._every, self._bytes = only(EVERY_CALL, self._extra), only(WITH_BYTES, self._extra)
        self._report = report
        self._refused: dict[str, str] = {}
        self._worked: list[str] = []
        self._conn_id = hook.aws_conn_id
        self._error: Exception | None = None  # of the last call that failed

    def run(self) -> dict[str, Any]:
        listed = self._try("list_objects_v2", **self._prefix, **self._every)
        if not listed and "NoSuchBucket" in self._refused.values():
            self._report.wrong(
                "bucket", f"Bucket {self._bucket!r} does not exist.", "Create it, or name the right one."
            )
            return {}
        if cause := self._cause():
            self._report.wrong("bucket", cause)
            return {}
        self._try("list_multipart_uploads", **self._prefix, **self._every)
        plain, accepted = self._arguments()
        works = self._upload(accepted)
        if works:
            self._read(accepted)
            self._conditions(accepted)
        self._try("delete_object", "s3:DeleteObject", **self._target, **self._every)
        self._tell()
        return accepted if works else plain

    def _arguments(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an upload without and with each argument that needs an action of its own.

        :return: the arguments that need none, and all that are accepted.
        """
        special = _special(self._extra)
        apart = frozenset[str]().union(*special.values())
        plain = {name: value for name, value in self._extra.items() if name not in apart}
        if self._begin_and_abort("s3:PutObject", plain) is None:
            return plain, plain
        accepted = dict(plain)
        for action, names in special.items():
            part = {name: self._extra[name] for name in self._extra if name in names}
            answer = self._begin_and_abort(action, {**plain, **part}, names)
            if answer is None:
                continue
            if not names & _LOCK:
                accepted |= part
            wanted = part.get("ServerSideEncryption")
            if wanted and answer.get("ServerSideEncryption") != wanted:
                self._report.wrong(
                    "bucket",
                    f"ServerSideEncryption is {wanted!r} in extra_args, but S3's answer does not confirm it.",
                    "Objects may be stored without this encryption. Use a server that supports it, or leave it out.",
                )
        return plain, accepted

    def _begin_and_abort(
        self, action: str, arguments: Mapping[str, Any], about: frozenset[str] = frozenset()
    ) -> Mapping[str, Any] | None:
        begun = self._try("create_multipart_upload", action, about, **self._target, **arguments)
        if begun:
            self._try("abort_multipart_upload", **self._target, **self._every, UploadId=begun["UploadId"])
        return begun

    def _upload(self, accepted: Mapping[str, Any]) -> bool:
        """Write the probe's object as an upload does, in parts with checksums; return whether it exists then."""
        body = b"probe"
        crc = crc32(body)
        begun = self._try("create_multipart_upload", **self._target, **accepted, ChecksumAlgorithm="CRC32")
        if not begun:
            return False
        upload = {**self._target, "UploadId": begun["UploadId"], **self._bytes}
        # S3 has begun the upload, so what is missing now is the right to use the key again.
        action = "kms:Decrypt" if _USE_KEY in _special(accepted) else "s3:PutObject"
        part = self._try("upload_part", action, **upload, PartNumber=1, Body=body, ChecksumCRC32=crc)
        completed = None
        if part:
            parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": crc}]}
            completed = self._try("complete_multipart_upload", action, **upload, MultipartUpload=parts)
        if completed is None:
            self._try("abort_multipart_upload", **self._target, **self._every, UploadId=begun["UploadId"])
        return completed is not None

    def _read(self, accepted: Mapping[str, Any]) -> None:
        action = "s3:GetObject or kms:Decrypt" if _USE_KEY in _special(accepted) else "s3:GetObject"
        answer = self._try("get_object", action, **self._target, **self._bytes)
        if answer:
            answer["Body"].read()

    def _conditions(self, accepted: Mapping[str, Any]) -> None:
        """Find out whether a conditional write is refused where it must be; the commit depends on it."""

        def only_new(params: Any, **_: Any) -> None:
            params["headers"]["If-None-Match"] = "*"

        events, arguments = self._client.meta.events, for_manifest(accepted)
        events.register("before-call.s3.PutObject", only_new)
        try:
            _, code, _ = self._answer(lambda: self._client.put_object(**self._target, Body=b"again", **arguments))
        finally:
            events.unregister("before-call.s3.PutObject", only_new)
        if code in ("PreconditionFailed", "412"):
            self._report.ok("bucket", "Conditional writes work: of two runs at once, only one commits.")
        elif not code:
            self._report.wrong(
                "bucket",
                "The server ignores If-None-Match, so two runs at once could mix their files. Amazon S3 does not do that.",
                "Use Amazon S3 or another server that honours conditional writes, and max_active_runs=1.",
            )
        else:
            self._report.attention("bucket", f"It is not known whether conditional writes work: S3 answered {code}.")

    def _try(
        self, operation: str, action: str = "", about: frozenset[str] = frozenset(), /, **arguments: Any
    ) -> Mapping[str, Any] | None:
        """Make a call; return its answer, or None where it was refused.

        :param action: what the call needs, where that is not what it always needs.
        :param about: the names of the arguments that are tried by it.
        """
        action = action or ACTIONS[operation]
        answer, code, named = self._answer(lambda: getattr(self._client, operation)(**arguments))
        if not code:
            self._worked.append(action.partition(" or ")[0])
            return answer
        if code in _DENIED or not about:
            self._refused.setdefault(named or action, code)
            return None
        words = " and ".join(sorted(about))
        mend = next((each for names, each in _MEND if names & about), "Look up that code of S3.")
        self._report.wrong("bucket", f"S3 does not accept {words} of extra_args ({code}).", mend)
        return None

    def _answer(self, call: Callable[[], Any]) -> tuple[Any, str, str]:
        """Return a call's answer; or the code of its error, and the action that the error names."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(), "", ""
        except ClientError as error:
            self._error, told = error, error.response.get("Error", {})
            return None, clean(told.get("Code", "")) or "unknown", named_action(str(told.get("Message", "")))
        except (BotoCoreError, OSError) as error:
            self._error = error
            return None, type(error).__name__, ""

    def _cause(self) -> str:
        """Return why the first call has failed, if no other call can do better; empty when one may."""
        from botocore.exceptions import ClientError

        if isinstance(self._error, ClientError):
            code = self._error.response.get("Error", {}).get("Code")
            status = self._error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return refusal(self._conn_id, code, status) if code in CAUSES else ""
        return str(unanswered(self._conn_id, self._error)) if self._error else ""

    def _tell(self) -> None:
        worked = [each for each in dict.fromkeys(self._worked) if each not in self._refused]
        self._report.facts["bucket"] = {"bucket": self._bucket, "allowed": worked, "refused": self._refused}
        if worked:
            self._report.ok("bucket", f"Bucket {self._bucket} allows {', '.join(worked)}.")
        for action, code in self._refused.items():
            if code in _DENIED:
                more = f" {CUSTOMER_KEY}." if action == "s3:PutObject" and "SSECustomerKey" in self._extra else ""
                self._report.wrong(
                    "bucket", f"{action} is refused.", f"Allow {action} for the role of the AWS connection.{more}"
                )
            else:
                self._report.wrong("bucket", f"The call for {action} failed with {code}.", "Look up that code of S3.")
