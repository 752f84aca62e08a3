"""The real manager, in a process of its own, against the real service."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.running import (
    APP,
    PLAYER,
    ROOT,
    SECRET,
    SECURE,
    WIN,
    Client,
    RunningService,
    Tokens,
    environment,
    mine_path,
    prepare,
    progress_path,
    running,
)

# A game's loop that does what it reads and prints what it sees, as lines of JSON.
GAME = """
import json, queue, sys, threading
from discord_achievements import AchievementManager, ResultError

commands = queue.Queue()
threading.Thread(target=lambda: [commands.put(json.loads(line)) for line in sys.stdin], daemon=True).start()

def say(**what):
    print(json.dumps(what), flush=True)

def show(one):
    return [one.achievement_id, one.percent_complete, one.unlocked_at, one.synced]

application_id, base_url, token, folder = sys.argv[1:]
with AchievementManager(int(application_id), base_url=base_url, token=token, data_dir=folder) as manager:
    manager.on_user_achievement_update = lambda one: say(event=show(one))
    manager.on_connection_change.connect(lambda online: say(online=online))
    done = False
    while not done:
        manager.run_callbacks()
        try:
            name, *arguments = commands.get(timeout=0.005)
        except queue.Empty:
            continue
        if name == "set":
            manager.set_user_achievement(*arguments, lambda result, a=arguments: say(result=result.name, of=a))
        elif name == "fetch":
            manager.fetch_user_achievements(lambda result: say(fetched=result.name))
        elif name == "list":
            count = manager.count_user_achievements()
            say(list=[show(manager.get_user_achievement_at(index)) for index in range(count)])
        elif name == "name":
            say(name=manager.get_achievement(*arguments).name)
        elif name == "pending":
            say(pending=manager.pending_count)
        else:
            done = True
"""


class Game:
    """A game on one device of a player."""

    def __init__(self, service: RunningService, token: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", GAME, str(APP), service.url, token, str(folder)],
            env=environment(), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, *words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def hears(self, name: str) -> Any:
        """Return the next thing of that name that the game says."""
        while True:
            said = self._said.get(timeout=30)
            if name in said:
                return said[name]

    def fetched(self) -> dict[int, list[Any]]:
        """Fetch, and return the list by id."""
        self.do("fetch")
        assert self.hears("fetched") == "OK"
        self.do("list")
        return {entry[0]: entry for entry in self.hears("list")}

    def close(self) -> None:
        self.do("quit")
        assert self._process.wait(30) == 0
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))


class World(NamedTuple):
    service: RunningService
    tokens: Tokens
    bot: Client
    device: Callable[[str], Game]


@pytest.fixture
def world(make_database: Callable[[], str], tmp_path: Path) -> Iterator[World]:
    database = make_database()
    tokens = prepare(database)
    with ExitStack() as stack:
        service = stack.enter_context(running(database))
        bot = stack.enter_context(Client(service.host, f"Bot {tokens.bot}"))

        def device(name: str) -> Game:
            game = Game(service, tokens.player, tmp_path / name)
            stack.callback(game.close)
            return game

        yield World(service, tokens, bot, device)
    assert service.log == []


def test_a_players_day(world: World) -> None:
    """Progress, unlock, a secret, a secure one that the game's server grants; on two devices of one player."""
    one, two = world.device("one"), world.device("two")
    assert list(one.fetched()) == [WIN, SECURE]
    assert list(two.fetched()) == [WIN, SECURE]

    one.do("set", WIN, 25)
    assert one.hears("event")[:2] == [WIN, 25]
    assert one.hears("result") == "OK"
    assert two.hears("event") == [WIN, 25, "", True], "the other device hears of it"

    two.do("set", WIN, 100)
    assert two.hears("result") == "OK"
    unlocked = one.hears("event")
    assert unlocked[:2] == [WIN, 100]
    assert unlocked[2] == one.fetched()[WIN][2] != ""
    times = [datetime.fromisoformat(at) for at in (unlocked[2], two.fetched()[WIN][2])]
    assert abs(times[0] - times[1]) < timedelta(seconds=5), "the device that unlocked it may keep its own moment"

    one.do("set", SECURE, 100)
    assert one.hears("result") == "UNAUTHORIZED_FOR_ACHIEVEMENT"
    assert world.bot.put(progress_path(SECURE, PLAYER), {"percent_complete": 100}).status_code == 200
    assert one.hears("event")[:2] == [SECURE, 100]
    assert two.hears("event")[:2] == [SECURE, 100]

    one.do("set", SECRET, 50)
    assert one.hears("result") == "OK"
    assert SECRET not in one.fetched()
    one.do("set", SECRET, 100)
    assert one.hears("event")[:2] == [SECRET, 100]
    assert one.hears("result") == "OK"
    assert SECRET in one.fetched()
    assert SECRET in two.fetched()
    one.do("name", SECRET)
    assert one.hears("name") == "Find the Sekret"


def test_what_was_done_while_the_service_was_away_is_delivered(world: World) -> None:
    game = world.device("one")
    game.fetched()
    port, database = world.service.port, world.service.database
    world.service.kill()
    game.do("set", WIN, 60)
    assert game.hears("event")[:2] == [WIN, 60]
    assert game.hears("result") == "SERVICE_UNAVAILABLE"
    with (
        running(database, port=port) as again,
        Client(again.host, f"Bearer {world.tokens.player}") as player,
    ):
        assert [game.hears("online"), game.hears("online")] == [False, True]
        (record,) = player.get(mine_path(tail="?started=true")).json()
        assert record["percent_complete"] == 60
