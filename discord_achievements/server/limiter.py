"""Counts requests against their limits: here for this process, in `redis_limiter` for all processes together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..domain.ratelimit import LimitState, Window
from ..domain.routes import Limit


class Hit(NamedTuple):
    """Whether a request may pass, and what its answer says of the limit."""

    allowed: bool
    state: LimitState


class Limiter(Protocol):
    """Counts one request. `name` tells the limit's buckets apart."""

    async def hit(self, name: str, limit: Limit) -> Hit:
        """Count a request."""

    async def close(self) -> None:
        """Let go of everything."""


class ProcessLimiter:
    """Counts in this process; `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._windows: OrderedDict[str, Window] = OrderedDict()

    async def hit(self, name: str, limit: Limit) -> Hit:
        now = self._now()
        window = self._windows.get(name)
        if window is None:
            self._forget_some(now)
            window = self._windows[name] = Window(limit)
        allowed, left, reset_after_s = window.hit(now)
        return Hit(allowed, LimitState(limit.requests, left, reset_after_s, name))

    def _forget_some(self, now: float) -> None:
        """Look at two windows, all in turn: of those that are over, about as many are kept as of those that are not."""
        for _ in range(min(2, len(self._windows))):
            name, window = self._windows.popitem(last=False)
            if not window.is_over(now):
                self._windows[name] = window

    async def close(self) -> None:
        pass
