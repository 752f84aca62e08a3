"""What a client that was away is told when it comes back: all that it missed, or that it has to fetch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from discord_achievements.domain.models import Achievement
from discord_achievements.server.stores.base import Key, Raise, Reset, Store
from discord_achievements.server.web.app import open_store
from tests.support.running import (
    APP,
    OTHER_PLAYER,
    PLAYER,
    SECRET,
    SECURE,
    WIN,
    Client,
    Tokens,
    add_achievement,
    mine_path,
    prepare,
    progress_path,
    running,
)

MANY = range(10_000, 10_150)
MINUTE_US = 60_000_000


class World(NamedTuple):
    """A service whose records the tests write behind its back, so that they choose the time of each change."""

    host: str
    tokens: Tokens
    store: Store

    def change(self, at_us: int, *changes: tuple[int, int | None], user_id: int = PLAYER) -> None:
        for achievement_id, percent in changes:
            key = Key(APP, user_id, achievement_id)
            self.store.write([Reset(key) if percent is None else Raise(key, percent, 0)], at_us)

    def told(self, since_us: int, number: int = 1, token: str = "") -> list[dict[str, str]]:
        with (
            Client(self.host, f"Bearer {token or self.tokens.player}") as client,
            closing(client.events(mine_path(tail="/events"), str(since_us))) as stream,
        ):
            stream.next()  # retry
            events = [stream.next() for _ in range(number)]
            return [event.fields for event in events if event]


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if request.param == "postgresql":
        database = str(request.getfixturevalue("postgres").new_database())
    else:
        database = f"sqlite:///{tmp_path_factory.mktemp('resume').as_posix()}/service.sqlite3"
    tokens = prepare(database)
    with closing(open_store(database)) as store, running(database) as service:
        yield World(service.host, tokens, store)
        assert service.log == []


def now_us() -> int:
    return time.time_ns() // 1000


def test_a_stream_resumes_where_it_was(world: World) -> None:
    with (
        Client(world.host, f"Bearer {world.tokens.player}") as player,
        Client(world.host, f"Bot {world.tokens.bot}") as bot,
    ):
        player.put(progress_path(WIN), {"percent_complete": 10})
        with closing(player.events(mine_path(tail="/events"), str(now_us() - 10 * MINUTE_US))) as stream:
            stream.next()
            seen = stream.next()
            assert seen is not None
        bot.put(progress_path(SECURE, PLAYER), {"percent_complete": 20})
        bot.put(progress_path(SECRET, PLAYER), {"percent_complete": 20})
        player.put(progress_path(WIN), {"percent_complete": 30})
        with closing(player.events(mine_path(tail="/events"), seen.fields["id"])) as stream:
            stream.next()
            missed = [stream.next() for _ in range(2)]
            assert [json.loads(event.fields["data"])["percent_complete"] for event in missed if event] == [20, 30]
            player.put(progress_path(WIN), {"percent_complete": 40})
            live = stream.next()
            assert live is not None
            assert json.loads(live.fields["data"])["percent_complete"] == 40


def test_what_another_hosts_slower_clock_dated_earlier_is_told(world: World) -> None:
    since_us = now_us() - 10 * MINUTE_US
    world.change(since_us - MINUTE_US // 2, (WIN, 20))
    world.change(since_us - 2 * MINUTE_US, (SECURE, 30), user_id=OTHER_PLAYER)
    (event,) = world.told(since_us)
    assert json.loads(event["data"])["percent_complete"] == 20
    world.change(now_us(), (WIN, 40), user_id=OTHER_PLAYER)
    (event,) = world.told(since_us, token=world.tokens.other_player)
    assert json.loads(event["data"])["percent_complete"] == 40, "what is older than clocks may differ is not told again"


def test_who_missed_very_much_fetches_instead(world: World) -> None:
    since_us = now_us() - 10 * MINUTE_US
    for achievement_id in MANY:
        add_achievement(world.store, Achievement(APP, achievement_id, "N", "D"))
    world.store.write([Raise(Key(APP, PLAYER, achievement_id), 10, 0) for achievement_id in MANY], since_us + 1)
    (event,) = world.told(since_us)
    assert event["event"] == "RESYNC"
    assert abs(int(event["id"]) - now_us()) < MINUTE_US / 3, "with this id the client resumes without another one"


def test_an_unlocked_secret_that_was_reset_meanwhile_is_a_resync(world: World) -> None:
    since_us = now_us() - 10 * MINUTE_US
    world.change(since_us - 2 * MINUTE_US, (SECRET, 100))
    world.change(since_us + 1, (WIN, 50), (SECRET, None))
    (event,) = world.told(since_us)
    assert event["event"] == "RESYNC"


def test_a_secret_that_stays_locked_is_no_resync(world: World) -> None:
    since_us = now_us() - 10 * MINUTE_US
    world.change(since_us + 1, (SECRET, 50))
    world.change(since_us + 2, (WIN, 50))
    (event,) = world.told(since_us)
    assert json.loads(event["data"])["achievement_id"] == str(WIN)
