"""Makes the doctor's reports of docs/reports, of a healthy and of a sick site: run it when the report changes.

PYTHONPATH=local:plugins:tests .venv/airflow-3.3.1/bin/python local/doctor_reports.py
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import textwrap
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import stack

HOME = tempfile.mkdtemp()
os.environ.update(AIRFLOW_HOME=HOME, AIRFLOW__CORE__LOAD_EXAMPLES="False")
for name in [each for each in os.environ if each.startswith("AWS_")]:
    del os.environ[name]

from chargebee_operators import (  # noqa: E402
    ChargebeeDoctorOperator,
    ChargebeeExportOperator,
    ChargebeeExportToS3Operator,
)
from chargebee_operators._compat import AirflowFailException  # noqa: E402
from chargebee_operators.chargebee.windows import iso  # noqa: E402
from chargebee_operators.doctor.findings import Report  # noqa: E402
from chargebee_simulator import Simulator, SimulatorSettings  # noqa: E402
from support.s3_proxy import s3_proxy  # noqa: E402
from support.tasks import TaskInstance, context, run  # noqa: E402

REPORTS = stack.ROOT / "docs" / "reports"
SITE, KEY = "acme-test", "test_key_0123456789abcdef"
BUCKET = "my-bucket"
WIDTH = 120
# Of the settings that are to be pasted, so many are shown.
MOST_TYPES = 4
DAYS_AGO = {"healthy": (3, 2, 1), "sick": (6, 5, 2, 1)}


def main() -> None:
    """Write both reports."""
    with stack.s3_server(Path(HOME)) as s3, s3_proxy(s3) as proxy:
        s3.client().create_bucket(Bucket=BUCKET)
        connection = json.loads(s3.connection())
        connection["extra"]["endpoint_url"] = proxy.url
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(connection)
        write("healthy-site.txt", prefix="healthy")
        proxy.rule("CreateMultipartUpload", status=403, times=None, header="x-amz-tagging")
        sick = {"ignore_filters": True, "catalog": "v1"}
        write("sick-site.txt", prefix="sick", settings=sick, extra_args={"Tagging": "team=data"})


def write(file: str, prefix: str, settings: dict[str, Any] | None = None, **arguments: Any) -> None:
    """Export some days, examine a site, and write the report."""
    found: list[str] = []

    def kept(report: Report) -> list[str]:
        found[:] = as_printed(report)
        return found

    site = SimulatorSettings(sites=(f"{SITE}:{KEY}",), customers=300, job_seconds=0, rate_limit=0)
    with Simulator(site) as simulator:
        extra = {"poll_interval": 0.1}
        connection = {"conn_type": "generic", "login": SITE, "password": KEY, "host": simulator.url, "extra": extra}
        os.environ["AIRFLOW_CONN_CHARGEBEE_DEFAULT"] = json.dumps(connection)
        for days in DAYS_AGO[prefix]:
            export_day(days, prefix)
        simulator.control.settings(**(settings or {}))
        doctor = ChargebeeDoctorOperator(
            task_id="examine", s3_bucket=BUCKET, prefix=prefix, poll_interval=0.1, look_days=390, **arguments
        )
        own, Report.lines = Report.lines, kept  # type: ignore[method-assign]
        try:
            # It fails on what is wrong.
            with suppress(AirflowFailException):
                run(doctor, context())
        finally:
            Report.lines = own  # type: ignore[method-assign]
    REPORTS.joinpath(file).write_text("\n".join(found) + "\n", encoding="utf-8")


def export_day(days: int, prefix: str) -> None:
    """Export the customers of one day, so many days ago."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=days)
    window = {"window_start": iso(start), "window_end": iso(start + timedelta(days=1))}
    ti = TaskInstance(dag_id="chargebee_export", run_id=f"{prefix}-{days}")
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", **window), context(ti=ti))
    upload = ChargebeeExportToS3Operator(task_id="upload", job=job, s3_bucket=BUCKET, s3_prefix=prefix)
    run(upload, context(ti=ti))


def as_printed(report: Report) -> list[str]:
    """Return the lines for a page: wrapped, without this machine's folders, and with the first types alone."""
    lines = []
    types = 0
    for line in _OWN_LINES(report):
        is_type = bool(re.match(r'\s+"[^"]+": "(timestamp|decimal|date|bool)', line))
        types = types + 1 if is_type else 0
        if types > MOST_TYPES:
            if types == MOST_TYPES + 1:
                lines.append(" " * (len(line) - len(line.lstrip())) + "...")
            continue
        line = line.replace(str(stack.ROOT), "/usr/local/airflow")
        if re.match(r"  (ok|attention|wrong) ", line) or line.lstrip().startswith("->"):
            lines += textwrap.wrap(
                line, WIDTH, subsequent_indent=" " * 13, break_long_words=False, break_on_hyphens=False
            )
        else:
            lines.append(line)
    return lines


_OWN_LINES = Report.lines

if __name__ == "__main__":
    main()
