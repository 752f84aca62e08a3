"""One contract for the brokers: in the process, by PostgreSQL's NOTIFY, by Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing

import psycopg
import pytest
from redis.asyncio import Redis

from discord_achievements.server.broker import Broker, Notice, Player, ProcessBroker
from discord_achievements.server.postgres.broker import NotifyBroker, payloads
from discord_achievements.server.redis.broker import RedisBroker
from tests.support.databases import Line, Postgres, RedisServer, by_line

ME, YOU = Player(1, 10), Player(1, 11)
MakeBroker = Callable[[], Broker]


class Process:
    """A broker and what it has delivered."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.received: list[Notice] = []
        self.gaps = 0
        self._changed = asyncio.Event()

    async def start(self) -> None:
        await self.broker.start(self._deliver, self._on_gap)

    def _deliver(self, notices: Sequence[Notice]) -> None:
        self.received += notices
        self._changed.set()

    def _on_gap(self) -> None:
        self.gaps += 1
        self._changed.set()

    async def until(self, condition: Callable[[Process], object]) -> None:
        """Wait until what has been delivered fulfils `condition`."""
        async with asyncio.timeout(20):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def processes(make: MakeBroker, count: int) -> AsyncIterator[list[Process]]:
    """Start brokers, wait until they are connected, and close them afterwards."""
    started = [Process(make()) for _ in range(count)]
    try:
        for process in started:
            await process.start()
            if not isinstance(process.broker, ProcessBroker):
                await process.until(lambda process: process.gaps == 1)
        yield started
    finally:
        for process in started:
            await process.broker.close()


@pytest.fixture
def make(request: pytest.FixtureRequest) -> MakeBroker:
    """Make brokers of the kind in the test's parameter, on one server."""
    if request.param == "notify":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.new_database()
        return lambda: NotifyBroker(url)
    if request.param == "redis":
        redis: RedisServer = request.getfixturevalue("redis_server")
        return lambda: RedisBroker(Redis.from_url(redis.url))
    return ProcessBroker


SHARED = ["notify", "redis"]
every_broker = pytest.mark.parametrize("make", ["process", *SHARED], indirect=True)
every_shared_broker = pytest.mark.parametrize("make", SHARED, indirect=True)


@every_broker
def test_a_process_receives_its_own_events_at_once_and_only_once(make: MakeBroker) -> None:
    async def scene() -> None:
        async with processes(make, 1) as (here,):
            await here.broker.subscribe(ME)
            here.broker.publish([Notice(ME, b"one"), Notice(YOU, b"two")])
            assert here.received == [Notice(ME, b"one"), Notice(YOU, b"two")]
            here.broker.publish([Notice(ME, b"three")])
        assert len(here.received) == 3, "not a second time by the database"

    asyncio.run(scene())


@every_shared_broker
def test_other_processes_receive_events_in_order(make: MakeBroker) -> None:
    async def scene() -> None:
        async with processes(make, 2) as (here, there):
            await there.broker.subscribe(ME)
            sent = [Notice(ME, b"event %d \xc3\xa4 %s" % (number, b"x" * 300)) for number in range(200)]
            for notice in sent[:100]:
                here.broker.publish([notice])
            here.broker.publish(sent[100:])
            await there.until(lambda there: len(there.received) >= 200)
            assert there.received == sent
            await there.broker.unsubscribe(ME)

    asyncio.run(scene())


@every_broker
def test_subscribing_twice_is_harmless(make: MakeBroker) -> None:
    async def scene() -> None:
        async with processes(make, 1) as (here,):
            await here.broker.subscribe(ME)
            await here.broker.unsubscribe(ME)
            await here.broker.subscribe(ME)

    asyncio.run(scene())


def test_redis_sends_a_process_only_the_events_of_its_players(redis_server: RedisServer) -> None:
    async def scene() -> None:
        async with processes(lambda: RedisBroker(Redis.from_url(redis_server.url)), 2) as (here, there):
            await there.broker.subscribe(ME)
            here.broker.publish([Notice(YOU, b"not for there"), Notice(ME, b"for there")])
            await there.until(lambda there: there.received)
            assert there.received == [Notice(ME, b"for there")]

    asyncio.run(scene())


def test_an_outage_of_redis_is_a_gap_after_which_events_arrive(redis_server: RedisServer) -> None:
    async def scene() -> None:
        async with processes(lambda: RedisBroker(Redis.from_url(redis_server.url)), 2) as (here, there):
            await there.broker.subscribe(ME)
            await asyncio.to_thread(redis_server.stop)
            here.broker.publish([Notice(ME, b"lost for there")])
            assert here.received == [Notice(ME, b"lost for there")]
            await there.broker.subscribe(YOU)
            await asyncio.to_thread(redis_server.start)
            for process in (here, there):
                await process.until(lambda process: process.gaps == 2)
            here.broker.publish([Notice(ME, b"again"), Notice(YOU, b"you too")])
            await there.until(lambda there: len(there.received) == 2)
            assert there.received == [Notice(ME, b"again"), Notice(YOU, b"you too")]

    asyncio.run(scene())


def test_an_outage_of_postgres_is_a_gap_after_which_events_arrive(postgres: Postgres) -> None:
    url = postgres.new_database()

    async def scene() -> None:
        async with processes(lambda: NotifyBroker(url), 2) as (here, there):
            here.broker.publish([Notice(ME, b"one")])
            await there.until(lambda there: there.received)
            await asyncio.to_thread(postgres.restart)
            for process in (here, there):
                await process.until(lambda process: process.gaps >= 2)
            here.broker.publish([Notice(ME, b"again")])
            await there.until(lambda there: there.received[-1].event == b"again")

    asyncio.run(scene())


