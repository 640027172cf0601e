"""One URL for all threads, and one thread that asks for the next."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from chargebee_operators.common.exceptions import AuthenticationError, DownloadError, ThrottledError, UnavailableError
from chargebee_operators.download.block_buffer import Stopped
from chargebee_operators.download.shared_url import SharedUrl


def test_threads_that_find_a_url_dead_ask_once_for_the_next():
    numbers, asked = count(1), threading.Semaphore(0)
    go_on = threading.Event()

    def fresh() -> str:
        asked.release()
        go_on.wait(30)
        return f"url-{next(numbers)}"

    url, never = SharedUrl(fresh, "e", 5, 0.001), threading.Event()
    go_on.set()
    first = url.get(never)
    go_on.clear()
    found: list[str] = []

    def use() -> None:
        url.died(first)
        found.append(url.get(never))

    threads = [threading.Thread(target=use, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert (first, found) == ("url-1", ["url-2"] * 4)
    assert next(numbers) == 3


@pytest.mark.parametrize("error", [ThrottledError("busy"), UnavailableError("away")])
def test_an_outage_is_waited_out_within_the_budget(error):
    answers = [error, error, "url"]

    def fresh() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert SharedUrl(fresh, "e", 2, 0.001).get(threading.Event()) == "url"
    answers[:] = [error, error, "url"]
    with pytest.raises(DownloadError, match=f"Export e: no fresh download URL in 2 tries in a row: {error}") as caught:
        SharedUrl(fresh, "e", 1, 0.001).get(threading.Event())
    assert caught.value.__context__ is None


def test_a_refusal_is_not_asked_again():
    asked = []

    def fresh() -> str:
        asked.append(1)
        raise AuthenticationError("no", status=401)

    with pytest.raises(AuthenticationError):
        SharedUrl(fresh, "e", 5, 0.001).get(threading.Event())
    assert len(asked) == 1


def test_a_stop_ends_the_waiting():
    stopped = threading.Event()

    def fresh() -> str:
        stopped.set()
        raise UnavailableError("away")

    with pytest.raises(Stopped):
        SharedUrl(fresh, "e", 5, 3600).get(stopped)
