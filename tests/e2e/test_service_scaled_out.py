"""Several processes on one PostgreSQL, with Redis and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from tests.e2e.doomed_service import FATAL_PERCENT
from tests.support.databases import Postgres, RedisServer
from tests.support.playing import GameProcess
from tests.support.running import (
    PLAYER,
    SECURE,
    WIN,
    Client,
    EventStream,
    ForkedService,
    RunningService,
    Tokens,
    definitions_path,
    mine_path,
    prepare,
    progress_path,
    running,
)
from tests.support.waiting import until

pytestmark = pytest.mark.any_python


class Pair(NamedTuple):
    """Two processes of one service."""

    one: RunningService
    two: RunningService
    tokens: Tokens


@pytest.fixture(scope="module", params=["notify", "redis"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "notify":
        return {}
    redis: RedisServer = request.getfixturevalue("redis_server")
    return {"redis": redis.url}


@contextmanager
def two_processes(settings: dict[str, str], postgres: Postgres) -> Iterator[Pair]:
    database = postgres.new_database()
    tokens = prepare(database)
    with ExitStack() as stack:
        services = []
        for _ in range(2):
            service = ForkedService(database, port=0, **settings)
            stack.callback(service.stop)
            services.append(service)
        yield Pair(services[0], services[1], tokens)


@pytest.fixture(scope="module")
def pair(settings: dict[str, str], postgres: Postgres) -> Iterator[Pair]:
    with two_processes(settings, postgres) as pair:
        yield pair


@pytest.fixture
def mortal_pair(settings: dict[str, str], postgres: Postgres) -> Iterator[Pair]:
    """Two processes of which a test may kill one."""
    with two_processes(settings, postgres) as pair:
        yield pair


def next_event(stream: EventStream, kind: str) -> dict[str, str]:
    """Return the fields of the next event of `kind`."""
    while True:
        event = stream.next()
        assert event is not None, "the stream has ended"
        if event.fields.get("event") == kind:
            return event.fields


def next_of(stream: EventStream, kind: str) -> dict[str, object]:
    """Return the data of the next event of `kind`."""
    return dict(json.loads(next_event(stream, kind)["data"]))


def test_an_event_of_one_process_is_on_the_streams_of_the_other(pair: Pair) -> None:
    with (
        Client(pair.two.host, f"Bearer {pair.tokens.player}") as there,
        closing(there.events(mine_path(tail="/events"))) as stream,
        Client(pair.one.host, f"Bot {pair.tokens.bot}") as bot,
    ):
        assert stream.next() is not None
        for percent in (10, 20, 30):
            bot.put(progress_path(WIN, PLAYER), {"percent_complete": percent})
            assert next_of(stream, "USER_ACHIEVEMENT_UPDATE")["percent_complete"] == percent


def test_what_one_process_changes_the_other_knows(pair: Pair) -> None:
    with Client(pair.one.host, f"Bot {pair.tokens.bot}") as one, Client(pair.two.host, f"Bot {pair.tokens.bot}") as two:
        assert two.get(definitions_path(WIN)).json()["name"] == "Win the Game"
        one.call("PATCH", definitions_path(WIN), {"name": "Changed"})
        until(lambda: two.get(definitions_path(WIN)).json()["name"] == "Changed", "the other process hears of it")


def test_the_death_of_one_process_costs_its_clients_a_reconnect(mortal_pair: Pair) -> None:
    pair = mortal_pair
    with (
        Client(pair.one.host, f"Bearer {pair.tokens.player}") as player,
        Client(pair.two.host, f"Bearer {pair.tokens.player}") as elsewhere,
        Client(pair.two.host, f"Bot {pair.tokens.bot}") as bot,
    ):
        stream = player.events(mine_path(tail="/events"))
        stream.next()
        player.put(progress_path(WIN), {"percent_complete": 10})
        seen = stream.next()
        while seen is not None and seen.fields.get("event") != "USER_ACHIEVEMENT_UPDATE":
            seen = stream.next()
        assert seen is not None
        pair.one.kill()
        stream.close()
        bot.put(progress_path(WIN, PLAYER), {"percent_complete": 40})
        with closing(elsewhere.events(mine_path(tail="/events"), seen.fields["id"])) as resumed:
            percents: list[object] = []
            while percents[-1:] != [40]:
                percents.append(next_of(resumed, "USER_ACHIEVEMENT_UPDATE")["percent_complete"])
        assert elsewhere.get(mine_path()).status_code == 200


@pytest.fixture
def doomed(postgres: Postgres) -> Iterator[tuple[RunningService, Tokens]]:
    """A process that dies after committing 66 % and before sending its event."""
    database = postgres.new_database()
    tokens = prepare(database)
    service = RunningService(database, module="tests.e2e.doomed_service")
    yield service, tokens
    service.stop()


def test_an_event_that_died_with_its_process_reaches_a_client_that_reconnects(
    doomed: tuple[RunningService, Tokens],
) -> None:
    service, tokens = doomed
    with (
        running(service.database, forked=True) as other,
        Client(service.host, f"Bearer {tokens.player}") as player,
        Client(other.host, f"Bearer {tokens.player}") as elsewhere,
        Client(other.host, f"Bot {tokens.bot}") as bot,
    ):
        with closing(elsewhere.events(mine_path(tail="/events"))) as stream:
            bot.put(progress_path(SECURE, PLAYER), {"percent_complete": 10})
            seen = next_event(stream, "USER_ACHIEVEMENT_UPDATE")
            with pytest.raises(requests.ConnectionError):
                player.put(progress_path(WIN), {"percent_complete": FATAL_PERCENT})
            bot.put(progress_path(SECURE, PLAYER), {"percent_complete": 20})
            later = next_event(stream, "USER_ACHIEVEMENT_UPDATE")
            assert json.loads(later["data"])["achievement_id"] == str(SECURE), "no event of the other was sent"
        with closing(elsewhere.events(mine_path(tail="/events"), seen["id"])) as resumed:
            percents: set[object] = set()
            while not percents >= {FATAL_PERCENT, 20}:
                percents.add(next_of(resumed, "USER_ACHIEVEMENT_UPDATE")["percent_complete"])


def test_an_event_that_died_with_its_process_does_not_go_unnoticed(
    doomed: tuple[RunningService, Tokens], tmp_path: Path
) -> None:
    """Clients whose stream is on another process receive it too."""
    service, tokens = doomed
    with ExitStack() as stack:
        other = stack.enter_context(running(service.database, forked=True, stream_resync_s="1"))
        games = []
        for name, url in (("one", service.url), ("two", other.url)):
            games.append(GameProcess(url, tokens.player, tmp_path / name))
            stack.callback(games[-1].close)
        one, two = games
        for game in games:
            game.fetched()
        until(lambda: (service.open_streams, other.open_streams) == (1, 1), "each has its stream")
        one.do("set", WIN, FATAL_PERCENT)
        assert two.next_report("event")[:2] == [WIN, FATAL_PERCENT]
        assert other.open_streams == 1
        assert one.next_report("result") == "SERVICE_UNAVAILABLE"
        stack.enter_context(running(service.database, port=service.port, forked=True))
        assert [one.next_report("online"), one.next_report("online")] == [False, True], (
            "what was not answered is sent again"
        )


def test_limits_hold_across_processes(postgres: Postgres, redis_server: RedisServer) -> None:
    database = postgres.new_database()
    tokens = prepare(database)
    settings = {"redis": redis_server.url, "rate_limits": "get_achievements=5/60"}
    with ExitStack() as stack:
        clients = []
        for _ in range(2):
            service = ForkedService(database, port=0, **settings)
            stack.callback(service.stop)
            clients.append(stack.enter_context(Client(service.host, f"Bot {tokens.bot}")))
        answers = [clients[number % 2].get(definitions_path()) for number in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers[:5]] == ["4", "3", "2", "1", "0"]

        # Without Redis, every request is still answered, and each process counts for itself.
        redis_server.stop()
        try:
            alone = [client.get(definitions_path()).status_code for client in clients for _ in range(6)]
            assert alone == ([200] * 5 + [429]) * 2
            with Client(clients[0]._host, f"Bearer {tokens.player}") as player:
                assert player.put(progress_path(WIN), {"percent_complete": 5}).status_code == 200
                with closing(player.events(mine_path(tail="/events"))) as stream:
                    assert stream.next() is not None
                    player.put(progress_path(WIN), {"percent_complete": 6})
                    assert next_of(stream, "USER_ACHIEVEMENT_UPDATE")["percent_complete"] == 6
        finally:
            redis_server.start()


def test_workers_share_a_port(postgres: Postgres) -> None:
    database = postgres.new_database()
    tokens = prepare(database)
    service = RunningService(database, workers="2")
    try:
        with ExitStack() as stack:
            # Which worker gets which stream is random; all updates must reach all streams.
            players = [stack.enter_context(Client(service.host, f"Bearer {tokens.player}")) for _ in range(5)]
            streams = [stack.enter_context(closing(player.events(mine_path(tail="/events")))) for player in players]
            for stream in streams:
                assert stream.next() is not None
            bots = [stack.enter_context(Client(service.host, f"Bot {tokens.bot}")) for _ in range(4)]
            for percent, bot in enumerate(bots, 1):
                bot.put(progress_path(WIN, PLAYER), {"percent_complete": percent}).raise_for_status()
                for stream in streams:
                    assert next_of(stream, "USER_ACHIEVEMENT_UPDATE")["percent_complete"] == percent
            assert "discord_achievements_requests_total" in bots[0].site("/metrics").text
    finally:
        assert service.stop() == 0
