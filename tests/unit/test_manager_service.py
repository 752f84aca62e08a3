"""What the manager promises a game that has a service, on an ideal line and on every kind of bad one."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import AchievementManager, ConfigurationError, Result, ResultError, UserAchievement
from discord_achievements.client.disk.journal import SLOTS
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.errors import TransportError
from discord_achievements.testing import FakeService, InProcessTransport, ManualClock, ScriptedTransport
from tests.support.managers import (
    APPLICATION_ID,
    ENTRIES,
    PATIENCE_S,
    SECRET,
    SECURE,
    WALK,
    WIN,
    Game,
    run_python,
    write_catalogue,
)
from tests.support.waiting import until

OK, UNAVAILABLE = Result.OK, Result.SERVICE_UNAVAILABLE
BASE_URL = "https://achievements.invalid/api/v10"
ANN, BOB = 53908232506183680, 53908232506183681
UNKNOWN = 999
LONG_S = 200.0  # more than any wait of the retry table, with its jitter
NO_STREAM = Response(404, {"content-type": "application/json"}, b'{"message": "404: Not Found", "code": 0}')


class Line:
    """The way to a service: writes down what passes, can hold it up, and can answer updates in the service's place."""

    def __init__(self, service: FakeService, *, streams: bool = True) -> None:
        self.requests: list[Request] = []
        self.statuses: list[int] = []
        self.answers: deque[Response | Exception] = deque()
        self._service = service
        self._streams = streams
        self._held = ""
        self._free = threading.Event()
        self._free.set()
        self.transport = InProcessTransport(service, intercept=self._intercept)

    def hold(self, method: str = "") -> None:
        """Have what is sent from now on, or only what is sent by `method`, wait for `release`."""
        self._held = method
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def of(self, method: str) -> list[Request]:
        """Return the requests of one method, without those for the event stream."""
        return [one for one in self.requests if one.method == method and not one.url.endswith("/events")]

    @property
    def put(self) -> list[tuple[int, dict[str, Any]]]:
        """The updates that were sent: id and body."""
        return [(int(one.url.rpartition("/")[2]), json.loads(one.body or b"")) for one in self.of("PUT")]

    def _intercept(self, request: Request) -> Response | None:
        self.requests.append(request)
        if request.url.endswith("/events"):
            return None if self._streams else NO_STREAM
        if self._held in ("", request.method) and not self._free.wait(PATIENCE_S):
            raise AssertionError("the test has not released the line")
        if self.answers and request.method == "PUT":
            answer = self.answers.popleft()
            if isinstance(answer, Exception):
                raise answer
        else:
            answer = self._service.handle(request)
        self.statuses.append(answer.status)
        return answer


