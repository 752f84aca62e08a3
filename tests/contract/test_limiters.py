"""One contract for the limiters: in the process and in Redis."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from discord_achievements.domain.ratelimit import Window
from discord_achievements.domain.routes import Limit
from discord_achievements.server.limiter import Limiter, ProcessLimiter
from discord_achievements.server.redis.limiter import RedisLimiter
from tests.support.databases import RedisServer

names = (f"test:{number}" for number in itertools.count())


@pytest.fixture(params=["process", "redis"])
def make(request: pytest.FixtureRequest) -> Callable[[], Limiter]:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return lambda: RedisLimiter(Redis.from_url(server.url), time.monotonic)
    return lambda: ProcessLimiter(time.monotonic)


def test_a_window_allows_its_limit_and_opens_again(make: Callable[[], Limiter]) -> None:
    async def scene() -> None:
        limiter, limit, name = make(), Limit(3, 1), next(names)
        hits = [await limiter.hit(name, limit) for _ in range(5)]
        assert [hit.allowed for hit in hits] == [True, True, True, False, False]
        assert [hit.state.remaining for hit in hits] == [2, 1, 0, 0, 0]
        assert all(hit.state.limit == 3 and 0 < hit.state.reset_after_s <= 1 for hit in hits)
        assert (await limiter.hit(next(names), limit)).allowed, "each name is counted separately"
        deadline = time.monotonic() + 20
        while not (again := await limiter.hit(name, limit)).allowed:
            assert time.monotonic() < deadline, "the window has not opened again"
            await asyncio.sleep(0.01)
        assert again.state.remaining == 2
        await limiter.close()

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
        limiter, limit, name = RedisLimiter(Redis.from_url(redis_server.url), time.monotonic), Limit(2, 30), next(names)
        assert (await limiter.hit(name, limit)).allowed
        await asyncio.to_thread(redis_server.stop)
        try:
            hits = [await limiter.hit(name, limit) for _ in range(3)]
        finally:
            await asyncio.to_thread(redis_server.start)
        assert [hit.allowed for hit in hits] == [True, True, False]
        deadline = time.monotonic() + 20
        fresh = next(names)
        other = RedisLimiter(Redis.from_url(redis_server.url), time.monotonic)
        while (await limiter.hit(fresh, Limit(1000, 30))).state.remaining:  # until both count in Redis again
            if (await other.hit(fresh, Limit(1000, 30))).state.remaining < 997:
                break
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        await limiter.close()
        await other.close()

    asyncio.run(scene())
