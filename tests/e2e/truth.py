"""What the simulator holds, to compare with what landed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any


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