class World:
    """A service with the achievements of the catalogue, and games that play on one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.service = FakeService(APPLICATION_ID, clock=self.clock)
        for entry in ENTRIES:
            self.service.add_achievement(
                entry["id"],
                entry["name"],
                entry["description"],
                secret=entry.get("secret", False),
                secure=entry.get("secure", False),
            )
        self.service.add_player("ann-1", ANN)
        self.service.add_player("bob-1", BOB)
        self.lines: list[Line] = []
        self.managers: list[AchievementManager] = []

    def start(self, token: Any = "ann-1", *, line: Line | None = None, down: bool = False, **more: Any) -> Game:
        """Start a game; `down` has the service be out of reach from the first moment on."""
        line = line or self.line()
        if down:
            line.transport.go_down()
        options: dict[str, Any] = {"data_dir": self.folder / "data", "base_url": BASE_URL, "clock": self.clock} | more
        manager = AchievementManager(APPLICATION_ID, token=token, transport=line.transport, **options)
        self.managers.append(manager)
        return Game(manager)

    def online(self, token: Any = "ann-1", **options: Any) -> Game:
        """Start a game, and let it see the list."""
        game = self.start(token, **options)
        assert game.fetch() is OK
        del game.results[:]
        return game

    def line(self, *, streams: bool = True) -> Line:
        self.lines.append(Line(self.service, streams=streams))
        return self.lines[-1]

    def percents(self, user_id: int = ANN) -> dict[int, int]:
        """Return what the service holds of a player."""
        return {id_: progress.percent for id_, progress in self.service.progress(user_id).items()}

    def close(self) -> None:
        for line in self.lines:
            line.release()
        for manager in self.managers:
            manager.close()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISCORD_ACHIEVEMENTS_URL", "DISCORD_ACCESS_TOKEN", "DISCORD_CURRENT_LOCALE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def eventually(condition: Callable[[], object]) -> None:
    """Wait for what another thread does, while the game stands still."""
    until(condition, "what the other thread has to do", PATIENCE_S)


def bring_back(world: World, line: Line) -> None:
    """Have the service in reach again, and let the time pass after which the manager tries again."""
    line.transport.come_back()
    world.clock.advance(LONG_S)


# On an ideal line


def test_the_list_is_what_the_service_says(world: World) -> None:
    world.service.grant(ANN, WALK, 30)
    game = world.start()
    online = [game.manager.is_online]
    assert game.fetch() is OK
    online.append(game.manager.is_online)
    assert online == [None, True]
    assert game.percents == {WALK: 30, WIN: 0, SECURE: 0}
    one = game.manager.get_user_achievement(WALK)
    assert (one.user_id, one.synced, one.unlocked_at) == (ANN, True, "")
    assert game.events == []  # the first list holds no news
    assert game.manager.get_achievement(WALK).name == "Walk"


def test_before_a_fetch_there_is_no_list(world: World) -> None:
    game = world.start()
    assert game.set(WALK, 10) is OK
    assert game.manager.count_user_achievements() == 0
    with pytest.raises(ResultError) as caught:
        game.manager.get_user_achievement(WALK)
    assert caught.value.result is Result.NOT_FETCHED


def test_a_set_is_shown_at_once_and_confirmed_later(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    line.hold("PUT")
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.manager.run_callbacks()
    assert game.percent(WALK) == 50
    assert game.told == [(WALK, 50)]
    assert not game.manager.get_user_achievement(WALK).synced
    assert game.manager.pending_count == 1
    assert game.results == []
    line.release()
    game.until(lambda: game.results)
    assert game.results == [OK]
    assert world.percents() == {WALK: 50}
    assert game.manager.get_user_achievement(WALK) == UserAchievement(ANN, WALK, 50, "", synced=True)
    assert game.told == [(WALK, 50)]
    assert game.manager.pending_count == 0


def test_an_unlock_is_shown_with_one_time_here_and_there(world: World) -> None:
    game = world.online()
    assert game.set(WIN, 100) is OK
    unlocked_at = game.manager.get_user_achievement(WIN).unlocked_at
    assert unlocked_at == "2023-05-02T12:00:00.000000+00:00"
    assert game.events[0].unlocked_at == unlocked_at
    world.clock.advance(60)
    assert game.set(WIN, 100) is OK
    assert game.manager.get_user_achievement(WIN).unlocked_at == unlocked_at


@pytest.mark.parametrize("percent", [0, 29, 30])
def test_a_lower_or_equal_value_is_ok_and_no_news(world: World, percent: int) -> None:
    world.service.grant(ANN, WALK, 30)
    game = world.online()
    game.manager.set_user_achievement(WALK, percent, game.results.append)
    assert game.manager.pending_count == 0
    game.until(lambda: game.results)
    assert game.results == [OK]
    assert game.percent(WALK) == 30
    assert game.events == []


def test_a_refused_value_is_taken_back(world: World) -> None:
    world.service.grant(ANN, WALK, 30)
    game = world.online()
    line = world.lines[0]
    line.hold("PUT")
    line.answers.append(error(403, 20012))
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.manager.run_callbacks()
    assert game.percent(WALK) == 50
    line.release()
    game.until(lambda: game.results)
    assert game.results == [Result.UNAUTHORIZED_FOR_ACHIEVEMENT]
    assert game.percent(WALK) == 30
    assert game.told == [(WALK, 50), (WALK, 30)]
    assert game.manager.pending_count == 0
    assert game.set(WALK, 40) is OK  # and life goes on
    assert world.percents() == {WALK: 40}


def test_an_unlock_that_is_refused_is_taken_back(world: World) -> None:
    game = world.online()
    world.lines[0].answers.append(error(403, 20012))
    assert game.set(WIN, 100) is Result.UNAUTHORIZED_FOR_ACHIEVEMENT
    assert game.manager.get_user_achievement(WIN) == UserAchievement(ANN, WIN, 0, "", synced=True)
    assert game.set(SECRET, 100) is OK
    world.lines[0].answers.append(error(403, 20012))
    assert game.set(WIN, 100) is Result.UNAUTHORIZED_FOR_ACHIEVEMENT
    assert game.told == [(WIN, 100), (WIN, 0), (SECRET, 100), (WIN, 100), (WIN, 0)]


def test_a_secret_that_is_refused_hides_again(world: World) -> None:
    catalogue = write_catalogue(world.folder)
    game = world.start(down=True, achievements=catalogue)
    game.fetch()
    game.set(SECRET, 100)
    assert SECRET in game.percents
    line = world.lines[0]
    line.answers.append(error(403, 20012))
    bring_back(world, line)
    game.until(lambda: game.manager.pending_count == 0 and len(game.events) == 2)
    assert game.told == [(SECRET, 100), (SECRET, 0)]
    assert SECRET not in game.percents


def test_an_unknown_id_is_shown_once_the_service_has_agreed(world: World) -> None:
    game = world.online()
    world.service.add_achievement(UNKNOWN, "New", "Brand new.")
    line = world.lines[0]
    line.hold("PUT")
    game.manager.set_user_achievement(UNKNOWN, 40, game.results.append)
    game.manager.run_callbacks()
    assert game.manager.pending_count == 1
    assert game.events == []
    assert UNKNOWN not in game.percents
    line.release()
    game.until(lambda: game.results)
    assert game.results == [OK]
    game.until(lambda: game.events)
    assert game.told == [(UNKNOWN, 40)]
    assert game.percents == {UNKNOWN: 40, WALK: 0, WIN: 0, SECURE: 0}
    assert game.manager.get_achievement(UNKNOWN).name == "New"


def test_an_unknown_id_that_the_service_does_not_know_is_not_found(world: World) -> None:
    game = world.online()
    assert game.set(UNKNOWN, 100) is Result.NOT_FOUND
    assert game.events == []
    assert game.percents == {WALK: 0, WIN: 0, SECURE: 0}
    assert game.manager.pending_count == 0


def test_a_secure_achievement_is_not_shown_and_is_unauthorized(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    line.hold("PUT")
    game.manager.set_user_achievement(SECURE, 100, game.results.append)
    game.manager.run_callbacks()
    assert game.percent(SECURE) == 0
    line.release()
    game.until(lambda: game.results)
    assert game.results == [Result.UNAUTHORIZED_FOR_ACHIEVEMENT]
    assert game.percent(SECURE) == 0
    assert game.events == []


def test_a_secret_shows_itself_at_100(world: World) -> None:
    game = world.online()
    assert game.set(SECRET, 50) is OK
    assert game.events == []
    assert SECRET not in game.percents
    assert game.set(SECRET, 100) is OK
    game.until(lambda: game.events)
    assert game.told == [(SECRET, 100)]
    assert game.percents == {WALK: 0, WIN: 0, SECRET: 100, SECURE: 0}


def test_validation_needs_no_service(world: World) -> None:
    game = world.start(down=True)
    assert game.set(WALK, 101) is Result.INVALID_PAYLOAD
    assert game.set(0, 100) is Result.INVALID_PAYLOAD
    assert game.manager.pending_count == 0


# Many calls


def test_sets_that_wait_collapse_to_the_highest_value(world: World) -> None:
    game = world.online()
    line, fired = world.lines[0], list[int]()
    line.hold("PUT")
    percents = [10, 20, 70, 40, 60, 5, 70]

    def callback(number: int) -> Callable[[Result], None]:
        def fires(result: Result) -> None:
            assert result is OK
            fired.append(number)

        return fires

    game.manager.set_user_achievement(WALK, percents[0], callback(0))
    eventually(lambda: line.put)  # the first one is on its way
    for number, percent in enumerate(percents[1:], 1):
        game.manager.set_user_achievement(WALK, percent, callback(number))
        game.manager.run_callbacks()
    line.release()
    game.until(lambda: len(fired) == len(percents))
    assert fired == list(range(len(percents)))
    assert [body["percent_complete"] for _, body in line.put] == [10, 70]
    assert game.told == [(WALK, 10), (WALK, 20), (WALK, 70)]
    assert world.percents() == {WALK: 70}


def test_one_request_serves_all_fetches_that_wait(world: World) -> None:
    line = world.line(streams=False)
    line.hold()
    game = world.start(line=line)
    game.manager.run_callbacks()
    eventually(lambda: line.requests)  # the list that it asks for by itself, at the start
    for _ in range(20):
        game.manager.fetch_user_achievements(game.results.append)
    line.release()
    game.until(lambda: len(game.results) == 20)
    assert game.results == [OK] * 20
    assert len(line.of("GET")) <= 2


def test_sets_of_several_achievements_all_arrive(world: World) -> None:
    ids = world.service.fill(100)
    game = world.online()
    for achievement_id in ids:
        game.manager.set_user_achievement(achievement_id, 70, game.results.append)
    game.until(lambda: len(game.results) == 100)
    assert set(game.results) == {OK}
    assert world.percents() == dict.fromkeys(ids, 70)


def test_an_unchanged_list_is_not_sent_again(world: World) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    before = game.percents
    assert game.fetch() is OK
    assert line.statuses[-1] == 304
    assert line.of("GET")[-1].headers["If-None-Match"]
    assert game.percents == before


def test_what_finds_the_journal_full_is_told_and_stored_all_the_same(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    line = world.line()
    line.hold()
    game = world.start(line=line)
    game.manager.run_callbacks()
    eventually(lambda: line.requests)  # the worker is busy, and stores nothing meanwhile
    ids = range(1, SLOTS + 3)
    for achievement_id in ids[:SLOTS]:
        game.manager.set_user_achievement(achievement_id, 50)
    assert game.manager.storage_error is None
    for achievement_id in ids[SLOTS:]:
        game.manager.set_user_achievement(achievement_id, 50)
    assert "journal is full" in str(game.manager.storage_error)
    line.transport.go_down()
    line.release()
    eventually(lambda: game.manager.storage_error is None)  # all of it is on disk now
    assert sum("journal is full" in message for message in caplog.messages) == 1
    game.manager.close()
    assert world.start(down=True).manager.pending_count == len(ids)


# Out of reach


def test_out_of_reach_is_told_promptly_and_the_update_arrives_later(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    line.transport.go_down()
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.until(lambda: game.results)
    assert game.results == [UNAVAILABLE]
    assert game.percent(WALK) == 50
    assert game.told == [(WALK, 50)]
    assert game.manager.pending_count == 1
    online = [game.manager.is_online]
    assert world.percents() == {}
    bring_back(world, line)
    game.until(lambda: game.manager.pending_count == 0)
    game.until(lambda: game.connection == [False, True])
    assert world.percents() == {WALK: 50}
    online.append(game.manager.is_online)
    assert online == [False, True]
    assert game.results == [UNAVAILABLE]  # no second callback
    assert game.told == [(WALK, 50)]
    assert game.manager.get_user_achievement(WALK).synced


def test_the_connection_is_told_once_each_way(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    pending_then: list[int] = []
    game.manager.on_connection_change.connect(lambda _: pending_then.append(game.manager.pending_count))
    line.transport.go_down()
    for percent in (10, 20):
        for achievement_id in (WALK, WIN):
            assert game.set(achievement_id, percent) is UNAVAILABLE
            assert game.fetch() is UNAVAILABLE
    world.clock.advance(LONG_S)
    assert game.set(SECRET, 10) is UNAVAILABLE
    assert game.connection == [False]
    bring_back(world, line)
    game.until(lambda: len(game.connection) > 1)
    assert game.connection == [False, True]
    assert pending_then[1] == 0
    assert world.percents() == {WALK: 20, WIN: 20, SECRET: 10}
    line.transport.go_down()
    assert game.set(WIN, 30) is UNAVAILABLE
    game.until(lambda: len(game.connection) > 2)
    assert game.connection == [False, True, False]


def test_nothing_is_told_of_the_connection_while_nothing_is_pending(world: World) -> None:
    game = world.online()
    world.lines[0].transport.go_down()
    assert game.fetch() is UNAVAILABLE
    world.lines[0].transport.come_back()
    assert game.fetch() is OK
    assert game.connection == []


def test_pending_counts_achievements_from_the_moment_of_the_call(world: World) -> None:
    game = world.start(down=True)
    game.manager.set_user_achievement(WALK, 10)
    game.manager.set_user_achievement(WALK, 20)
    game.manager.set_user_achievement(WIN, 100)
    assert game.manager.pending_count == 2
    assert game.fetch() is UNAVAILABLE
    assert game.manager.pending_count == 2
    game.manager.set_user_achievement(WIN, 100)
    game.manager.set_user_achievement(SECRET, 5)
    assert game.manager.pending_count == 3
    game.manager.close()
    again = world.start(down=True)
    assert again.manager.pending_count == 3


def test_flush_tells_whether_the_service_has_everything(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    game.manager.set_user_achievement(WALK, 10)
    assert game.manager.flush() is True
    assert world.percents() == {WALK: 10}
    line.transport.go_down()
    game.manager.set_user_achievement(WALK, 20)
    assert game.manager.flush(0) is False
    assert game.manager.flush(0.01) is False


def test_a_fetch_out_of_reach_leaves_the_last_known_list(world: World) -> None:
    world.service.grant(ANN, WALK, 30)
    game = world.online()
    assert game.set(WIN, 100) is OK
    world.lines[0].transport.go_down()
    assert game.fetch() is UNAVAILABLE
    assert game.percents == {WALK: 30, WIN: 100, SECURE: 0}
    assert game.set(WALK, 60) is UNAVAILABLE
    game.manager.close()

    again = world.start(down=True)
    assert again.manager.get_achievement(WALK).name == "Walk"
    assert again.fetch() is UNAVAILABLE
    assert again.percents == {WALK: 60, WIN: 100, SECURE: 0}
    assert again.manager.get_user_achievement(WIN).user_id == ANN
    assert again.manager.get_user_achievement(WIN).synced
    assert not again.manager.get_user_achievement(WALK).synced


def test_a_first_start_out_of_reach_has_the_list_of_the_catalogue(world: World) -> None:
    catalogue = write_catalogue(world.folder)
    game = world.start(down=True, achievements=catalogue)
    assert game.set(WALK, 40) is UNAVAILABLE
    assert game.fetch() is UNAVAILABLE
    assert game.percents == {WALK: 40, WIN: 0, SECURE: 0}
    assert game.manager.get_achievement(WIN).name == "Win the Game"
    assert game.set(SECRET, 100) is UNAVAILABLE
    assert game.percents == {WALK: 40, WIN: 0, SECRET: 100, SECURE: 0}

    world.service.add_achievement(WIN, "Win it all", "You won!")  # the service knows better
    line = world.lines[0]
    bring_back(world, line)
    game.until(lambda: game.manager.get_achievement(WIN).name == "Win it all")
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 40, SECRET: 100}
    game.manager.close()

    again = world.start(down=True, achievements=catalogue)
    assert again.manager.get_achievement(WIN).name == "Win it all"  # the service's word stays


def test_without_a_catalogue_a_first_start_out_of_reach_loses_nothing(world: World) -> None:
    game = world.start(down=True)
    assert game.set(WALK, 40) is UNAVAILABLE
    assert game.events == []  # nobody has agreed that there is such an achievement
    assert game.manager.pending_count == 1
    bring_back(world, world.lines[0])
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 40}


@pytest.mark.parametrize("down", [False, True])
def test_what_is_set_before_the_first_list_tells_its_name_is_told_once(world: World, down: bool) -> None:
    world.service.grant(ANN, SECURE, 30)
    line = world.line()
    line.hold("GET")
    line.hold("PUT")
    game = world.start(line=line, down=down)
    game.manager.fetch_user_achievements(game.results.append)
    game.manager.set_user_achievement(WIN, 100)
    if down:
        game.until(lambda: game.results == [UNAVAILABLE])
    game.manager.run_callbacks()
    assert game.events == []
    line.release()
    bring_back(world, line)
    game.until(lambda: game.events)
    assert game.fetch() is OK
    game.until(lambda: game.manager.pending_count == 0)
    assert game.fetch() is OK
    assert [(one.user_id, one.achievement_id, one.percent_complete) for one in game.events] == [(ANN, WIN, 100)]


def test_what_is_set_before_it_is_known_who_plays_is_that_players(world: World) -> None:
    line = world.line()
    line.hold("GET")
    game = world.start(line=line, achievements=write_catalogue(world.folder))
    game.manager.fetch_user_achievements(game.results.append)
    game.manager.set_user_achievement(WALK, 10)
    game.manager.run_callbacks()
    line.release()
    eventually(lambda: game.manager.is_online)  # the list waits to be delivered
    game.manager.set_user_achievement(WALK, 20)
    game.until(lambda: game.results == [OK])
    assert game.manager.get_user_achievement(WALK).user_id == ANN


def test_a_late_unlock_keeps_its_own_time(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    line.transport.go_down()
    assert game.set(WIN, 100) is UNAVAILABLE
    unlocked_at = game.manager.get_user_achievement(WIN).unlocked_at
    assert unlocked_at == "2023-05-02T12:00:00.000000+00:00"
    game.manager.close()
    world.clock.advance(3600)

    again = world.start()
    again.fetch()
    again.until(lambda: again.manager.pending_count == 0)
    ((achievement_id, body),) = world.lines[1].put
    assert (achievement_id, body["percent_complete"], body["seconds_since_unlock"]) == (WIN, 100, 3600)
    assert again.manager.get_user_achievement(WIN).unlocked_at == unlocked_at
    there = world.service.progress(ANN)[WIN].unlocked_at_us
    assert there == datetime.fromisoformat(unlocked_at).timestamp() * 1_000_000


def test_an_answer_that_is_lost_changes_nothing(world: World) -> None:
    game = world.online()
    line = world.lines[0]

    def lose(request: Request) -> Response | None:
        if request.method == "PUT":
            world.service.handle(request)
            line.transport.intercept = None
            raise TransportError("the connection broke")
        return None

    line.transport.intercept = lose
    assert game.set(WIN, 100) is OK  # the second try, which follows at once
    assert game.told == [(WIN, 100)]
    assert world.percents() == {WIN: 100}


# What other devices and the game's server do


def wait_for_stream(game: Game, line: Line) -> None:
    """Wait until the event stream is up and the list that closes its gap has come."""
    game.until(lambda: any(one.url.endswith("/events") for one in line.requests) and len(line.of("GET")) >= 2)
    count = len(line.statuses)
    game.fetch()
    assert len(line.statuses) > count
    del game.results[:]


def test_a_change_elsewhere_is_told_through_the_stream(world: World) -> None:
    game = world.online()
    wait_for_stream(game, world.lines[0])
    for achievement_id, percent in ((SECURE, 100), (WALK, 10), (WALK, 20)):
        world.service.grant(ANN, achievement_id, percent)
    world.service.grant(BOB, WIN, 100)  # is none of Ann's business
    game.until(lambda: len(game.events) == 3)
    assert game.told == [(SECURE, 100), (WALK, 10), (WALK, 20)]
    assert game.percents == {WALK: 20, WIN: 0, SECURE: 100}
    assert game.manager.get_user_achievement(SECURE).unlocked_at == "2023-05-02T12:00:00.000000+00:00"
    game.fetch()
    assert len(game.events) == 3  # the list holds no news of it


def test_a_secret_that_is_unlocked_elsewhere_is_told_although_it_was_never_heard_of(world: World) -> None:
    game = world.online()
    wait_for_stream(game, world.lines[0])
    world.service.grant(ANN, SECRET, 100)
    game.until(lambda: SECRET in game.percents)
    game.until(lambda: game.events)
    assert game.told == [(SECRET, 100)]
    assert game.percents == {WALK: 0, WIN: 0, SECRET: 100, SECURE: 0}


def test_an_unknown_id_is_told_of_when_the_list_has_its_name(world: World) -> None:
    transport = ScriptedTransport(
        {"get_user_achievements": listing(), "update_user_achievement": Response(200, {}, b"{}")}
    )
    game = scripted(world, transport)
    game.fetch()
    transport.answer("get_user_achievements", listing(superset(WALK, 40)))
    assert game.set(WALK, 40) is OK
    game.until(lambda: game.percents == {WALK: 40})
    game.until(lambda: game.events)
    assert game.told == [(WALK, 40)]


def test_a_change_elsewhere_is_told_without_a_stream_too(world: World) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    world.service.grant(ANN, SECURE, 100)
    count = len(line.of("GET"))
    world.clock.advance(61)
    game.until(lambda: game.events)
    assert game.told == [(SECURE, 100)]
    assert len(line.of("GET")) == count + 1


def test_after_a_resync_the_list_is_fetched(world: World) -> None:
    def listed(percent: int) -> Response:
        one = superset(WALK, percent, revision=percent)
        return Response(200, {"content-type": "application/json"}, json.dumps([one]).encode())

    transport = ScriptedTransport({"get_user_achievements": listed(10)})
    game = scripted(world, transport, streams=True)
    game.fetch()
    transport.answer("get_user_achievements", listed(20))
    transport.push(b"id: 7\nevent: RESYNC\ndata: {}\n\n")
    game.until(lambda: game.events)
    assert game.told == [(WALK, 20)]


def test_a_reset_takes_progress_away(world: World) -> None:
    world.service.grant(ANN, WALK, 60)
    game = world.online()
    wait_for_stream(game, world.lines[0])
    world.service.reset(ANN, WALK)
    game.until(lambda: game.events)
    assert game.events == [UserAchievement(ANN, WALK, 0, "", synced=True)]
    assert game.percent(WALK) == 0
    assert game.set(WALK, 10) is OK
    assert game.percent(WALK) == 10
    assert world.percents() == {WALK: 10}


def test_a_reset_hides_a_secret_again(world: World) -> None:
    world.service.grant(ANN, SECRET, 100)
    line = world.line(streams=False)
    game = world.online(line=line)
    assert game.percent(SECRET) == 100
    world.service.reset(ANN, SECRET)
    assert game.fetch() is OK
    assert SECRET not in game.percents


def test_what_happened_while_the_game_was_off_is_news(world: World) -> None:
    world.online().manager.close()
    world.service.grant(ANN, WALK, 80)
    world.service.grant(ANN, SECRET, 100)
    again = world.start()
    again.fetch()
    again.until(lambda: len(again.events) == 2)
    assert again.told == [(WALK, 80), (SECRET, 100)]


def test_one_list_may_bring_much_news_within_a_budget(world: World) -> None:
    ids = world.service.fill(50)
    game = world.online(line=world.line(streams=False))
    for achievement_id in ids:
        world.service.grant(ANN, achievement_id, 5)
    game.manager.fetch_user_achievements(game.results.append)
    while not game.results:
        before = len(game.events)
        game.manager.run_callbacks(budget_s=0)
        assert len(game.events) <= before + 1
    assert game.told == [(achievement_id, 5) for achievement_id in ids]  # all of it before the answer to the fetch


def test_without_a_budget_all_news_of_a_list_is_told_at_once(world: World) -> None:
    ids = world.service.fill(50)
    game = world.online(line=world.line(streams=False))
    for achievement_id in ids:
        world.service.grant(ANN, achievement_id, 5)
    game.manager.fetch_user_achievements()
    game.until(lambda: game.events)
    assert game.told == [(achievement_id, 5) for achievement_id in ids]


def test_what_the_game_has_set_already_is_no_news(world: World) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    line.hold()
    game.manager.fetch_user_achievements(game.results.append)
    eventually(lambda: len(line.of("GET")) == 2)
    world.service.grant(ANN, WALK, 40)
    game.manager.set_user_achievement(WALK, 60)  # the worker hears of it after the list
    game.manager.run_callbacks()
    line.release()
    game.until(lambda: game.results or game.percent(WALK) != 60)
    assert game.percent(WALK) == 60
    game.until(lambda: game.manager.pending_count == 0)
    assert game.percent(WALK) == 60
    assert game.told == [(WALK, 60)]


def test_an_achievement_that_is_secure_no_more_is_shown_at_once(world: World) -> None:
    game = world.online(line=world.line(streams=False))
    world.service.add_achievement(SECURE, "Champion", "Win a season.", secure=False)
    assert game.set(SECURE, 10) is OK  # the answer tells
    world.lines[0].hold()
    game.manager.set_user_achievement(SECURE, 20)
    game.manager.run_callbacks()
    assert game.told == [(SECURE, 10), (SECURE, 20)]


def test_a_new_achievement_without_progress_is_no_news(world: World) -> None:
    game = world.online()
    world.service.add_achievement(UNKNOWN, "New", "Brand new.")
    assert game.set(UNKNOWN, 0) is OK
    game.until(lambda: UNKNOWN in game.percents)
    assert game.events == []


def test_a_handler_that_is_replaced_while_news_waits_leaves_it_to_its_successor(world: World) -> None:
    ids = world.service.fill(3)
    game = world.online(line=world.line(streams=False))
    one, two = list[UserAchievement](), list[UserAchievement]()
    game.manager.on_user_achievement_update = one.append
    for achievement_id in ids:
        world.service.grant(ANN, achievement_id, 5)
    game.manager.fetch_user_achievements(game.results.append)
    while not one:
        game.manager.run_callbacks(budget_s=0)
    game.manager.on_user_achievement_update = two.append
    game.until(lambda: game.results)
    assert [event.achievement_id for event in one] == ids[:1]
    assert [event.achievement_id for event in two] == ids[1:]


def test_the_list_changes_inside_run_callbacks_only(world: World) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    before = game.percents
    world.service.grant(ANN, WIN, 100)
    game.manager.set_user_achievement(WALK, 50)
    game.manager.fetch_user_achievements()
    eventually(lambda: len(line.of("GET")) >= 2)
    assert game.manager.flush() is True
    assert game.percents == before
    assert game.events == []
    game.until(lambda: game.percents == {WALK: 50, WIN: 100, SECURE: 0})


def test_an_achievement_that_the_service_has_deleted_is_gone(world: World) -> None:
    both, one = [superset(WALK, 10), superset(WIN, 20)], superset(WIN, 20)
    transport = ScriptedTransport({"get_user_achievements": listing(*both)})
    game = scripted(world, transport)
    game.fetch()
    assert game.percents == {WALK: 10, WIN: 20}
    transport.answer("get_user_achievements", listing(one))
    game.fetch()
    game.until(lambda: game.percents == {WIN: 20})
    with pytest.raises(ResultError) as caught:
        game.manager.get_achievement(WALK)
    assert caught.value.result is Result.NOT_FOUND


# What answers may look like


def superset(achievement_id: int, percent: int, **more: Any) -> dict[str, Any]:
    """An entry as the service of the contract tells it, in the form of API v10."""
    return {
        "application_id": str(APPLICATION_ID),
        "id": str(achievement_id),
        "name": "Walk",
        "name_localizations": {"de": "Gehe"},
        "description": "Walk a mile.",
        "description_localizations": None,
        "secret": False,
        "secure": False,
        "icon_hash": "0" * 32,
        "user_id": str(ANN),
        "achievement_id": str(achievement_id),
        "percent_complete": percent,
        "unlocked_at": None,
        "revision": 1,
    } | more


def listing(*entries: Mapping[str, Any]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(entries).encode())


def scripted(world: World, transport: ScriptedTransport, *, streams: bool = False, **more: Any) -> Game:
    """Start a game on a service that says what the test's table says, and asks for no more lists than the game does."""
    if not streams:
        transport.answer("user_achievement_events", NO_STREAM)
    options: dict[str, Any] = {"data_dir": world.folder / "scripted", "clock": world.clock, "token": "t"} | more
    manager = AchievementManager(APPLICATION_ID, base_url=BASE_URL, transport=transport, **options)
    world.managers.append(manager)
    return Game(manager)


