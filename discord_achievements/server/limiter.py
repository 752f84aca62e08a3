"""Counts requests against their limits: in this process, or in Redis for all processes together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ..domain.ratelimit import LimitState, Window
from ..domain.routes import Limit

_log = logging.getLogger(__name__)
_WINDOWS_MAX = 50_000
_AWAY_S = 1.0  # Redis is left alone for so long after it failed

# A window opens with its first request, as in `domain.ratelimit.Window`; Redis closes it.
_HIT = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {used, redis.call('PTTL', KEYS[1])}
"""


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


class RedisLimiter:
    """Counts in Redis. While that is away each process counts for itself, so that no request waits for it."""

    def __init__(self, redis: Redis, now: Callable[[], float]) -> None:
        self._redis = redis
        self._now = now
        self._alone = ProcessLimiter(now)
        self._away_until = float("-inf")
        self._script = redis.register_script(_HIT)

    async def hit(self, name: str, limit: Limit) -> Hit:
        if self._now() < self._away_until:
            return await self._alone.hit(name, limit)
        try:
            used, left_ms = await self._count(name, limit)
        except (RedisError, OSError) as exc:
            self._away_until = self._now() + _AWAY_S
            _log.warning("Redis does not count; limits are per process for now: %s", exc)
            return await self._alone.hit(name, limit)
        reset_after_s = max(left_ms, 0) / 1000
        state = LimitState(limit.requests, max(0, limit.requests - used), reset_after_s, name)
        return Hit(used <= limit.requests, state)

    async def _count(self, name: str, limit: Limit) -> tuple[int, int]:
        answer: Any = await self._script(keys=[f"discord_achievements:limit:{name}"], args=[int(limit.per_s * 1000)])
        return int(answer[0]), int(answer[1])

    async def close(self) -> None:
        await self._redis.aclose()
