"""What the simulator holds and what has landed, in a form to compare."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import random
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import airflow_runs


def day(today: datetime, days: int) -> str:
    """Return a midnight in the form that manifests have."""
    return f"{today + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def window_of(manifest: dict[str, Any]) -> tuple[str, str]:
    """Return both ends of a partition's window."""
    return manifest["job"]["window_start"], manifest["job"]["window_end"]


def ids_between(airflow: Any, resource: str, start: str, end: str) -> list[str]:
    """Return the ids of the records whose latest change lies in a window, sorted."""
    low, high = (datetime.fromisoformat(each).timestamp() for each in (start, end))
    records = airflow.control.records(resource)
    return sorted(each["id"] for each in records if each["updated_at"] and low <= each["updated_at"] < high)


def landed_files(airflow: Any, manifest: dict[str, Any]) -> dict[str, bytes]:
    """Return the content of each file of a partition, by member, and see that the manifest tells the truth of it."""
    client, files = airflow.s3.client(), {}
    for file in manifest["files"]:
        stored = client.get_object(Bucket=airflow_runs.BUCKET, Key=file["key"])["Body"].read()
        assert (len(stored), hashlib.sha256(stored).hexdigest()) == (file["bytes"], file["sha256"]), file["key"]
        files[file["member"]] = gzip.decompress(stored)
    return files


def landed_ids(airflow: Any, manifest: dict[str, Any]) -> list[str]:
    """Return the ids of the records that a partition holds, sorted.

    They are the first column of the export's own table, whatever its header; a table without rows has no file.
    """
    files, resource = landed_files(airflow, manifest), manifest["job"]["resource"]
    own = [file["member"] for file in manifest["files"] if file["table"] == resource]
    texts = [files[member].decode() for member in own]
    ids = sorted(row[0] for text in texts for row in [*csv.reader(io.StringIO(text, newline=""))][1:])
    assert len(ids) == manifest["tables"].get(resource, {"rows": 0})["rows"]
    return ids


def what_landed(airflow: Any, manifest: dict[str, Any]) -> dict[str, tuple[int, list[str], str]]:
    """Return the rows, the columns and the checksum of each member, none of which a rerun may change."""
    contents = landed_files(airflow, manifest)
    return {
        file["member"]: (file["rows"], file["columns"], hashlib.sha256(contents[file["member"]]).hexdigest())
        for file in manifest["files"]
    }


def places_with_a_secret(airflow: Any) -> list[tuple[str, str]]:
    """Return where the key, its encoded form or a signed address is found: a log, the database or a manifest."""
    places = {str(path): path.read_bytes() for path in airflow.folder.rglob("*.log")}
    assert sum(b"customers" in held for held in places.values()) > 3
    assert any(b"DEBUG" in held or b"[debug" in held for held in places.values())
    places["the database"] = airflow.dump()
    assert b"export_id" in places["the database"]
    places["the manifests"] = json.dumps(airflow.manifests()).encode()
    return [(name, place) for place, held in places.items() for name, it in airflow.secrets().items() if it in held]


def write_big_zip(path: Path) -> Path:
    """Write an export of several of S3's parts: 24 MB that hardly compress, the same ones each time."""
    draw = random.Random(7)
    lines = (base64.b64encode(draw.randbytes(750)).decode() for _ in range(24_000))
    text = "id,note\n" + "".join(f"{number},{line}\n" for number, line in enumerate(lines))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("plans.csv", text)
    return path