OBJECTS = {
    "application_id": str(APPLICATION_ID),
    "name": {"default": "Walk", "localizations": {"de": "Gehe"}},
    "description": {"default": "Walk a mile."},
    "secret": False,
    "secure": False,
    "icon_hash": "c3eb7d2f2ea7d5b2ad4f6b7b4c1b9d6d",
    "id": str(WALK),
}
RECORD = {"user_id": str(ANN), "achievement_id": str(WALK), "percent_complete": 35, "unlocked_at": None}
STRINGS = superset(WALK, 35)
HALF = {"percent_complete": 50}


@pytest.mark.parametrize(
    ("entry", "percent", "name"),
    [
        pytest.param(STRINGS, 35, "Gehe", id="superset of v10"),
        pytest.param(OBJECTS | RECORD, 35, "Gehe", id="superset of v6"),
        pytest.param(OBJECTS, 0, "Gehe", id="definition only"),
        pytest.param(RECORD, 35, "", id="record only"),
        pytest.param(STRINGS | {"created_at": [1], "tier": {"x": None}}, 35, "Gehe", id="fields of tomorrow"),
        pytest.param({"user_id": str(ANN), "achievement_id": str(WALK), "percent_complete": 35}, 35, "", id="no time"),
    ],
)
def test_every_form_of_the_list_is_understood(world: World, entry: dict[str, Any], percent: int, name: str) -> None:
    game = scripted(world, ScriptedTransport({"get_user_achievements": listing(entry)}), locale="de")
    assert game.fetch() is OK
    assert game.percents == {WALK: percent}
    assert game.manager.get_achievement(WALK).name == name


