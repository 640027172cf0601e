"""What a run says of the partition that it has committed, in XCom and in its asset's event. Pure."""

from __future__ import annotations

from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.checks.window_check import window_for
from chargebee_operators.common.foreign_text import clean_line
from chargebee_operators.partition.manifest import Manifest

# Warnings that are passed on; the manifest has all of them.
MOST_WARNINGS = 20


def report(job: JobRecord, bucket: str, manifest_key: str, manifest: Manifest) -> dict[str, Any]:
    """Return what was written, JSON-ready.

    ``tables`` has for each table its ``rows`` (None when they can't be counted), ``bytes``, ``files`` and ``prefix``.
    ``window_start`` and ``window_end`` are None for a snapshot.
    """
    window = window_for(job)
    warnings = [clean_line(each) for each in manifest.warnings[:MOST_WARNINGS]]
    if more := len(manifest.warnings) - len(warnings):
        warnings.append(f"{more} more warnings are in the manifest.")
    return {
        "site": job.site,
        "resource": job.resource,
        "business_entity_id": job.business_entity_id,
        "export_id": job.export_id,
        "partition": job.partition,
        "window_field": job.window_field,
        "window_start": job.window_start if window else None,
        "window_end": job.window_end if window else None,
        "bucket": bucket,
        "manifest_key": manifest_key,
        "format": manifest.format,
        "files": len(manifest.files),
        "bytes": manifest.bytes,
        "tables": manifest.tables,
        "gap_before": manifest.gap_before,
        "warnings": warnings,
    }
