"""How an error of this package ends an Airflow task: failed at once, or tried again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from chargebee_operators._compat import AirflowException, AirflowFailException
from chargebee_operators.chargebee.trigger_events import Outcome
from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.common.foreign_text import clean_line


@contextmanager
def failing_fast() -> Iterator[None]:
    """Turn a permanent error into the one that Airflow does not retry, with the same sentence."""
    try:
        yield
    except ChargebeeExportError as error:
        if not error.permanent:
            raise
        sentence = str(error)
    else:
        return
    raise AirflowFailException(sentence) from None  # the log would show both errors


def raise_outcome(outcome: Outcome, details: Mapping[str, Any]) -> NoReturn:
    """Raise the error that fits an unhappy outcome of a trigger, with the trigger's own sentence."""
    message = clean_line(details.get("message") or f"the trigger ended with {outcome}")
    if outcome is Outcome.REJECTED:
        raise AirflowFailException(message)
    raise AirflowException(message)