def test_records_leave_the_texts_to_the_catalogue(world: World) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(RECORD)})
    game = scripted(world, transport, achievements=write_catalogue(world.folder))
    assert game.fetch() is OK
    assert game.percents == {WALK: 35, WIN: 0, SECURE: 0}
    assert game.manager.get_achievement(WALK).name == "Walk"


@pytest.mark.parametrize("answer", [b"{}", b"", STRINGS | HALF, OBJECTS | RECORD | HALF, RECORD | HALF])
def test_every_form_of_an_updates_answer_is_understood(world: World, answer: bytes | dict[str, Any]) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    transport = ScriptedTransport(
        {"get_user_achievements": listing(STRINGS), "update_user_achievement": Response(200, {}, body)}
    )
    game = scripted(world, transport)
    game.fetch()
    assert game.set(WALK, 50) is OK
    assert game.manager.pending_count == 0
    assert game.percent(WALK) == 50


# The service's word, as a Result


def error(status: int, code: int | None, **headers: str) -> Response:
    """An error answer in Discord's form; without a code it is a proxy's web page."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if code is None:
        return Response(status, {"content-type": "text/html", **named}, b"<h1>error</h1>")
    body = json.dumps({"message": "no", "code": code}).encode()
    return Response(status, {"content-type": "application/json", **named}, body)


HTML = Response(200, {"content-type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title>")
REFUSED = [
    (error(400, 50035), Result.INVALID_PAYLOAD),
    (error(400, 50109), Result.INVALID_PAYLOAD),
    (error(413, 40005), Result.INVALID_PAYLOAD),
    (error(403, 50013), Result.INVALID_PERMISSIONS),
    (error(404, 990001), Result.NOT_FOUND),
    (error(409, 0), Result.CONFLICT),
    (error(403, 20012), Result.UNAUTHORIZED_FOR_ACHIEVEMENT),
]
KEPT = [
    (TransportError("no route to host"), UNAVAILABLE),
    (TransportError("timed out", timed_out=True), UNAVAILABLE),
    (TransportError("no trusted TLS connection"), UNAVAILABLE),
    (error(500, 0), UNAVAILABLE),
    (error(502, None), UNAVAILABLE),
    (error(503, None), UNAVAILABLE),
    (error(504, None), UNAVAILABLE),
    (error(410, 0), UNAVAILABLE),
    (error(302, None, location="http://elsewhere.invalid/"), UNAVAILABLE),
    (error(400, 50041), Result.INVALID_VERSION),
    (HTML, Result.INTERNAL_ERROR),
    (Response(200, {"content-type": "application/json"}, b'{"id": "58'), Result.INTERNAL_ERROR),
    (error(404, 0), Result.INVALID_COMMAND),
    (error(405, 0), Result.INVALID_COMMAND),
    (error(404, 10002), Result.NOT_FOUND),
    (error(404, 10013), Result.NOT_FOUND),
    (error(403, 50025), Result.APPLICATION_MISMATCH),
    (error(401, 0), Result.INVALID_ACCESS_TOKEN),
    (error(429, 0, retry_after="600"), Result.RATE_LIMITED),
]


def name_of(value: object) -> str | None:
    if isinstance(value, Response):
        return f"{value.status}-{value.body[:30]!r}"
    return type(value).__name__ if isinstance(value, Exception) else None


@pytest.mark.parametrize(("answer", "result"), REFUSED, ids=name_of)
def test_a_judgement_is_final(world: World, answer: Response, result: Result) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(STRINGS), "update_user_achievement": answer})
    game = scripted(world, transport)
    game.fetch()
    assert game.set(WALK, 50) is result
    assert game.percent(WALK) == 35
    assert game.told == [(WALK, 50), (WALK, 35)]
    assert game.manager.pending_count == 0
    world.clock.advance(LONG_S)
    assert game.fetch() is OK
    assert len([one for one in transport.requests if one.method == "PUT"]) == 1


@pytest.mark.parametrize(("answer", "result"), KEPT, ids=name_of)
def test_a_failure_is_told_and_the_update_kept(world: World, answer: Response | Exception, result: Result) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(STRINGS), "update_user_achievement": answer})
    game = scripted(world, transport)
    game.fetch()
    assert game.set(WALK, 50) is result
    assert game.percent(WALK) == 50
    assert game.told == [(WALK, 50)]
    assert game.manager.pending_count == 1
    game.manager.close()
    well = Response(200, {}, b"{}")
    transport = ScriptedTransport({"get_user_achievements": listing(STRINGS), "update_user_achievement": well})
    again = scripted(world, transport)
    again.fetch()
    again.until(lambda: again.manager.pending_count == 0)
    assert again.percent(WALK) == 50


@pytest.mark.parametrize(("answer", "result"), [*REFUSED, *KEPT], ids=name_of)
def test_a_fetch_is_told_why_there_is_no_list(world: World, answer: Response | Exception, result: Result) -> None:
    game = scripted(world, ScriptedTransport({"get_user_achievements": listing(STRINGS)}))
    game.fetch()
    game.manager.close()
    again = scripted(world, ScriptedTransport({"get_user_achievements": answer}))
    assert again.fetch() is result
    assert again.percents == {WALK: 35}  # the last known one


def test_a_list_that_breaks_off_changes_nothing(world: World) -> None:
    whole = json.dumps([superset(id_, 90, revision=9) for id_ in (WALK, WIN)]).encode()
    transport = ScriptedTransport({"get_user_achievements": [listing(STRINGS), *[Response(200, {}, whole[:-40])] * 9]})
    game = scripted(world, transport)
    game.fetch()
    assert game.fetch() is Result.INTERNAL_ERROR
    assert game.percents == {WALK: 35}
    assert game.events == []


# Limits


def test_what_the_headers_say_will_be_refused_is_not_sent(world: World) -> None:
    world.service = FakeService(APPLICATION_ID, clock=world.clock, limits=True)
    world.service.add_player("ann-1", ANN)
    ids = world.service.fill(12)
    line = world.line(streams=False)
    game = world.online(line=line)
    for achievement_id in ids:
        game.manager.set_user_achievement(achievement_id, 50, game.results.append)
    for arrived in (5, 10, 12):  # five in five seconds
        game.until(lambda arrived=arrived: len(game.results) == arrived)  # type: ignore[misc]
        assert len(line.put) == arrived
        world.clock.advance(5)
    assert set(game.results) == {OK}
    assert 429 not in line.statuses
    assert game.connection == []


def test_a_short_wait_is_sat_out(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    line.answers.append(error(429, 0, retry_after="3"))
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    eventually(lambda: 429 in line.statuses)
    game.manager.run_callbacks()
    assert game.results == []
    world.clock.advance(2.9)
    game.manager.run_callbacks()
    assert len(line.put) == 1
    world.clock.advance(3.1)  # those three seconds may have begun only now
    game.until(lambda: game.results)
    assert game.results == [OK]
    assert len(line.put) == 2


def test_a_long_wait_is_given_up_and_done_later(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    line.answers.append(error(429, 0, retry_after="600"))
    assert game.set(WALK, 50) is Result.RATE_LIMITED
    world.clock.advance(599)
    assert game.set(WALK, 60) is not OK
    assert len(line.put) == 1
    world.clock.advance(2)
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 60}


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "500"},
        {"retry_after": "Tue, 02 May 2023 12:08:20 GMT"},  # the manual clock says 12:00
        {"retry_after": "Sun, 06 Nov 1994 08:57:57 GMT", "date": "Sun, 06 Nov 1994 08:49:37 GMT"},
    ],
)
def test_the_services_word_outranks_the_table(world: World, headers: dict[str, str]) -> None:
    game = world.online()
    line = world.lines[0]
    line.answers.append(error(503, None, **headers))
    assert game.set(WALK, 50) is UNAVAILABLE
    world.clock.advance(499)
    assert game.fetch() is UNAVAILABLE  # a game that asks does not hurry a service that has said when
    assert len(line.put) == 1
    world.clock.advance(2)
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 50}


# Tokens


class Tokens:
    """A token object that writes down what it is asked."""

    def __init__(self, *tokens: str | Exception, user_id: int | None = None) -> None:
        self.asked: list[str] = []
        self._tokens = deque(tokens)
        if user_id is not None:
            self.user_id = user_id

    def get_token(self) -> str:
        self.asked.append("get_token")
        return self._next()

    def refresh(self) -> str:
        self.asked.append("refresh")
        return self._next()

    def _next(self) -> str:
        token = self._tokens.popleft() if len(self._tokens) > 1 else self._tokens[0]
        if isinstance(token, Exception):
            raise token
        return token


def test_a_refused_token_is_renewed_once(world: World) -> None:
    tokens = Tokens("expired", "ann-1")
    game = world.start(tokens)
    assert game.set(WALK, 50) is OK
    assert tokens.asked == ["get_token", "refresh"]
    assert world.percents() == {WALK: 50}
    assert {one.headers["Authorization"] for one in world.lines[0].of("PUT")} == {"Bearer ann-1"}


def test_a_token_that_ends_during_play_is_renewed(world: World) -> None:
    tokens = Tokens("ann-1", "ann-2", "ann-3")
    game = world.online(tokens)
    world.service.revoke("ann-1")
    world.service.add_player("ann-2", ANN)
    assert game.set(WALK, 50) is OK
    world.service.revoke("ann-2")
    world.service.add_player("ann-3", ANN)
    assert game.set(WALK, 60) is OK
    assert tokens.asked == ["get_token", "refresh", "refresh"]
    assert game.manager.get_user_achievement(WALK).user_id == ANN
    game.manager.close()
    again = world.start("ann-3", down=True)  # it is remembered whose that is
    again.fetch()
    assert again.percent(WALK) == 60


def test_when_the_renewed_token_is_refused_too_another_one_is_waited_for(world: World) -> None:
    tokens = Tokens("expired", "expired-too")
    game = world.start(tokens, achievements=write_catalogue(world.folder))
    assert game.set(WALK, 50) is Result.INVALID_ACCESS_TOKEN
    assert tokens.asked == ["get_token", "refresh"]
    assert game.manager.pending_count == 1
    assert game.told == [(WALK, 50)]
    count = len(world.lines[0].requests)
    world.clock.advance(LONG_S)
    assert game.set(WALK, 60) is Result.INVALID_ACCESS_TOKEN
    assert len(world.lines[0].requests) == count  # nobody is asked with a token that is known to be bad
    game.manager.set_token("ann-1")
    game.until(lambda: world.percents() == {WALK: 60})
    assert len(game.results) == 2


def test_a_plain_token_that_is_refused_waits_for_another_one(world: World) -> None:
    game = world.start("expired")
    assert game.set(WALK, 50) is Result.INVALID_ACCESS_TOKEN
    game.manager.set_token(Tokens("ann-1"))
    game.until(lambda: world.percents() == {WALK: 50})
    assert game.set(WALK, 70) is OK


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_nobody_is_signed_in(world: World, token: str | None) -> None:
    game = world.start(token, achievements=write_catalogue(world.folder))
    assert game.set(WALK, 50) is Result.NOT_AUTHENTICATED
    assert game.fetch() is Result.NOT_AUTHENTICATED
    assert game.percents == {WALK: 50, WIN: 0, SECURE: 0}
    assert world.lines[0].requests == []
    game.manager.set_token("ann-1")
    game.until(lambda: world.percents() == {WALK: 50})
    game.until(lambda: game.manager.get_user_achievement(WALK).user_id == ANN)


def test_a_sign_in_that_fails_is_tried_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens(OSError("cannot reach the sign-in with hunter2"), "ann-1")
    game = world.start(tokens)
    assert game.set(WALK, 50) is Result.OAUTH2_ERROR
    assert game.manager.pending_count == 1
    world.clock.advance(LONG_S)
    game.until(lambda: world.percents() == {WALK: 50})
    assert "hunter2" not in caplog.text


# What the log says without having been set up


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_service_without_a_token_is_told_in_the_log_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    game = world.start(None)
    assert game.fetch() is game.set(WALK, 10) is game.fetch() is Result.NOT_AUTHENTICATED
    (message,) = warned(caplog)
    assert "set_token()" in message


def test_only_the_first_outage_is_a_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    game = world.start(down=True)
    for outage, percent in enumerate((10, 20), 1):
        world.lines[0].transport.go_down()
        assert game.set(WALK, percent) is UNAVAILABLE
        bring_back(world, world.lines[0])
        game.until(lambda: game.manager.is_online and not game.manager.pending_count)
        assert caplog.messages.count("the service is in reach again") == outage
        assert sum("the update is kept" in message for message in caplog.messages) >= outage
    assert len(warned(caplog)) == 1


@pytest.mark.parametrize("answer", [(404, None), (404, 0), (405, 0), (400, 50041)])
@pytest.mark.parametrize(
    ("base_url", "advice"),
    [
        ("https://game.invalid:8000", "has to end in /api/v10"),
        ("https://game.invalid:8000/api/v11", "has to end in /api/v10"),
        ("https://game.invalid:8000/api/v10", "has to be the address of one"),
    ],
)
def test_another_address_than_the_services_is_told_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture, answer: tuple[int, int | None], base_url: str, advice: str
) -> None:
    line = world.line()
    line.answers.append(error(*answer))
    game = world.start(line=line, base_url=base_url)
    game.manager.set_user_achievement(WALK, 10)
    told = f"{base_url} is not an achievements service: base_url {advice}"
    game.until(lambda: any(told in message for message in warned(caplog)))
    assert game.manager.pending_count == 1


@pytest.mark.parametrize("token", ["Bot hunter2", "hunter2 \n", "", 5, None])
def test_a_token_object_that_returns_nonsense_is_told_in_the_log(
    world: World, token: Any, caplog: pytest.LogCaptureFixture
) -> None:
    game = world.start(Tokens(token, token) if token != "hunter2 \n" else Tokens("hunter2 \x00"))
    assert game.set(WALK, 50) is Result.INVALID_ACCESS_TOKEN
    assert "token" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_token_appears_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.service.add_player("hunter2", ANN)
    game = world.online("hunter2")
    world.lines[0].answers.extend([error(500, 0), TransportError("broke"), error(409, 0)])
    game.set(WALK, 50)
    world.clock.advance(LONG_S)
    game.until(lambda: game.manager.pending_count == 0)
    world.service.revoke("hunter2")
    assert game.set(WALK, 60) is Result.INVALID_ACCESS_TOKEN
    with pytest.raises(ConfigurationError) as caught:
        game.manager.set_token("Bot hunter2")
    game.manager.close()
    assert caplog.records
    told = [caplog.text, repr(game.manager), str(caught.value), *map(repr, world.lines[0].requests)]
    assert [text for text in told if "hunter2" in text] == []
    assert [path for path in (world.folder / "data").iterdir() if b"hunter2" in path.read_bytes()] == []


# Who plays


def test_what_was_done_in_local_mode_is_the_first_players(world: World) -> None:
    catalogue = write_catalogue(world.folder)
    with AchievementManager(
        APPLICATION_ID, achievements=catalogue, data_dir=world.folder / "data", clock=world.clock
    ) as local:
        before = Game(local)
        before.set(WALK, 40)
        before.set(WIN, 100)
    world.clock.advance(7200)

    game = world.online(achievements=catalogue)
    game.until(lambda: world.percents() == {WALK: 40, WIN: 100})
    game.until(lambda: game.manager.pending_count == 0)
    assert game.percents == {WALK: 40, WIN: 100, SECURE: 0}
    unlocked_at = game.manager.get_user_achievement(WIN).unlocked_at
    assert unlocked_at == "2023-05-02T12:00:00.000000+00:00"
    game.manager.close()

    second = world.online("bob-1", achievements=catalogue)
    assert second.percents == {WALK: 0, WIN: 0, SECURE: 0}
    assert world.percents(BOB) == {}
    second.manager.close()

    world.service.reset(ANN, WALK)
    again = world.online(achievements=catalogue)  # delivered once: a reset is not undone by it
    assert again.percents == {WALK: 0, WIN: 100, SECURE: 0}
    assert world.percents()[WALK] == 0


def test_two_players_on_one_machine_do_not_get_each_others_progress(world: World) -> None:
    world.online().manager.close()
    ann = world.start(down=True)
    assert ann.set(WALK, 50) is UNAVAILABLE
    ann.manager.close()

    bob = world.start("bob-1", down=True)  # a token that has never been online
    assert bob.manager.pending_count == 0
    assert bob.set(WIN, 100) is UNAVAILABLE
    bob.fetch()
    assert bob.percents == {WALK: 0, WIN: 100, SECURE: 0}
    bob.manager.close()

    bob = world.online("bob-1")
    bob.until(lambda: bob.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {WIN: 100})
    bob.manager.close()

    ann = world.online()
    ann.until(lambda: ann.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({WALK: 50}, {WIN: 100})
    assert ann.percents == {WALK: 50, WIN: 0, SECURE: 0}


def test_another_player_takes_over_during_play(world: World) -> None:
    ann = world.online()
    line = world.lines[0]
    line.transport.go_down()
    assert ann.set(WALK, 50) is UNAVAILABLE
    ann.manager.set_token("bob-1")
    ann.until(lambda: ann.percents == {WALK: 0, WIN: 0, SECURE: 0})
    assert ann.manager.pending_count == 0
    assert ann.set(WIN, 20) is UNAVAILABLE
    bring_back(world, line)
    ann.until(lambda: ann.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {WIN: 20})
    ann.until(lambda: ann.manager.get_user_achievement(WIN).user_id == BOB)
    ann.manager.set_token("ann-1")
    ann.until(lambda: world.percents(ANN) == {WALK: 50})
    ann.until(lambda: ann.percents == {WALK: 50, WIN: 0, SECURE: 0})


def test_a_set_right_after_the_change_of_players_is_the_new_players(world: World) -> None:
    game = world.online()
    game.set(WALK, 30)
    game.manager.set_token("bob-1")
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.until(lambda: len(game.results) == 2)
    game.manager.flush()
    assert (world.percents(ANN), world.percents(BOB)) == ({WALK: 30}, {WALK: 50})
    game.until(lambda: game.percents == {WALK: 50, WIN: 0, SECURE: 0})
    game.until(lambda: game.manager.get_user_achievement(WALK).user_id == BOB)


def test_what_is_set_right_after_the_change_of_players_is_shown_out_of_reach_too(world: World) -> None:
    game = world.online()
    game.set(WALK, 50)
    world.lines[0].transport.go_down()
    game.manager.set_token("bob-1")
    game.manager.set_user_achievement(WALK, 20)  # less than Ann's, which the list still shows
    game.until(lambda: game.told == [(WALK, 50), (WALK, 20)])
    assert game.percents == {WALK: 20, WIN: 0, SECURE: 0}
    assert game.manager.pending_count == 1


SIGN_IN_AND_DIE = """
    import os, sys
    from discord_achievements import AchievementManager
    from discord_achievements.testing import ScriptedTransport, run_until

    application_id, walk, base_url, catalogue, data_dir = sys.argv[1:]
    manager = AchievementManager(
        int(application_id), achievements=catalogue, base_url=base_url, token="ann-1", data_dir=data_dir,
        transport=ScriptedTransport({}),
    )
    told = []
    manager.set_user_achievement(int(walk), 50, told.append)
    run_until(manager, lambda: told)
    manager.set_token("bob-1")
    manager.set_user_achievement(int(walk), 20)  # less than Ann's, which the list still shows
    os._exit(0)
