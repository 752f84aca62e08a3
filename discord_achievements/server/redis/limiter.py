"""Counts requests against their limits in Redis or Valkey, for all processes together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ...domain.ratelimit import LimitState
from ...domain.routes import Limit
from ..limiter import Hit, ProcessLimiter

_log = logging.getLogger(__name__)
_RETRY_S = 1.0  # after a failure of Redis, seconds without another attempt
_AT_ONCE = 50  # the client has at most 100 connections, and reports an outage if it needs one more

# As in `domain.ratelimit.Window`, a window opens with its first request; Redis closes it.
_HIT = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {used, redis.call('PTTL', KEYS[1])}
"""


class RedisLimiter:
    """Counts in Redis. While Redis is unavailable each process counts for itself, so that no request waits for it.

    `now` returns monotonic seconds.
    """

    def __init__(self, redis: Redis, now: Callable[[], float]) -> None:
        self._redis = redis
        self._now = now
        self._alone = ProcessLimiter(now)
        self._retry_at = float("-inf")
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._script = redis.register_script(_HIT)

    async def hit(self, name: str, limit: Limit) -> Hit:
        async with self._turns:
            counted = await self._count(name, limit)
        if counted is None:
            return await self._alone.hit(name, limit)
        used, left_ms = counted
        reset_after_s = max(left_ms, 0) / 1000
        state = LimitState(limit.requests, max(0, limit.requests - used), reset_after_s, name)
        return Hit(used <= limit.requests, state)

    async def _count(self, name: str, limit: Limit) -> tuple[int, int] | None:
        """Return the window's requests so far and its remaining milliseconds; None while Redis is unavailable."""
        if self._now() < self._retry_at:
            return None
        try:
            answer: Any = await self._script(
                keys=[f"discord_achievements:limit:{name}"], args=[int(limit.per_s * 1000)]
            )
        except (RedisError, OSError) as exc:
            self._retry_at = self._now() + _RETRY_S
            _log.warning("Redis is unavailable; rate limits are per process until it is back: %s", exc)
            return None
        return int(answer[0]), int(answer[1])

    async def close(self) -> None:
        await self._redis.aclose()
