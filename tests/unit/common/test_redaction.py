"""No line of a library that quotes a body or a URL reaches a handler, at whatever level it listens."""

from __future__ import annotations

import logging

import pytest

from chargebee_operators.common.redaction import TALKATIVE, quieten


@pytest.fixture(params=TALKATIVE)
def logger(request):
    """A talkative library's logger as one finds it, put back afterwards."""
    logger = logging.getLogger(request.param)
    filters, level = list(logger.filters), logger.level
    logger.filters[:] = []
    yield logger
    logger.filters[:], logger.level = filters, level


def test_debug_lines_are_dropped_and_warnings_are_not(logger, caplog):
    quieten()
    # Whoever turns DEBUG on later, and where, makes no difference.
    logger.setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        logger.debug("GET /export.zip?signature=s3cr3t")
        logger.log(logging.INFO - 1, "signature=s3cr3t")
        logger.info("an info")
        logger.warning("a warning")
    assert [record.getMessage() for record in caplog.records] == ["an info", "a warning"]


def test_calling_it_again_adds_nothing(logger):
    quieten()
    once = list(logger.filters)
    quieten()
    assert logger.filters == once
    assert len(once) == 1


def test_other_loggers_keep_their_debug_lines(caplog):
    quieten()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("chargebee_operators").debug("ours")
    assert "ours" in caplog.messages


def test_the_loggers_are_those_of_the_libraries():
    import httpcore  # noqa: F401
    import urllib3.util.retry

    assert {"urllib3.connectionpool", "urllib3.util.retry"} <= set(TALKATIVE)
    for name in ("urllib3.connectionpool", "urllib3.util.retry", "httpcore.connection", "httpcore.http11"):
        assert name in logging.root.manager.loggerDict, "the library no longer logs under this name"
    assert urllib3.util.retry.log.name in TALKATIVE