"""


def test_what_is_set_right_after_the_change_of_players_survives_a_crash(world: World) -> None:
    catalogue = write_catalogue(world.folder)
    ended = run_python(SIGN_IN_AND_DIE, APPLICATION_ID, WALK, BASE_URL, catalogue, world.folder / "data")
    assert ended.returncode == 0, ended.stderr
    bob = world.online("bob-1")
    bob.until(lambda: world.percents(BOB) == {WALK: 20})
    bob.manager.close()
    ann = world.online("ann-1")
    ann.until(lambda: world.percents(ANN) == {WALK: 50})


def test_the_owner_of_a_token_object_may_be_known_beforehand(world: World) -> None:
    game = world.start(Tokens("ann-1", user_id=ANN), down=True, achievements=write_catalogue(world.folder))
    game.set(WALK, 50)
    game.fetch()
    assert game.manager.get_user_achievement(WALK).user_id == ANN
    game.manager.close()
    world.service.add_player("ann-2", ANN)
    again = world.online(Tokens("ann-2", user_id=ANN))
    again.until(lambda: again.manager.pending_count == 0)
    assert world.percents() == {WALK: 50}


def refusing(token: str, refused: Response, method: str = "") -> Callable[[Request], Response | None]:
    """Have what is sent with `token`, or only what is sent by `method`, be refused."""

    def intercept(request: Request) -> Response | None:
        is_refused = request.headers["Authorization"].endswith(token) and request.method.startswith(method)
        return refused if is_refused else None

    return intercept


def test_what_waits_is_not_delivered_with_a_renewed_token_of_another_player(world: World) -> None:
    game = world.online(Tokens("ann-1", "bob-1"))
    world.service.revoke("ann-1")
    assert game.set(WALK, 50) is Result.NOT_AUTHENTICATED
    game.until(lambda: game.percents == {WALK: 0, WIN: 0, SECURE: 0})
    game.until(lambda: game.manager.pending_count == 0)
    assert game.set(WIN, 20) is OK
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {WIN: 20})
    bobs = [one for one in world.lines[0].of("PUT") if one.headers["Authorization"] == "Bearer bob-1"]
    assert [one.url.rpartition("/")[2] for one in bobs] == [str(WIN)]
    world.service.grant(BOB, SECURE, 100)  # and Bob's changes elsewhere are heard of
    game.until(lambda: game.percents == {WALK: 0, WIN: 20, SECURE: 100})
    world.service.add_player("ann-2", ANN)
    game.manager.set_token("ann-2")
    game.until(lambda: world.percents(ANN) == {WALK: 50})
    assert world.percents(BOB) == {WIN: 20, SECURE: 100}


def test_a_sign_in_that_fails_for_a_while_may_end_with_another_player(world: World) -> None:
    game = world.online(Tokens("ann-1", OSError("no sign-in"), "bob-1"))
    wait_for_stream(game, world.lines[0])  # so that it is the update that is sent next
    world.service.revoke("ann-1")
    assert game.set(WALK, 50) is Result.OAUTH2_ERROR
    world.clock.advance(LONG_S)
    game.until(lambda: game.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {})


def test_a_renewed_token_of_which_nothing_is_known_yet_is_nobodys(world: World) -> None:
    line = world.line()
    game = world.online(Tokens("ann-1", "bob-1"), line=line)
    world.service.revoke("ann-1")
    line.transport.intercept = refusing("bob-1", error(503, None))
    assert game.set(WALK, 50) is UNAVAILABLE
    assert game.manager.pending_count == 1
    game.manager.close()  # before anybody knows whose the new token is
    bob = world.online("bob-1")
    assert bob.manager.pending_count == 0
    assert bob.percents == {WALK: 0, WIN: 0, SECURE: 0}
    bob.manager.close()
    world.service.add_player("ann-1", ANN)
    ann = world.online("ann-1")
    ann.until(lambda: ann.manager.pending_count == 0)
    assert (world.percents(ANN), world.percents(BOB)) == ({WALK: 50}, {})


def test_what_was_done_with_a_token_before_a_renewal_told_whose_it_is_is_kept(world: World) -> None:
    bob = world.start("bob-1", down=True, achievements=write_catalogue(world.folder))
    assert bob.set(WIN, 30) is UNAVAILABLE
    bob.manager.close()
    game = world.online(Tokens("ann-1", "bob-1"))
    world.service.revoke("ann-1")
    assert game.set(WALK, 50) is Result.NOT_AUTHENTICATED
    game.until(lambda: world.percents(BOB) == {WIN: 30})
    assert world.percents(ANN) == {}


def test_while_no_list_tells_whose_a_renewed_token_is_nothing_is_sent_with_it(world: World) -> None:
    line = world.line()
    game = world.online(Tokens("ann-1", "ann-2"), line=line)
    world.service.revoke("ann-1")
    world.service.add_player("ann-2", ANN)
    line.transport.intercept = refusing("ann-2", error(403, 50013), "GET")
    assert game.set(WALK, 50) is Result.INVALID_PERMISSIONS
    assert game.set(WIN, 50) is Result.INVALID_PERMISSIONS
    assert (game.manager.pending_count, world.percents()) == (2, {})
    line.transport.intercept = None
    assert game.fetch() is OK
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 50, WIN: 50}


def test_a_service_that_names_nobody_gets_what_waits_with_a_renewed_token(world: World) -> None:
    entry = {name: value for name, value in superset(WALK, 35).items() if name != "user_id"}
    transport = ScriptedTransport(
        {
            "get_user_achievements": listing(entry),
            "update_user_achievement": [error(401, 0), Response(200, {}, b"{}")],
        }
    )
    game = scripted(world, transport, token=Tokens("first", "second"))
    game.fetch()
    assert game.set(WALK, 50) is OK
    assert [one.method for one in transport.requests if not one.url.endswith("/events")] == ["GET", "PUT", "GET", "PUT"]


def test_a_token_object_that_is_wrong_about_its_player_delivers_nothing_of_theirs(world: World) -> None:
    world.online("bob-1").manager.close()  # from now on it is known whose that is
    line = world.line()
    tokens = Tokens(OSError("no sign-in"), "bob-1", user_id=ANN)
    game = world.start(tokens, line=line, achievements=write_catalogue(world.folder))
    assert game.set(WALK, 50) is Result.OAUTH2_ERROR
    world.clock.advance(LONG_S)
    game.until(lambda: game.manager.pending_count == 0)
    assert game.fetch() is OK
    assert (world.percents(ANN), world.percents(BOB)) == ({}, {})


def test_two_managers_of_one_game_lose_nothing(world: World) -> None:
    one, two = world.online(), world.online()
    one.set(WALK, 40)
    two.set(WIN, 100)
    two.set(WALK, 30)
    assert world.percents() == {WALK: 40, WIN: 100}
    for game in (one, two):
        game.fetch()
        assert game.percents == {WALK: 40, WIN: 100, SECURE: 0}
        assert game.manager.pending_count == 0


def test_what_one_process_could_not_deliver_is_delivered_once(world: World) -> None:
    one = world.start(down=True)
    one.set(WALK, 40)
    two = world.online()
    one.manager.close()
    two.manager.close()
    three = world.online()
    three.until(lambda: three.manager.pending_count == 0)
    assert world.percents() == {WALK: 40}
    updates = [update for line in world.lines for update in line.put]
    assert len(updates) == 1


# The end


def test_close_gives_up_what_waits_and_the_next_start_delivers_it(world: World) -> None:
    game = world.online()
    line = world.lines[0]
    line.transport.intercept = never(line)
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.manager.set_user_achievement(UNKNOWN, 50, game.results.append)
    game.manager.fetch_user_achievements(game.results.append)
    game.manager.close()
    assert game.results == [Result.TRANSACTION_ABORTED] * 3
    assert world.percents() == {}
    again = world.online()
    again.until(lambda: again.manager.pending_count == 0)
    assert world.percents() == {WALK: 50}
    assert again.percents == {WALK: 50, WIN: 0, SECURE: 0}


def never(line: Line) -> Callable[[Request], Response]:
    """Answer nothing until the transport is closed, as a connection that is cut."""
    closed = threading.Event()
    close = line.transport.close

    def closing() -> None:
        closed.set()
        close()

    def intercept(request: Request) -> Response:
        assert closed.wait(PATIENCE_S)
        raise TransportError("the connection was cut")

    line.transport.close = closing  # type: ignore[method-assign]
    return intercept


def test_close_leaves_no_thread(world: World) -> None:
    game = world.online()
    wait_for_stream(game, world.lines[0])
    game.manager.close()
    assert [thread.name for thread in threading.enumerate() if "discord_achievements" in thread.name] == []


FORK = """
    import gc, os, sys
    from discord_achievements import AchievementManager
    from discord_achievements.testing import FakeService, InProcessTransport, run_until

    class Line(InProcessTransport):
        def close(self):
            # In one piece: two threads may be here at once.
            os.write(1, b"closed by the parent\\n" if os.getpid() == parent else b"closed by the child\\n")
            super().close()

    parent = os.getpid()
    application_id, walk, base_url, data_dir = sys.argv[1:]
    service = FakeService(int(application_id))
    service.add_achievement(int(walk))
    service.add_player("ann-1", 1)
    manager = AchievementManager(
        int(application_id), base_url=base_url, token="ann-1", data_dir=data_dir, transport=Line(service)
    )
    told = []
    manager.fetch_user_achievements(told.append)
    run_until(manager, lambda: told)
    child = os.fork()
    if not child:
        manager.set_token("bob-1")
        manager.close()
        del manager
        gc.collect()
        sys.exit()
    os.waitpid(child, 0)
    manager.set_user_achievement(int(walk), 70, told.append)
    run_until(manager, lambda: len(told) == 2)
    print([result.name for result in told], service.progress(1)[int(walk)].percent, flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_leaves_the_parents_connections_alone(world: World) -> None:
    ended = run_python(FORK, APPLICATION_ID, WALK, BASE_URL, world.folder / "data")
    assert ended.returncode == 0, ended.stderr
    first, *others = ended.stdout.splitlines()
    assert first == "['OK', 'OK'] 70"
    assert set(others) == {"closed by the parent"}


def test_set_token_after_close_checks_and_does_nothing(world: World) -> None:
    game = world.start()
    game.manager.close()
    game.manager.set_token("ann-2")
    with pytest.raises(ConfigurationError):
        game.manager.set_token("Bot ann-2")


def test_an_icon_is_fetched_once_and_kept(world: World) -> None:
    game = world.online()
    assert game.manager.get_icon(WALK) is None
    game.until(lambda: game.manager.get_icon(WALK))
    path = game.manager.get_icon(WALK)
    assert path is not None
    assert Path(path).read_bytes().startswith(b"\x89PNG")
    (request,) = [one for one in world.lines[0].requests if "/icons/" in one.url]
    assert "Authorization" not in request.headers  # icons are public
    assert request.url.startswith("https://achievements.invalid/app-assets/")
    game.manager.close()

    again = world.start(down=True)
    again.until(lambda: again.manager.get_icon(WALK))
    assert again.manager.get_icon(WALK) == path
    assert again.manager.get_icon(UNKNOWN) is None


# The constructor


def construct(tmp_path: Path, **more: Any) -> AchievementManager:
    transport = InProcessTransport(FakeService(APPLICATION_ID))
    options: dict[str, Any] = {"data_dir": tmp_path / "data", "transport": transport} | more
    return AchievementManager(APPLICATION_ID, **options)


@pytest.mark.parametrize(
    "url",
    [
        "http://achievements.invalid/api/v10",
        "http://192.168.1.5/api/v10",
        "http://127.0.0.1.evil.invalid/api",
        "http://localhost.evil.invalid/api",
        "http://0.0.0.0/api",
    ],
)
def test_a_token_goes_over_http_to_this_machine_only(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="allow_insecure_http"):
        construct(tmp_path, base_url=url, token="t")
    construct(tmp_path, base_url=url, token="t", allow_insecure_http=True).close()


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.8.8.8", "localhost", "LOCALHOST:80", "[::1]:8000"])
def test_http_to_this_machine_is_fine(tmp_path: Path, host: str) -> None:
    construct(tmp_path, base_url=f"http://{host}/api/v10", token="t").close()


@pytest.mark.parametrize(
    "url",
    [
        "https://hunter2@host.invalid/api",
        "https://user:hunter2@host.invalid/api",
        "https://user:hunter2",
        "https://[hunter2/api",
        "https://host.invalid/api?token=hunter2",
        "https://host.invalid/api#hunter2",
        "https://host.invalid/api/ hunter2",
        "https://host.invalid/api\nhunter2",
        "hunter2",
        "//hunter2",
        "ftp://host.invalid/hunter2",
        "https:///hunter2",
        b"https://host.invalid/hunter2",
        5,
    ],
)
def test_an_unusable_url_is_refused_without_repeating_what_may_be_secret(
    tmp_path: Path, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        construct(tmp_path, base_url=url, token="t")
    assert caught.value.__cause__ is None
    if "@" in str(url) or "?" in str(url) or "#" in str(url):
        assert "hunter2" not in str(caught.value)
    if isinstance(url, str) and "\n" not in url:
        monkeypatch.setenv("DISCORD_ACHIEVEMENTS_URL", url)
        with pytest.raises(ConfigurationError, match="DISCORD_ACHIEVEMENTS_URL"):
            construct(tmp_path, token="t")


@pytest.mark.parametrize(
    "token",
    [
        "Bot hunter2",
        "bot hunter2",
        " BOT hunter2",
        "Bearer Bot hunter2",
        "dabot_0123456789ab_hunter2",  # as the command line prints it
        "Bearer dabot_0123456789ab_hunter2",
        "Bearer Bearer dabot_0123456789ab_hunter2",
        "Bot dabot_0123456789ab_hunter2",
    ],
)
def test_a_bot_token_is_refused_with_the_reason(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigurationError, match="token") as caught:
        construct(tmp_path, base_url=BASE_URL, token=token)
    assert "hunter2" not in str(caught.value)
    assert "bot token" in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "Bearer "])
