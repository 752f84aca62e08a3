"""Logs an outage of the database: a line a second, not a line a request."""

from __future__ import annotations

import logging
from collections.abc import Callable

_log = logging.getLogger(__name__)
_EVERY_S = 1.0


class OutageLog:
    """Counts the requests that the database's outage has failed. `now` returns monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failed = 0
        self._next_at = float("-inf")

    def failed(self, reason: Exception) -> None:
        """Log that a request is answered with 503, unless the last second had a line already; then count it."""
        self._failed += 1
        now = self._now()
        if now >= self._next_at:
            _log.warning("the database is unavailable; answering 503 (requests: %d): %s", self._failed, reason)
            self._failed = 0
            self._next_at = now + _EVERY_S
