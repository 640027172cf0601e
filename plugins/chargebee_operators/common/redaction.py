"""Keeps secrets out of the logs of the libraries underneath.

The SDK logs whole response bodies at DEBUG, the download URL among them, and urllib3 logs the path and query
of what it fetches, which in a signed URL is the secret itself. Airflow's own masking would hide them only in
task logs, and only once the value has been registered.
"""

from __future__ import annotations

import logging

# Loggers that quote bodies, URLs or headers, each below INFO.
TALKATIVE = (
    "chargebee.http_request",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.proxy",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)


class _NothingBelowInfo(logging.Filter):
    """A filter on the logger itself holds whatever level the root logger or its handlers are given later."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.INFO


class _NoUrl(logging.Filter):
    """Drops urllib3's warning of headers that it can't parse, which quotes the URL."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "(url=" not in str(record.msg)


_FILTER = _NothingBelowInfo()
_NO_URL = _NoUrl()


def quieten() -> None:
    """Stop the libraries' lines that would hold a secret; calling it again changes nothing."""
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(_FILTER)
    logging.getLogger("urllib3.connection").addFilter(_NO_URL)
