"""Counts requests against their limits: here in this process, in `redis.limiter` for all processes together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..domain.ratelimit import LimitState, Window
from ..domain.routes import Limit


class Hit(NamedTuple):
    """Whether a request is allowed, and the state of its limit for the answer's headers."""

    allowed: bool
    state: LimitState


class Limiter(Protocol):
    """Counts requests. Belongs to the event loop."""

    async def hit(self, name: str, limit: Limit) -> Hit:
        """Count one request in the bucket `name`."""

    async def close(self) -> None:
        """Release all resources."""


class ProcessLimiter:
    """Counts in this process; `now` returns monotonic seconds, `new_window` makes the count of one limit."""

    def __init__(self, now: Callable[[], float], *, new_window: Callable[[Limit], Window] = Window) -> None:
        self._now = now
        self._new_window = new_window
        self._windows: OrderedDict[str, Window] = OrderedDict()

    async def hit(self, name: str, limit: Limit) -> Hit:
        now = self._now()
        window = self._windows.get(name)
        if window is None:
            self._forget_some(now)
            window = self._windows[name] = self._new_window(limit)
        allowed, left, reset_after_s = window.hit(now)
        return Hit(allowed, LimitState(limit.requests, left, reset_after_s, name))

    def _forget_some(self, now: float) -> None:
        """Look at the next two windows and drop those that are over.

        Each new window takes this step, so the windows kept although they are over are about as many as the open ones,
        and no request pays for all of them.
        """
        for _ in range(min(2, len(self._windows))):
            name, window = self._windows.popitem(last=False)
            if not window.is_over(now):
                self._windows[name] = window

    async def close(self) -> None:
        pass