def test_a_token_of_the_application_is_refused_with_the_reason(world: World, prefix: str) -> None:
    game = world.start()
    with pytest.raises(ConfigurationError, match="not of a player") as caught:
        game.manager.set_token(f"{prefix}daclient_0123456789ab_hunter2")
    assert "hunter2" not in str(caught.value)


class NoRefresh:
    def get_token(self) -> str:
        return "hunter2"


@pytest.mark.parametrize(
    "token", [5, b"hunter2", ["hunter2"], NoRefresh(), Tokens, "hunter2\nx", "hunter2 x", "hünter2", "x" * 5000]
)
def test_an_unusable_token_is_refused_and_not_repeated(tmp_path: Path, token: Any) -> None:
    with pytest.raises(ConfigurationError, match="token") as caught:
        construct(tmp_path, base_url=BASE_URL, token=token)
    assert "hunter2" not in str(caught.value)
    assert "xxxx" not in str(caught.value)


@pytest.mark.parametrize("user_id", ["53908232506183680", 0, -1, True])
def test_a_token_objects_user_id_is_an_id(tmp_path: Path, user_id: Any) -> None:
    with pytest.raises(ConfigurationError, match="user_id"):
        construct(tmp_path, base_url=BASE_URL, token=Tokens("t", user_id=user_id))


def test_a_token_may_come_with_its_kind(world: World) -> None:
    game = world.online(" Bearer ann-1 ")
    assert world.lines[0].of("GET")[0].headers["Authorization"] == "Bearer ann-1"
    assert "service" in repr(game.manager)


def test_the_environment_counts_where_an_argument_is_absent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_ACHIEVEMENTS_URL", "https://from.environment.invalid/api/v10/")
    monkeypatch.setenv("DISCORD_ACCESS_TOKEN", "ann-1")
    game = world.start(None, base_url=None)
    assert game.fetch() is OK
    (request, *_) = world.lines[0].requests
    assert request.url.startswith("https://from.environment.invalid/api/v10/users/@me/")
    assert request.headers["Authorization"] == "Bearer ann-1"
    game.manager.close()
    other = world.start("bob-1", base_url=BASE_URL)
    assert other.fetch() is OK
    (request, *_) = world.lines[1].requests
    assert request.url.startswith(BASE_URL)
    assert request.headers["Authorization"] == "Bearer bob-1"
