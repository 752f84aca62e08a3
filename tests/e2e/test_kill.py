"""Games that are killed at random moments: a set whose call has returned is never lost."""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import AchievementManager, UserAchievement
from discord_achievements.testing import FakeService, FaultServer, run_until
from tests.e2e.doomed_game import APPLICATION_ID, IDS, ROUNDS, SETS, play, sets
from tests.support.forked import CONTEXT

KILLED = -signal.SIGTERM if sys.platform == "win32" else -signal.SIGKILL
USER, TOKEN = 53908232506183680, "a-token"
PATIENCE_S = 60.0


class DoomedGame:
    """A game in its own process that plays until it is killed."""

    def __init__(self, seed: int, round_: int, **arguments: object) -> None:
        self._plan = (seed, round_)
        self._reports, theirs = CONTEXT.Pipe(duplex=False)
        given = {name: str(value) for name, value in arguments.items()}
        self._process = CONTEXT.Process(target=play, args=(theirs, seed, round_, given), daemon=True)
        self._process.start()
        theirs.close()
        assert self._reports.recv_bytes() == b"playing"

    def kill_after(self, count: int) -> tuple[dict[int, int], dict[int, int]]:
        """Kill it after `count` reports; return the sets reported, and those plus the set under way: percent by id."""
        for _ in range(count):
            self._reports.recv_bytes()
        said = count + self._kill()
        certain: dict[int, int] = {}
        for achievement_id, percent in islice(sets(*self._plan), said):
            certain[achievement_id] = max(percent, certain.get(achievement_id, 0))
        possible = dict(certain)
        for achievement_id, percent in islice(sets(*self._plan), said, said + 1):
            possible[achievement_id] = max(percent, certain.get(achievement_id, 0))
        return certain, possible

    def _kill(self) -> int:
        """Kill it, and return the number of reports that have not been read."""
        self._process.kill()
        self._process.join(PATIENCE_S)
        assert self._process.exitcode == KILLED, "it ended on its own"
        unread = 0
        with self._reports, suppress(EOFError):
            while True:
                self._reports.recv_bytes()
                unread += 1
        return unread


class Player:
    """What the player has certainly reached, and what possibly: a set was under way when the game died."""

    def __init__(self) -> None:
        self._certain: dict[int, int] = {}
        self._possible: dict[int, int] = {}
        self._unlocks: dict[int, str] = {}

    def reached(self, certain: dict[int, int], possible: dict[int, int]) -> None:
        for known, new in ((self._certain, certain), (self._possible, possible)):
            for achievement_id, percent in new.items():
                known[achievement_id] = max(percent, known.get(achievement_id, 0))

    def check(self, percents: dict[int, int]) -> None:
        for achievement_id, percent in percents.items():
            least, most = self._certain.get(achievement_id, 0), self._possible.get(achievement_id, 0)
            assert least <= percent <= most, f"{achievement_id} is at {percent}, and was set to {least} to {most}"
        self._certain = dict(percents)

    def check_list(self, manager: AchievementManager) -> None:
        fetched: list[object] = []
        manager.fetch_user_achievements(fetched.append)
        run_until(manager, lambda: fetched, PATIENCE_S)
        listed = [manager.get_user_achievement_at(index) for index in range(manager.count_user_achievements())]
        assert [one.achievement_id for one in listed] == list(IDS)
        self.check({one.achievement_id: one.percent_complete for one in listed})
        self._check_unlocks(one for one in listed if one.unlocked)

    def _check_unlocks(self, unlocked: Iterator[UserAchievement]) -> None:
        for one in unlocked:
            assert one.unlocked_at
            assert self._unlocks.setdefault(one.achievement_id, one.unlocked_at) == one.unlocked_at


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    entries = [{"id": achievement_id, "name": "Name", "description": "What to do"} for achievement_id in IDS]
    path = tmp_path / "achievements.json"
    path.write_text(json.dumps({"application_id": APPLICATION_ID, "achievement": entries}))
    return path


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown when a test fails
    return random.Random(seed)


def test_a_killed_game_loses_nothing_that_was_set(tmp_path: Path, catalogue: Path, rng: random.Random) -> None:
    player, seed = Player(), rng.randrange(2**32)
    here: dict[str, Any] = {"achievements": catalogue, "data_dir": tmp_path / "data"}
    for round_ in range(ROUNDS):
        game = DoomedGame(seed, round_, **here)
        player.reached(*game.kill_after(rng.randrange(SETS)))
        if rng.random() < 0.7:  # otherwise the next game takes over, and may be killed in the meantime
            with AchievementManager(APPLICATION_ID, **here) as manager:
                assert manager.storage_error is None
                player.check_list(manager)
    with AchievementManager(APPLICATION_ID, **here) as manager:
        player.check_list(manager)


