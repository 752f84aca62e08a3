"""What the game and the disk do not wait for: a silent service, a token object that blocks, a flood of events."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from discord_achievements import AchievementManager, Result
from discord_achievements.client.disk.database import Database
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.testing import ScriptedTransport, stall
from tests.support.managers import APPLICATION_ID, OK, PATIENCE_S, SECRET, WALK, WIN, write_catalogue
from tests.support.service_games import (
    ANN,
    BASE_URL,
    BOB,
    LISTS_APART_S,
    UNAVAILABLE,
    ServiceAndGames,
    error,
    eventually,
    listing,
    scripted,
    superset,
    update_event,
    wait_for_stream,
)


def stored(folder: Path) -> dict[int, int]:
    """Return the pending percents in the database of a data folder, of all players."""
    with closing(Database(folder / "achievements.sqlite3")) as database:
        rows = database.execute("SELECT achievement_id, pending_percent FROM progress").fetchall()
    return {achievement_id: percent for achievement_id, percent in rows if percent is not None}


def is_stored(folder: Path, percent: int) -> bool:
    return stored(folder) == {WALK: percent}


class Blocking:
    """A token object whose methods return only when the test says so."""

    def __init__(self, token: str) -> None:
        self.asked = threading.Event()
        self.may_return = threading.Event()
        self._token = token

    def get_token(self) -> str:
        self.asked.set()
        assert self.may_return.wait(PATIENCE_S)
        return self._token

    refresh = get_token


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    tokens = Blocking("ann-1")
    yield tokens
    tokens.may_return.set()


def test_a_set_is_on_disk_at_once_if_the_service_is_silent(tmp_path: Path) -> None:
    transport = ScriptedTransport({"get_user_achievements": stall, "update_user_achievement": stall})
    manager = AchievementManager(
        APPLICATION_ID,
        base_url=BASE_URL,
        token="ann-1",
        transport=transport,
        data_dir=tmp_path / "data",
        achievements=write_catalogue(tmp_path),
        timeout_s=PATIENCE_S,
    )
    manager.run_callbacks()
    eventually(lambda: transport.requests)
    for percent in (10, 20):
        manager.set_user_achievement(WALK, percent)
        eventually(partial(is_stored, tmp_path / "data", percent))
    assert len(transport.requests) == 1, "the first request is still under way"
    began = time.monotonic()
    manager.close()
    assert time.monotonic() - began < PATIENCE_S / 2, "close() does not wait for the answer"


def test_sets_are_stored_and_answered_while_a_token_object_blocks(world: ServiceAndGames, blocking: Blocking) -> None:
    game = world.start(blocking, achievements=write_catalogue(world.folder))
    game.manager.set_user_achievement(WALK, 10, game.results.append)
    eventually(blocking.asked.is_set)
    eventually(lambda: stored(world.folder / "data") == {WALK: 10})
    game.manager.run_callbacks()
    assert game.results == []
    world.clock.advance(10)
    game.until(lambda: game.results)
    assert game.results == [UNAVAILABLE]
    assert game.connection == [False]
    blocking.may_return.set()
    game.until(lambda: world.percents() == {WALK: 10})
    game.until(lambda: game.connection == [False, True])


def test_set_token_replaces_a_token_object_that_blocks(world: ServiceAndGames, blocking: Blocking) -> None:
    game = world.start(blocking)
    game.manager.run_callbacks()
    eventually(blocking.asked.is_set)
    game.manager.set_token("bob-1")
    assert game.fetch() is OK
    assert game.set(WALK, 30) is OK
    assert [one.user_id for one in game.manager.user_achievements()] == [BOB] * 3
    assert world.percents() == {}
    blocking.may_return.set()  # its token comes too late to be used
    assert game.set(WIN, 40) is OK
    assert world.percents() == {}


def test_a_token_object_is_never_called_twice_at_once(world: ServiceAndGames) -> None:
    class Counting:
        def __init__(self) -> None:
            self.under_way = self.most = 0
            self.may_return = threading.Event()

        def get_token(self) -> str:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            assert self.may_return.wait(PATIENCE_S)
            self.under_way -= 1
            return "ann-1"

        refresh = get_token

    tokens = Counting()
    game = world.start(tokens)
    game.manager.run_callbacks()
    eventually(lambda: tokens.under_way)
    game.manager.set_token(tokens)
    game.manager.set_user_achievement(WALK, 10, game.results.append)
    eventually(lambda: stored(world.folder / "data") == {WALK: 10})
    world.clock.advance(10)
    game.until(lambda: game.results)
    assert game.results == [UNAVAILABLE], "the patience is that of any token object"
    tokens.may_return.set()
    game.until(lambda: world.percents() == {WALK: 10})
    assert tokens.most == 1


def test_what_was_set_before_a_token_object_returned_a_token_is_the_next_players(
    world: ServiceAndGames, blocking: Blocking
) -> None:
    game = world.start(blocking)
    game.manager.set_user_achievement(WALK, 30)
    eventually(blocking.asked.is_set)
    game.manager.set_token("ann-1")
    game.until(lambda: world.percents(ANN) == {WALK: 30})
    game.manager.close()
    game = world.online("bob-1")
    assert game.manager.flush()
    assert world.percents(BOB) == {}


def test_close_does_not_wait_for_a_token_object_that_blocks(world: ServiceAndGames, blocking: Blocking) -> None:
    game = world.start(blocking)
    game.manager.set_user_achievement(WALK, 10, game.results.append)
    eventually(blocking.asked.is_set)
    began = time.monotonic()
    game.manager.close(timeout_s=PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S / 2
    assert game.results == [Result.TRANSACTION_ABORTED]
    assert stored(world.folder / "data") == {WALK: 10}


def test_an_exchange_with_the_old_token_counts_only_for_its_player(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    line.hold("PUT")
    game.manager.set_user_achievement(WALK, 10, game.results.append)
    eventually(lambda: line.of("PUT"))
    game.manager.set_token("bob-1")
    game.until(lambda: game.results)
    assert game.results == [Result.NOT_AUTHENTICATED]
    line.release()
    assert game.fetch() is OK
    assert game.percent(WALK) == 0, "what Ann has reached is not Bob's"
    assert game.set(WALK, 5) is OK
    assert world.percents(BOB) == {WALK: 5}
    game.manager.set_token("ann-1")
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 10}


def test_a_late_refusal_does_not_take_back_a_higher_value(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    line.hold("PUT")
    game.manager.set_user_achievement(WALK, 10)
    eventually(lambda: line.of("PUT"))
    game.manager.set_user_achievement(WALK, 60, game.results.append)
    eventually(lambda: stored(world.folder / "data") == {WALK: 60})
    line.answers.append(error(403, 20012))
    line.release()
    game.until(lambda: game.results)
    assert game.results == [OK]
    assert world.percents() == {WALK: 60}


def test_a_set_is_answered_when_its_own_value_is(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    line.hold("PUT")
    answers: list[tuple[int, Result]] = []

    def put(percent: int) -> None:
        game.manager.set_user_achievement(WALK, percent, lambda result: answers.append((percent, result)))
        eventually(lambda: line.of("PUT"))

    for percent in (10, 60, 5):
        put(percent)
    eventually(lambda: stored(world.folder / "data") == {WALK: 60})
    line.answers.append(world.service.handle(line.of("PUT")[0]))
    line.answers.append(error(403, 20012))
    line.release()
    game.until(lambda: len(answers) == 3)
    assert answers == [(10, OK), (60, Result.UNAUTHORIZED_FOR_ACHIEVEMENT), (5, Result.UNAUTHORIZED_FOR_ACHIEVEMENT)]
    assert world.percents() == {WALK: 10}


def test_a_fetch_is_never_answered_by_a_list_that_is_older(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    wait_for_stream(game, line)
    line.hold("GET", late=True)
    count = len(line.statuses)
    game.manager.fetch_user_achievements(game.results.append)
    eventually(lambda: len(line.statuses) == count + 1)
    world.service.add_achievement(4242, "New", "Just created.")
    listed: list[bool] = []
    game.manager.fetch_user_achievements(lambda _: listed.append(4242 in game.percents))
    line.release()
    game.until(lambda: listed)
    assert listed == [True]
    assert game.results == [OK]


def test_an_event_is_not_undone_by_a_list_that_is_older(world: ServiceAndGames) -> None:
    """The service sends no revisions, so only the order of the answers says which is newer."""
    entry = {name: value for name, value in superset(WALK, 0).items() if name != "revision"}
    free, lists = threading.Event(), []
    free.set()

    def answer(request: Request) -> Response:
        lists.append(request)
        assert free.wait(PATIENCE_S)
        return listing(entry)

    transport = ScriptedTransport({"get_user_achievements": answer})
    game = scripted(world, transport, streams=True)
    assert game.fetch() is OK
    game.until(lambda: len(lists) == 2)  # the list that closes the gap before the stream
    assert game.fetch() is OK
    free.clear()
    game.manager.fetch_user_achievements(game.results.append)
    eventually(lambda: len(lists) == 4)
    transport.push(update_event(WALK, 70, revision=None))
    free.set()
    game.until(lambda: len(game.results) == 3)
    game.until(lambda: game.percent(WALK) == 70)
    assert game.updates == [(WALK, 70)]


def test_a_secret_unlocked_elsewhere_while_a_list_is_under_way_is_shown(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    wait_for_stream(game, line)
    line.hold("GET", late=True)
    count = len(line.statuses)
    game.manager.fetch_user_achievements(game.results.append)
    eventually(lambda: len(line.statuses) == count + 1)
    world.service.grant(ANN, SECRET)
    line.release()
    game.until(lambda: game.results)
    world.clock.advance(LISTS_APART_S)
    game.until(lambda: game.percents.get(SECRET) == 100)


def test_a_flood_of_events_does_not_delay_the_games_own_sets(world: ServiceAndGames) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(superset(WALK, 0), superset(WIN, 0))})
    game = scripted(world, transport, streams=True)
    assert game.fetch() is OK
    count = 20_000
    for number in range(1, count + 1):
        transport.push(update_event(WIN, number % 100, revision=number))
    game.manager.set_user_achievement(WALK, 10)
    eventually(lambda: stored(world.folder / "scripted").get(WALK) == 10)
    game.until(lambda: game.percent(WIN) == count % 100)
    assert len(game.events) < count
