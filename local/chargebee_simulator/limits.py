"""What keeps a site's callers in check: the calls of a minute, and the memory of idempotency keys."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ApiError

_MINUTE = 60.0
_LONGEST_KEY = 100


def too_many(message: str, wait: float, says_when: bool) -> ApiError:
    """Return a 429; `wait` is the seconds until another try may do better; `says_when`: the answer has them."""
    return ApiError(429, message, headers={"Retry-After": str(max(1, math.ceil(wait)))} if says_when else {})


class RateLimit:
    """The calls of the last 60 seconds."""

    def __init__(self) -> None:
        self._calls: deque[float] = deque()

    def admit(self, now: float, limit: int) -> float:
        """Count a call and return 0, or return the seconds until there is room. A `limit` of 0 admits all."""
        while self._calls and self._calls[0] <= now - _MINUTE:
            self._calls.popleft()
        if limit and len(self._calls) >= limit:
            return self._calls[len(self._calls) - limit] + _MINUTE - now
        self._calls.append(now)
        return 0.0


@dataclass(frozen=True)
class _Answer:
    request: tuple[str, tuple[tuple[str, str], ...]]
    body: bytes
    at: float


class IdempotencyKeys:
    """The first answers to requests that carried an idempotency key."""

    def __init__(self) -> None:
        self._answers: dict[str, _Answer] = {}

    def replay(self, key: str, path: str, fields: Iterable[tuple[str, str]], now: float, window: float) -> bytes | None:
        """Return the first answer to this request, None where this is the first.

        `window` is the seconds an answer is remembered. Raises ApiError where the key was another request's.
        """
        if len(key) > _LONGEST_KEY:
            raise ApiError(400, f"The idempotency key must not have more than {_LONGEST_KEY} characters")
        answer = self._answers.get(key)
        if answer is None or now - answer.at >= window:
            return None
        if answer.request != _identity(path, fields):
            raise ApiError(422, "The idempotency key was already used for a request with other parameters")
        return answer.body

    def remember(self, key: str, path: str, fields: Iterable[tuple[str, str]], body: bytes, now: float) -> None:
        """Keep the answer to a request that was carried out."""
        self._answers[key] = _Answer(_identity(path, fields), body, now)


def _identity(path: str, fields: Iterable[tuple[str, str]]) -> tuple[str, tuple[tuple[str, str], ...]]:
    return path, tuple(sorted(fields))