def test_a_closed_connection_for_notify_loses_nothing(postgres: Postgres) -> None:
    url = postgres.new_database()

    async def scene() -> None:
        async with processes(lambda: NotifyBroker(url), 2) as (here, there):
            here.broker.publish([Notice(ME, b"one")])
            await there.until(lambda there: there.received)
            with psycopg.connect(url, autocommit=True) as connection:
                killed = connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND query LIKE 'SELECT pg_notify%'"
                ).fetchall()
            assert killed == [(True,)]
            here.broker.publish([Notice(ME, b"two")])
            await there.until(lambda there: Notice(ME, b"two") in there.received)
            assert there.gaps == 1

    asyncio.run(scene())


def test_a_connection_for_listen_that_falls_silent_is_a_gap(postgres: Postgres) -> None:
    url = postgres.new_database()

    async def scene(line: Line) -> None:
        async with processes(lambda: NotifyBroker(by_line(url, line), quiet_s=0.5), 1) as (silent,):
            line.fall_silent()
            line.heal()
            await silent.until(lambda silent: silent.gaps == 2)
            async with processes(lambda: NotifyBroker(url), 1) as (other,):
                other.broker.publish([Notice(ME, b"again")])
                await silent.until(lambda silent: silent.received)

    with closing(postgres.line()) as line:
        asyncio.run(scene(line))


def test_a_connection_for_notify_that_falls_silent_is_replaced(postgres: Postgres) -> None:
    url = postgres.new_database()

    async def scene(line: Line) -> None:
        async with (
            processes(lambda: NotifyBroker(url), 1) as (there,),
            processes(lambda: NotifyBroker(by_line(url, line), answer_within_s=0.5), 1) as (here,),
        ):
            here.broker.publish([Notice(ME, b"one")])
            await there.until(lambda there: there.received)
            line.fall_silent()
            line.heal()
            here.broker.publish([Notice(ME, b"two")])
            # The first event is sent again if only the answer to its NOTIFY was lost.
            await there.until(lambda there: Notice(ME, b"two") in there.received)

    with closing(postgres.line()) as line:
        asyncio.run(scene(line))


def test_a_database_that_is_silent_does_not_keep_the_broker_from_closing(postgres: Postgres) -> None:
    async def scene(line: Line) -> None:
        async with processes(lambda: NotifyBroker(by_line(url, line)), 1) as (here,):
            here.broker.publish([Notice(ME, b"one")])
            line.fall_silent()
            here.broker.publish([Notice(ME, b"two")])
            began = time.monotonic()
        assert time.monotonic() - began < 4.5, "less than the wait for an answer"

    url = postgres.new_database()
    with closing(postgres.line()) as line:
        asyncio.run(scene(line))


def test_redis_that_falls_silent_is_a_gap(redis_server: RedisServer) -> None:
    async def scene(line: Line) -> None:
        def by_way() -> RedisBroker:
            return RedisBroker(Redis.from_url(by_line(redis_server.url, line), socket_timeout=0.5), quiet_s=0.3)

        async with processes(by_way, 1) as (silent,):
            await silent.broker.subscribe(ME)
            async with Redis.from_url(redis_server.url) as client, client.monitor() as monitor:
                for _ in range(4):
                    while (await monitor.next_command())["command"] != "PING":
                        pass
            assert silent.gaps == 1, "quiet is not silent"
            line.fall_silent()
            line.heal()
            await silent.until(lambda silent: silent.gaps == 2)
            async with processes(lambda: RedisBroker(Redis.from_url(redis_server.url)), 1) as (other,):
                other.broker.publish([Notice(ME, b"again")])
                await silent.until(lambda silent: silent.received)

    with closing(Line(redis_server.port)) as line:
        asyncio.run(asyncio.wait_for(scene(line), 60))


def test_streams_of_one_player_that_open_together_do_not_delay_each_other(redis_server: RedisServer) -> None:
    async def scene() -> None:
        async with processes(lambda: RedisBroker(Redis.from_url(redis_server.url)), 1) as (here,):
            async with asyncio.timeout(0.9):  # less than the wait for a confirmation that does not come
                await asyncio.gather(*(here.broker.subscribe(ME) for _ in range(4)))

    asyncio.run(scene())


def test_a_connection_that_redis_closes_is_a_gap(redis_server: RedisServer) -> None:
    async def scene() -> None:
        async with (
            processes(lambda: RedisBroker(Redis.from_url(redis_server.url)), 1) as (here,),
            Redis.from_url(redis_server.url) as client,
        ):
            await client.client_kill_filter(_type="pubsub")
            await here.until(lambda here: here.gaps == 2)

    asyncio.run(scene())


def test_notifications_fit_into_postgres() -> None:
    notices = [Notice(ME, ("ä" * length).encode()) for length in (1, 500, 1000, 10, 1200, 3)]
    texts = list(payloads("origin", notices))
    assert len(texts) > 1
    assert all(len(text.encode()) < 8000 for text in texts)


@every_broker
def test_subscribed_players_may_be_reached(make: MakeBroker) -> None:
    async def scene() -> None:
        async with processes(make, 1) as (here,):
            others_may_listen = not isinstance(here.broker, ProcessBroker)
            assert here.broker.may_reach(ME) is others_may_listen
            await here.broker.subscribe(ME)
            assert here.broker.may_reach(ME)
            assert here.broker.may_reach(YOU) is others_may_listen
            await here.broker.unsubscribe(ME)
            assert here.broker.may_reach(ME) is others_may_listen

    asyncio.run(scene())