def test_games_that_are_killed_while_they_start_lose_nothing(
    tmp_path: Path, catalogue: Path, rng: random.Random
) -> None:
    player, seed = Player(), rng.randrange(2**32)
    here: dict[str, Any] = {"achievements": catalogue, "data_dir": tmp_path / "data"}
    for round_ in range(0, ROUNDS, 8):
        game = DoomedGame(seed, round_, **here)
        player.reached(*game.kill_after(50))
        for _ in range(2):
            game = DoomedGame(seed, round_ + 1, **here)
            time.sleep(rng.uniform(0, 0.02))  # not waiting for anything: any moment of the start will do
            player.reached(*game.kill_after(0))
        with AchievementManager(APPLICATION_ID, **here) as manager:
            assert manager.storage_error is None
            player.check_list(manager)


def test_two_games_at_once_that_are_both_killed_lose_nothing(
    tmp_path: Path, catalogue: Path, rng: random.Random
) -> None:
    player, seed = Player(), rng.randrange(2**32)
    here: dict[str, Any] = {"achievements": catalogue, "data_dir": tmp_path / "data"}
    for round_ in range(0, ROUNDS, 6):
        games = [DoomedGame(seed + number, round_, **here) for number in range(2)]
        for game in games:
            player.reached(*game.kill_after(rng.randrange(1, SETS)))
        with AchievementManager(APPLICATION_ID, **here) as manager:
            assert manager.storage_error is None
            player.check_list(manager)


def test_what_killed_games_set_offline_arrives_once_the_service_is_back(
    tmp_path: Path, catalogue: Path, rng: random.Random
) -> None:
    player, seed = Player(), rng.randrange(2**32)
    service = FakeService(APPLICATION_ID)
    service.add_player(TOKEN, USER)
    for achievement_id in IDS:
        service.add_achievement(achievement_id)
    with FaultServer(service) as server:
        here: dict[str, Any] = {
            "achievements": catalogue,
            "base_url": server.base_url,
            "token": TOKEN,
            "data_dir": tmp_path / "data",
        }
        server.go_down()
        for round_ in range(ROUNDS):
            game = DoomedGame(seed, round_, **here)
            player.reached(*game.kill_after(rng.randrange(SETS)))
        assert server.requests.total() == 0

        server.come_back()
        with AchievementManager(APPLICATION_ID, **here) as manager:
            assert manager.storage_error is None
            player.check_list(manager)
            run_until(manager, lambda: manager.pending_count == 0, PATIENCE_S)
            player.check_list(manager)
        arrived = {id_: progress.percent for id_, progress in service.progress(USER).items()}
        player.check(arrived)
        updates = Counter({path: count for (method, path), count in server.requests.items() if method == "PUT"})
        assert updates.total() == len(updates) == len(arrived), "each arrived once"

        with AchievementManager(APPLICATION_ID, **here) as manager:
            player.check_list(manager)
        assert {key for key in server.requests if key[0] == "PUT"} == {("PUT", path) for path in updates}
        assert sum(count for (method, _), count in server.requests.items() if method == "PUT") == updates.total()


def test_games_that_are_killed_while_they_deliver_lose_nothing(
    tmp_path: Path, catalogue: Path, rng: random.Random
) -> None:
    player, seed = Player(), rng.randrange(2**32)
    service = FakeService(APPLICATION_ID)
    service.add_player(TOKEN, USER)
    for achievement_id in IDS:
        service.add_achievement(achievement_id)
    with FaultServer(service) as server:
        here: dict[str, Any] = {
            "achievements": catalogue,
            "base_url": server.base_url,
            "token": TOKEN,
            "data_dir": tmp_path / "data",
        }
        for round_ in range(0, ROUNDS, 5):
            game = DoomedGame(seed, round_, **here)
            player.reached(*game.kill_after(rng.randrange(SETS)))
        with AchievementManager(APPLICATION_ID, **here) as manager:
            player.check_list(manager)
            run_until(manager, lambda: manager.pending_count == 0, PATIENCE_S)
        player.check({id_: progress.percent for id_, progress in service.progress(USER).items()})
