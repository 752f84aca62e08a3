"""The real manager, in its own process, against the real service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.playing import GameProcess
from tests.support.running import (
    PLAYER,
    SECRET,
    SECURE,
    WIN,
    Client,
    RunningService,
    Tokens,
    mine_path,
    prepare,
    progress_path,
    running,
)


class ServiceAndDevices(NamedTuple):
    service: RunningService
    tokens: Tokens
    bot: Client
    device: Callable[[str], GameProcess]


@pytest.fixture
def world(make_database: Callable[[], str], tmp_path: Path) -> Iterator[ServiceAndDevices]:
    database = make_database()
    tokens = prepare(database)
    with ExitStack() as stack:
        service = stack.enter_context(running(database, forked=True))
        bot = stack.enter_context(Client(service.host, f"Bot {tokens.bot}"))

        def device(name: str) -> GameProcess:
            game = GameProcess(service.url, tokens.player, tmp_path / name)
            stack.callback(game.close)
            return game

        yield ServiceAndDevices(service, tokens, bot, device)
    assert service.log == []


def test_a_players_day(world: ServiceAndDevices) -> None:
    """Progress, an unlock, a secret, and one that the game's server grants, on two devices of one player."""
    one, two = world.device("one"), world.device("two")
    assert list(one.fetched()) == [WIN, SECURE]
    assert list(two.fetched()) == [WIN, SECURE]

    one.do("set", WIN, 25)
    assert one.next_report("event")[:2] == [WIN, 25]
    assert one.next_report("result") == "OK"
    assert two.next_report("event") == [WIN, 25, "", True], "the other device receives it"

    two.do("set", WIN, 100)
    assert two.next_report("result") == "OK"
    unlocked = one.next_report("event")
    assert unlocked[:2] == [WIN, 100]
    assert unlocked[2] == one.fetched()[WIN][2] != ""
    times = [datetime.fromisoformat(at) for at in (unlocked[2], two.fetched()[WIN][2])]
    assert abs(times[0] - times[1]) < timedelta(seconds=5), "the device that unlocked it may keep its own time"

    one.do("set", SECURE, 100)
    assert one.next_report("result") == "UNAUTHORIZED_FOR_ACHIEVEMENT"
    assert world.bot.put(progress_path(SECURE, PLAYER), {"percent_complete": 100}).status_code == 200
    assert one.next_report("event")[:2] == [SECURE, 100]
    assert two.next_report("event")[:2] == [SECURE, 100]

    one.do("set", SECRET, 50)
    assert one.next_report("result") == "OK"
    assert SECRET not in one.fetched()
    one.do("set", SECRET, 100)
    assert one.next_report("event")[:2] == [SECRET, 100]
    assert one.next_report("result") == "OK"
    assert SECRET in one.fetched()
    assert SECRET in two.fetched()
    one.do("name", SECRET)
    assert one.next_report("name") == "Find the Sekret"


def test_what_was_done_while_the_service_was_down_is_delivered(world: ServiceAndDevices) -> None:
    game = world.device("one")
    game.fetched()
    port, database = world.service.port, world.service.database
    world.service.kill()
    game.do("set", WIN, 60)
    assert game.next_report("event")[:2] == [WIN, 60]
    assert game.next_report("result") == "SERVICE_UNAVAILABLE"
    with (
        running(database, port=port, forked=True) as again,
        Client(again.host, f"Bearer {world.tokens.player}") as player,
    ):
        assert [game.next_report("online"), game.next_report("online")] == [False, True]
        (record,) = player.get(mine_path(tail="?started=true")).json()
        assert record["percent_complete"] == 60
