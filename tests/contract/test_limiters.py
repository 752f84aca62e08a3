"""One contract for the limiters: in the process and in Redis."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from discord_achievements.domain.ratelimit import Window
from discord_achievements.domain.routes import Limit
from discord_achievements.server.limiter import Limiter, ProcessLimiter
from discord_achievements.server.redis.limiter import RedisLimiter
from tests.support.databases import RedisServer

names = (f"test:{number}" for number in itertools.count())


async def check_a_window(limiter: Limiter, name: str, its_end: Callable[[], Awaitable[object]]) -> None:
    """Use up a window of one second, wait for its end, and use the next one."""
    limit = Limit(3, 1)
    hits = [await limiter.hit(name, limit) for _ in range(5)]
    assert [hit.allowed for hit in hits] == [True, True, True, False, False]
    assert [hit.state.remaining for hit in hits] == [2, 1, 0, 0, 0]
    assert all(hit.state.limit == 3 and 0 < hit.state.reset_after_s <= 1 for hit in hits)
    assert (await limiter.hit(next(names), limit)).allowed, "each name is counted separately"
    await its_end()
    again = await limiter.hit(name, limit)
    assert (again.allowed, again.state.remaining) == (True, 2)
    await limiter.close()


def test_a_window_allows_its_limit_and_opens_again() -> None:
    now = 0.0

    async def second() -> None:
        nonlocal now
        now += 1.0

    asyncio.run(check_a_window(ProcessLimiter(lambda: now), next(names), second))


def test_a_window_in_redis_allows_its_limit_and_opens_again(redis_server: RedisServer) -> None:
    async def scene() -> None:
        name = next(names)
        async with Redis.from_url(redis_server.url, decode_responses=True) as client, client.pubsub() as expiries:

            async def expiry() -> None:
                while (await anext(expired))["data"] != f"discord_achievements:limit:{name}":
                    pass

            await client.config_set("notify-keyspace-events", "Ex")
            await expiries.subscribe("__keyevent@0__:expired")
            expired = expiries.listen()
            limiter = RedisLimiter(Redis.from_url(redis_server.url), time.monotonic)
            await check_a_window(limiter, name, lambda: asyncio.wait_for(expiry(), 20))

    asyncio.run(scene())


def test_ended_windows_are_forgotten_a_few_at_a_time() -> None:
    looks = 0

    class CountedWindow(Window):
        def is_over(self, now: float) -> bool:
            nonlocal looks
            looks += 1
            return super().is_over(now)

    async def scene() -> None:
        nonlocal looks
        now = 0.0
        limiter, limit = ProcessLimiter(lambda: now, new_window=CountedWindow), Limit(1, 50)
        most = 0
        for player in range(5000):
            now += 0.1  # so that 500 windows are open
            looks = 0
            assert (await limiter.hit(str(player), limit)).allowed
            assert not (await limiter.hit(str(max(0, player - 490)), limit)).allowed, "an open window is kept"
            most = max(most, looks)
        assert most <= 4, "no request looks at all windows"
        assert len(limiter._windows) <= 1100

    asyncio.run(scene())


def test_redis_counts_for_all_processes_together(redis_server: RedisServer) -> None:
    async def scene() -> None:
        limiters = [RedisLimiter(Redis.from_url(redis_server.url), time.monotonic) for _ in range(2)]
        limit, name = Limit(5, 30), next(names)
        hits = await asyncio.gather(*(limiters[number % 2].hit(name, limit) for number in range(12)))
        assert sum(hit.allowed for hit in hits) == 5
        for limiter in limiters:
            await limiter.close()

    asyncio.run(scene())


def test_hundreds_at_once_are_counted_together(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        limiter = RedisLimiter(Redis.from_url(redis_server.url), time.monotonic)
        limit, name = Limit(5, 30), next(names)
        hits = await asyncio.gather(*(limiter.hit(name, limit) for _ in range(400)))
        assert sum(hit.allowed for hit in hits) == 5
        await limiter.close()

    asyncio.run(scene())
    assert caplog.text == "", "Redis is not reported as unavailable"


def test_without_redis_each_process_counts_for_itself(redis_server: RedisServer) -> None:
    async def scene() -> None:
        now = 0.0
        limiter, limit, name = RedisLimiter(Redis.from_url(redis_server.url), lambda: now), Limit(2, 30), next(names)
        assert (await limiter.hit(name, limit)).allowed
        await asyncio.to_thread(redis_server.stop)
        try:
            hits = [await limiter.hit(name, limit) for _ in range(3)]
        finally:
            await asyncio.to_thread(redis_server.start)
        assert [hit.allowed for hit in hits] == [True, True, False]
        fresh, now = next(names), 1.0  # a second later Redis is tried again
        other = RedisLimiter(Redis.from_url(redis_server.url), time.monotonic)
        both = [await counter.hit(fresh, Limit(10, 30)) for counter in (limiter, other)]
        assert [hit.state.remaining for hit in both] == [9, 8], "both count in Redis again"
        await limiter.close()
        await other.close()

    asyncio.run(scene())
