"""The loggers of this package: their lines reach the task log of every Airflow, and no text from outside forges one."""

from __future__ import annotations

import logging
from typing import Any

from chargebee_operators.common.foreign_text import MOST_OF_A_LINE, clean


class _Cleaned(logging.Filter):
    """Cleans what is put into a line. A text is cut long before the line is: names and ids are short."""

    def filter(self, record: logging.LogRecord) -> bool:
        # One mapping alone stands in place of the tuple.
        args = record.args if isinstance(record.args, tuple) else (record.args,) if record.args else ()
        record.args = tuple(_clean(each) for each in args)
        return True


_CLEANED = _Cleaned()


def task_log(module: str) -> logging.Logger:
    """Return a module's logger, whose lines are cleaned.

    :param module: the module's ``__name__``.
    """
    # Below "airflow.task", or Airflow 2 would leave its lines out of the task log.
    log = logging.getLogger(f"airflow.task.{module}")
    log.addFilter(_CLEANED)  # which adds it once
    return log


def _clean(value: Any) -> Any:
    return value if isinstance(value, int | float) else clean(value, MOST_OF_A_LINE)
