"""Counts requests against their limits: here for this process, in `redis_limiter` for all processes together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..domain.ratelimit import LimitState, Window
from ..domain.routes import Limit

_WINDOWS_MAX = 50_000


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
        self._windows: dict[str, Window] = {}

    async def hit(self, name: str, limit: Limit) -> Hit:
        now = self._now()
        if len(self._windows) >= _WINDOWS_MAX:
            self._windows = {key: window for key, window in self._windows.items() if not window.is_over(now)}
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = Window(limit)
        allowed, left, reset_after_s = window.hit(now)
        return Hit(allowed, LimitState(limit.requests, left, reset_after_s, name))

    async def close(self) -> None:
        pass
