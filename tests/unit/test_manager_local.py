"""What the manager promises a game that has no service."""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import random
import sqlite3
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

import pytest

from discord_achievements import (
    AchievementManager,
    CatalogueError,
    ConfigurationError,
    DiscordAchievementsError,
    Result,
    ResultError,
    UserAchievement,
)
from discord_achievements.domain.catalogue import parse_catalogue
from discord_achievements.testing import ManualClock
from tests.support.managers import (
    APPLICATION_ID,
    PATIENCE_S,
    PLAIN,
    SECRET,
    SECRET_ENTRY,
    SECURE,
    SECURE_ENTRY,
    WALK,
    WIN,
    WIN_ENTRY,
    Game,
    python,
    run_python,
    write_catalogue,
)
from tests.support.waiting import until

OK = Result.OK
UNKNOWN = 999
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


class Start(Protocol):
    """Starts a manager on the test's own data folder and catalogue."""

    def __call__(self, **options: Any) -> Game: ...


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISCORD_ACHIEVEMENTS_URL", "DISCORD_ACCESS_TOKEN", "DISCORD_CURRENT_LOCALE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    managers: list[AchievementManager] = []

    def start(**more: Any) -> Game:
        options: dict[str, Any] = {"data_dir": tmp_path / "data"} | more
        if "achievements" not in options:
            options["achievements"] = write_catalogue(tmp_path)
        managers.append(AchievementManager(APPLICATION_ID, **options))
        return Game(managers[-1])

    yield start
    for manager in managers:
        manager.close()


@pytest.fixture
def game(start: Start) -> Game:
    return start()


def result_of(call: Callable[[], object]) -> Result:
    """Return the result that a getter raises."""
    with pytest.raises(ResultError) as caught:
        call()
    return caught.value.result


# Setting: what is refused, and said of it in the log, for a game without callbacks


@pytest.mark.parametrize(
    ("achievement_id", "percent", "told"),
    [
        (UNKNOWN, 100, ["set_user_achievement(999)", "achievements.json has no achievement with this id", "NOT_FOUND"]),
        ("walk", 100, ["set_user_achievement('walk')", "that is a key; calls take its id, 580159119969878046"]),
        ("run", 100, ["set_user_achievement('run')", "has to be an int"]),
        pytest.param(10**5000, 100, ["has to be an int"], id="an id of 5000 digits"),
        (WALK, 50.0, [f"set_user_achievement({WALK}, 50.0)", "int from 0 to 100", "min(100, 100 * n // goal)"]),
        (WALK, 150, [f"set_user_achievement({WALK}, 150)", "int from 0 to 100"]),
        (SECURE, 100, [f"set_user_achievement({SECURE})", "secure", "UNAUTHORIZED_FOR_ACHIEVEMENT"]),
    ],
)
def test_a_wrong_set_is_told_to_the_log_once(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture, achievement_id: Any, percent: Any, told: list[str]
) -> None:
    game = start(achievements=write_catalogue(tmp_path, [PLAIN | {"key": "walk"}, SECURE_ENTRY]))
    for _ in range(3):
        game.manager.set_user_achievement(achievement_id, percent)
    game.manager.close()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("discord_achievements", logging.WARNING)
    assert [part for part in told if part not in record.getMessage()] == []


def test_each_mistake_is_told_to_the_log_but_not_without_end(game: Game, caplog: pytest.LogCaptureFixture) -> None:
    percents: list[Any] = [50.5, 150, -1]
    for percent in percents:
        game.manager.set_user_achievement(WALK, percent)
        game.manager.set_user_achievement(WIN, percent)
    game.fetch()
    assert len(caplog.records) == 2
    for achievement_id in range(1, 1000):
        game.manager.set_user_achievement(achievement_id, 100)
    game.manager.close()
    assert 10 < len(caplog.records) < 100


def test_what_is_wrong_is_seen_without_setting_up_logging(tmp_path: Path) -> None:
    ended = run_python(
        """
        import sys
        from discord_achievements import AchievementManager

        with AchievementManager(int(sys.argv[1]), achievements=sys.argv[2], data_dir=sys.argv[3]) as manager:
            manager.set_user_achievement(999, 100)
            manager.run_callbacks()
        """,
        APPLICATION_ID,
        write_catalogue(tmp_path),
        tmp_path / "data",
    )
    assert ended.returncode == 0
    assert "set_user_achievement(999)" in ended.stderr


def test_a_key_in_the_place_of_an_id_is_told(start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    game = start(achievements=write_catalogue(tmp_path, [PLAIN | {"key": "walk"}]))
    game.fetch()
    key: Any = "walk"
    for getter in (game.manager.get_achievement, game.manager.get_user_achievement):
        with pytest.raises(ResultError, match=f"calls take its id, {WALK}"):
            getter(key)
    assert [game.manager.get_icon(key) for _ in range(2)] == [None, None]
    game.manager.close()
    assert caplog.messages == [f"get_icon('walk'): that is a key; calls take its id, {WALK}"]


BAD_IDS = [0, -1, 2**63, "580159119969878046", 580159119969878046.0, None, True, [WALK], b"1"]
BAD_PERCENTS = [-1, 101, 50.0, "50", None, True, [50], float("nan")]


@pytest.mark.parametrize("achievement_id", BAD_IDS)
def test_a_bad_id_is_an_invalid_payload(game: Game, achievement_id: Any) -> None:
    assert game.set(achievement_id, 50) is Result.INVALID_PAYLOAD


@pytest.mark.parametrize("percent", BAD_PERCENTS)
def test_a_bad_percent_is_an_invalid_payload_and_nothing_is_recorded(start: Start, percent: Any) -> None:
    game = start()
    game.fetch()
    assert game.set(WALK, percent) is Result.INVALID_PAYLOAD
    assert game.percent(WALK) == 0
    assert game.events == []
    game.manager.close()
    again = start()
    again.fetch()
    assert again.percent(WALK) == 0


@pytest.mark.parametrize("achievement_id", [1, 2**63 - 1])
def test_the_ends_of_the_range_of_ids_are_ids(game: Game, achievement_id: int) -> None:
    assert game.set(achievement_id, 50) is Result.NOT_FOUND  # and so not an invalid payload


def test_a_member_of_an_enumeration_is_an_int(game: Game) -> None:
    class Award(IntEnum):
        WALK = WALK

    game.fetch()
    assert game.set(Award.WALK, 30) is OK
    assert game.percents[WALK] == 30


@pytest.mark.parametrize("callback", ["print", 5, object()])
def test_a_callback_that_cannot_be_called_is_a_type_error_at_once(game: Game, callback: Any) -> None:
    with pytest.raises(TypeError, match="callback"):
        game.manager.set_user_achievement(WALK, 50, callback)
    with pytest.raises(TypeError, match="callback"):
        game.manager.fetch_user_achievements(callback)
    game.fetch()
    assert game.percent(WALK) == 0
    assert game.events == []


def test_an_unknown_achievement_is_not_found(game: Game) -> None:
    game.fetch()
    assert game.set(UNKNOWN, 100) is Result.NOT_FOUND
    assert game.events == []
    assert UNKNOWN not in game.percents


def test_a_secure_achievement_is_for_the_games_server_only(game: Game) -> None:
    game.fetch()
    assert game.set(SECURE, 100) is Result.UNAUTHORIZED_FOR_ACHIEVEMENT
    assert game.percent(SECURE) == 0
    assert game.events == []


# Setting: what happens


def test_a_set_is_shown_and_told_by_the_next_run_callbacks(game: Game) -> None:
    game.fetch()
    game.manager.set_user_achievement(WALK, 25)
    assert game.percent(WALK) == 0  # not before
    assert game.events == []
    game.manager.run_callbacks()
    assert game.percent(WALK) == 25
    assert game.events == [UserAchievement(0, WALK, 25, "")]
    assert not game.events[0].unlocked
    assert game.percents == {WALK: 25, WIN: 0, SECURE: 0}


def test_an_event_comes_without_a_fetch(game: Game) -> None:
    game.set(WALK, 25)
    assert game.told == [(WALK, 25)]
    assert game.manager.count_user_achievements() == 0


def test_the_unlock_has_a_time(start: Start) -> None:
    game = start(clock=ManualClock())
    game.set(WIN, 100)
    assert game.events == [UserAchievement(0, WIN, 100, "2023-05-02T12:00:00.000000+00:00")]
    assert game.events[0].unlocked


def test_what_the_game_is_given_cannot_be_changed_by_it(game: Game) -> None:
    game.set(WALK, 25)
    with pytest.raises(dataclasses.FrozenInstanceError):
        game.events[0].percent_complete = 100  # type: ignore[misc]
    assert not hasattr(game.events[0], "__dict__")


@pytest.mark.parametrize("percent", [0, 24, 25])
def test_a_lower_or_equal_value_is_ok_and_no_news(game: Game, percent: int) -> None:
    game.fetch()
    game.set(WALK, 25)
    assert game.set(WALK, percent) is OK
    assert game.percent(WALK) == 25
    assert game.told == [(WALK, 25)]


def test_each_change_of_value_is_told_once(game: Game) -> None:
    game.fetch()
    for percent in (10, 30, 20, 30, 40):
        game.manager.set_user_achievement(WALK, percent, game.results.append)
    game.until(lambda: len(game.results) == 1 + 5)
    assert game.told == [(WALK, 10), (WALK, 30), (WALK, 40)]
    assert game.percent(WALK) == 40


def test_the_first_unlock_time_stays(start: Start) -> None:
    clock = ManualClock()
    game = start(clock=clock)
    game.fetch()
    game.set(WIN, 100)
    first = game.manager.get_user_achievement(WIN).unlocked_at
    for seconds in (60, -3600):
        clock.jump_wall_clock(seconds)
        assert game.set(WIN, 100) is OK
        assert game.manager.get_user_achievement(WIN).unlocked_at == first
    assert len(game.events) == 1


def test_callbacks_fire_once_each_in_call_order(game: Game) -> None:
    lots = random.Random(1)
    fired: list[int] = []
    results: list[Result] = []
    game.manager.set_user_achievement(WALK, 1)  # without a callback

    def callback(number: int) -> Callable[[Result], None]:
        def fires(result: Result) -> None:
            fired.append(number)
            results.append(result)

        return fires

    for number in range(300):
        if lots.random() < 0.2:
            game.manager.fetch_user_achievements(callback(number))
        else:
            game.manager.set_user_achievement(lots.choice([WALK, WIN, SECRET]), lots.randrange(101), callback(number))
    game.until(lambda: len(fired) >= 300)
    game.manager.run_callbacks()
    game.manager.close()
    assert fired == list(range(300))
    assert set(results) == {OK}


def test_a_callback_comes_inside_run_callbacks_only(game: Game) -> None:
    game.manager.set_user_achievement(UNKNOWN, 1, game.results.append)
    game.manager.set_user_achievement(WALK, 101, game.results.append)
    game.manager.set_user_achievement(WALK, 10, game.results.append)
    assert game.manager.flush()
    assert game.results == []
    game.until(lambda: len(game.results) == 3)
    assert sorted(game.results) == [OK, Result.INVALID_PAYLOAD, Result.NOT_FOUND]


def test_everything_happens_on_the_thread_of_the_game(game: Game) -> None:
    threads: set[int] = set()
    game.manager.on_user_achievement_update.connect(lambda _: threads.add(threading.get_ident()))
    game.manager.set_user_achievement(WALK, 10, lambda _: threads.add(threading.get_ident()))
    game.fetch()
    assert threads == {threading.get_ident()}


def test_saying_the_same_in_every_frame_is_harmless(game: Game) -> None:
    for _ in range(600):
        game.manager.set_user_achievement(WALK, 10, game.results.append)
        game.manager.run_callbacks()
    game.until(lambda: len(game.results) == 600)
    assert game.told == [(WALK, 10)]


# Reading


def test_before_a_fetch_there_is_no_list(game: Game) -> None:
    game.set(WALK, 50)
    manager = game.manager
    assert manager.count_user_achievements() == 0
    assert result_of(lambda: manager.get_user_achievement_at(0)) is Result.NOT_FETCHED
    assert result_of(lambda: manager.get_user_achievement_at(-1)) is Result.NOT_FETCHED
    assert result_of(lambda: manager.get_user_achievement(WALK)) is Result.NOT_FETCHED
    assert result_of(lambda: manager.get_user_achievement(UNKNOWN)) is Result.NOT_FETCHED


def test_the_list_comes_inside_run_callbacks_only(game: Game) -> None:
    game.manager.fetch_user_achievements()
    assert game.manager.flush()
    assert game.manager.count_user_achievements() == 0
    game.until(game.manager.count_user_achievements)
    assert len(game.percents) == 3


def test_the_list_has_what_the_player_may_see_by_ascending_id(game: Game) -> None:
    assert game.fetch() is OK
    listed = [game.manager.get_user_achievement_at(index) for index in range(3)]
    assert listed == [UserAchievement(0, achievement_id, 0, "") for achievement_id in (WALK, WIN, SECURE)]
    assert game.manager.count_user_achievements() == 3


@pytest.mark.parametrize("index", [-1, -3, 3, 10**30, -(10**30)])
def test_an_index_out_of_range_is_not_found(game: Game, index: int) -> None:
    game.fetch()
    assert len(game.percents) == 3  # all of them have been looked at
    assert result_of(lambda: game.manager.get_user_achievement_at(index)) is Result.NOT_FOUND


@pytest.mark.parametrize("achievement_id", [UNKNOWN, 0, -1, 2**70, SECRET, str(WALK)])
def test_an_id_that_is_not_listed_is_not_found(game: Game, achievement_id: Any) -> None:
    game.fetch()
    assert result_of(lambda: game.manager.get_user_achievement(achievement_id)) is Result.NOT_FOUND


def test_an_empty_catalogue_gives_an_empty_list(start: Start, tmp_path: Path) -> None:
    game = start(achievements=write_catalogue(tmp_path, []))
    assert game.fetch() is OK
    assert game.manager.count_user_achievements() == 0
    assert result_of(lambda: game.manager.get_user_achievement_at(0)) is Result.NOT_FOUND


def test_a_secret_shows_itself_at_100(start: Start) -> None:
    game = start()
    game.fetch()
    assert game.set(SECRET, 60) is OK
    assert game.events == []
    assert SECRET not in game.percents
    game.manager.close()

    game = start()
    game.fetch()
    assert SECRET not in game.percents
    assert game.set(SECRET, 100) is OK
    assert game.told == [(SECRET, 100)]
    assert game.percents == {WALK: 0, WIN: 0, SECRET: 100, SECURE: 0}
    assert list(game.percents) == [WALK, WIN, SECRET, SECURE]
    assert game.manager.get_user_achievement(SECRET).unlocked
    game.manager.close()

    game = start()
    game.fetch()
    assert game.percents[SECRET] == 100


# Events


def test_several_handlers_get_each_event(game: Game) -> None:
    event, calls = game.manager.on_user_achievement_update, []

    @event.connect
    def first(achievement: UserAchievement) -> None:
        calls.append(("first", achievement.percent_complete))

    @event
    def second(achievement: UserAchievement) -> None:
        calls.append(("second", achievement.percent_complete))

    assert callable(first)
    assert callable(second)
    game.set(WALK, 10)
    assert calls == [("first", 10), ("second", 10)]


def test_a_handler_that_is_connected_twice_is_called_once(game: Game) -> None:
    event, calls = game.manager.on_user_achievement_update, list[UserAchievement]()
    event.connect(calls.append)
    event.connect(calls.append)
    game.set(WALK, 10)
    assert len(calls) == 1
    game.manager.on_user_achievement_update = calls.append
    game.set(WALK, 20)
    assert len(calls) == 2


def test_a_disconnected_handler_is_not_called(game: Game) -> None:
    event, calls = game.manager.on_user_achievement_update, list[UserAchievement]()
    event.connect(calls.append)
    event.disconnect(calls.append)
    game.set(WALK, 10)
    assert calls == []
    with pytest.raises(ValueError, match="on_user_achievement_update"):
        event.disconnect(calls.append)


def test_assignment_replaces_the_assigned_handler_and_leaves_the_connected(game: Game) -> None:
    one, two, connected = list[UserAchievement](), list[UserAchievement](), list[UserAchievement]()
    game.manager.on_user_achievement_update.connect(connected.append)
    game.manager.on_user_achievement_update = one.append
    game.set(WALK, 10)
    game.manager.on_user_achievement_update = two.append
    game.set(WALK, 20)
    game.manager.on_user_achievement_update = None
    game.set(WALK, 30)
    assert [len(calls) for calls in (one, two, connected)] == [1, 1, 3]


def test_an_assigned_handler_can_be_disconnected(game: Game) -> None:
    calls = list[UserAchievement]()
    game.manager.on_user_achievement_update = calls.append
    game.manager.on_user_achievement_update.disconnect(calls.append)
    game.set(WALK, 10)
    assert calls == []


@pytest.mark.parametrize("name", ["on_user_achievement_update", "on_connection_change"])
def test_only_functions_can_be_handlers(game: Game, name: str) -> None:
    event = getattr(game.manager, name)
    with pytest.raises(TypeError, match=name):
        event.connect("print")
    with pytest.raises(TypeError, match=name):
        setattr(game.manager, name, 5)


def test_a_handler_may_change_the_handlers(game: Game) -> None:
    event, calls = game.manager.on_user_achievement_update, []

    def once(achievement: UserAchievement) -> None:
        calls.append(achievement.percent_complete)
        event.disconnect(once)

    event.connect(once)
    game.set(WALK, 10)
    game.set(WALK, 20)
    assert calls == [10]


# run_callbacks


def settle(game: Game) -> None:
    """Have everything that was asked for lie ready for the next frame."""
    game.manager.run_callbacks()
    assert game.manager.flush()


def test_only_what_was_there_at_the_start_is_delivered(game: Game) -> None:
    def again(achievement: UserAchievement) -> None:
        game.manager.set_user_achievement(WALK, achievement.percent_complete + 1)

    game.fetch()
    game.manager.on_user_achievement_update = again
    game.manager.set_user_achievement(WALK, 1)
    for percent in (1, 2, 3):
        game.manager.run_callbacks()
        assert game.percent(WALK) == percent


def test_with_no_budget_left_it_goes_on_in_the_next_frame(game: Game) -> None:
    settle(game)
    for percent in range(1, 11):
        game.manager.set_user_achievement(WALK, percent)
    frames = 0
    while len(game.events) < 10:
        before = len(game.events)
        game.manager.run_callbacks(budget_s=0)
        frames += 1
        assert len(game.events) <= before + 1
        assert frames < 100
    assert [percent for _, percent in game.told] == list(range(1, 11))


def test_a_budget_ends_when_the_time_is_used(game: Game) -> None:
    def slow(_: UserAchievement) -> None:
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass

    settle(game)
    game.manager.on_user_achievement_update = slow
    for percent in range(1, 51):
        game.manager.set_user_achievement(WALK, percent)
    game.manager.run_callbacks(budget_s=0.005)
    assert 1 <= len(game.events) < 10
    game.manager.run_callbacks()
    assert len(game.events) == 50


def test_with_enough_budget_everything_is_delivered(game: Game) -> None:
    settle(game)
    for percent in range(1, 11):
        game.manager.set_user_achievement(WALK, percent)
    game.manager.run_callbacks(budget_s=60)
    assert len(game.events) == 10


def test_a_wrong_budget_does_no_lasting_harm(game: Game) -> None:
    game.manager.set_user_achievement(WALK, 10)
    with pytest.raises(TypeError):
        game.manager.run_callbacks("a while")  # type: ignore[arg-type]
    game.manager.run_callbacks()
    assert game.told == [(WALK, 10)]


def test_run_callbacks_inside_a_callback_returns_at_once(game: Game) -> None:
    depth = deepest = 0

    def nested(_: object) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(deepest, depth)
        game.manager.run_callbacks()
        depth -= 1

    game.manager.on_user_achievement_update = nested
    for percent in range(1, 6):
        game.manager.set_user_achievement(WALK, percent, nested)
    game.set(WIN, 1)
    assert deepest == 1
    assert len(game.events) == 6


class Boom(Exception):
    """Raised by the game's own code."""


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt, SystemExit])
def test_an_exception_comes_through_and_the_rest_comes_in_the_next_frame(
    game: Game, error: type[BaseException]
) -> None:
    calls: list[int] = []

    def handler(achievement: UserAchievement) -> None:
        calls.append(achievement.percent_complete)
        if achievement.percent_complete == 2:
            raise error

    settle(game)
    game.manager.on_user_achievement_update = handler
    for percent in (1, 2, 3):
        game.manager.set_user_achievement(WALK, percent)
    with pytest.raises(error):
        game.manager.run_callbacks()
    assert calls == [1, 2]  # 2 has been delivered: it does not come again
    game.manager.run_callbacks()
    assert calls == [1, 2, 3]
    assert [percent for _, percent in game.told] == [1, 2, 3]  # the handler behind the one that raised


def test_when_several_handlers_raise_each_is_still_called_once(game: Game) -> None:
    calls: list[int] = []

    def handler(number: int) -> Callable[[UserAchievement], None]:
        def raise_it(_: UserAchievement) -> None:
            calls.append(number)
            raise Boom

        return raise_it

    settle(game)
    for number in range(3):
        game.manager.on_user_achievement_update.connect(handler(number))
    game.manager.set_user_achievement(WALK, 1)
    for number in range(3):
        with pytest.raises(Boom):
            game.manager.run_callbacks()
        assert calls == list(range(number + 1))
    game.manager.run_callbacks()
    assert calls == [0, 1, 2]
    assert game.told == [(WALK, 1)]


def test_a_handler_that_was_disconnected_meanwhile_is_not_called_any_more(game: Game) -> None:
    calls: list[UserAchievement] = []

    def raises(_: UserAchievement) -> None:
        raise Boom

    settle(game)
    game.manager.on_user_achievement_update = raises
    game.manager.on_user_achievement_update.connect(calls.append)
    game.manager.set_user_achievement(WALK, 1)
    with pytest.raises(Boom):
        game.manager.run_callbacks()
    game.manager.on_user_achievement_update.disconnect(calls.append)
    game.manager.run_callbacks()
    assert calls == []


def test_a_result_callback_that_raises_is_not_called_again(game: Game) -> None:
    calls: list[int] = []

    def raises(_: Result) -> None:
        calls.append(1)
        raise Boom

    game.manager.set_user_achievement(UNKNOWN, 1, raises)
    game.manager.set_user_achievement(UNKNOWN, 1, lambda _: calls.append(2))
    with pytest.raises(Boom):
        game.until(lambda: False)
    game.until(lambda: len(calls) == 2)
    game.manager.run_callbacks()
    game.manager.close()
    assert calls == [1, 2]


def test_callbacks_may_call_the_manager(game: Game) -> None:
    manager, seen = game.manager, list[int]()

    def fetched(_: Result) -> None:
        seen.append(manager.get_user_achievement(WALK).percent_complete)
        game.results.append(OK)

    def was_set(_: Result) -> None:
        manager.fetch_user_achievements(fetched)

    manager.set_user_achievement(WALK, 40, was_set)
    game.until(lambda: game.results)
    assert seen == [40]


# Closing


def test_close_twice_does_nothing(game: Game) -> None:
    game.manager.set_user_achievement(WALK, 10, game.results.append)
    game.manager.close()
    game.manager.close()
    assert len(game.results) == 1


def test_close_ends_the_thread(game: Game) -> None:
    game.fetch()
    game.manager.close()
    assert [thread for thread in threading.enumerate() if "discord_achievements" in thread.name] == []


def test_a_manager_that_was_never_used_can_be_closed(start: Start) -> None:
    start().manager.close()


def test_every_callback_has_come_when_close_returns(game: Game) -> None:
    for percent in range(50):
        game.manager.set_user_achievement(WALK, percent, game.results.append)
    game.manager.fetch_user_achievements(game.results.append)
    game.manager.close()
    assert len(game.results) == 51
    assert set(game.results) <= {OK, Result.TRANSACTION_ABORTED}
    game.manager.run_callbacks()
    assert len(game.results) == 51


def test_leaving_the_with_block_closes(start: Start) -> None:
    game = start()
    with game.manager as manager:
        manager.set_user_achievement(WALK, 30, game.results.append)
    assert len(game.results) == 1
    again = start()
    again.fetch()
    assert again.percent(WALK) == 30


def test_the_with_block_lets_an_exception_out(start: Start) -> None:
    with pytest.raises(Boom), start().manager:
        raise Boom


def test_after_close_calls_are_aborted_and_the_list_can_be_read(game: Game) -> None:
    game.fetch()
    game.set(WALK, 30)
    game.manager.close()
    del game.results[:], game.events[:]
    game.manager.set_user_achievement(WALK, 60, game.results.append)
    game.manager.set_user_achievement(WALK, 60)
    game.manager.fetch_user_achievements(game.results.append)
    assert game.results == []
    game.manager.run_callbacks()
    assert game.results == [Result.TRANSACTION_ABORTED] * 2
    assert game.events == []
    assert game.percents == {WALK: 30, WIN: 0, SECURE: 0}
    assert game.manager.flush() is True
    assert game.manager.pending_count == 0


def test_a_set_after_close_is_not_recorded(start: Start) -> None:
    game = start()
    game.manager.close()
    game.manager.set_user_achievement(WALK, 60)
    game.manager.run_callbacks()
    again = start()
    again.fetch()
    assert again.percent(WALK) == 0


def test_a_callback_may_close(game: Game) -> None:
    calls: list[int] = []

    def closes(_: Result) -> None:
        calls.append(0)
        game.manager.close()

    game.manager.set_user_achievement(UNKNOWN, 1, closes)
    for number in range(1, 4):
        game.manager.set_user_achievement(UNKNOWN, 1, lambda _, number=number: calls.append(number))  # type: ignore[misc]
    game.until(lambda: calls)
    assert calls == [0, 1, 2, 3]


def test_a_handler_may_close_and_the_others_still_hear_of_the_event(game: Game) -> None:
    calls: list[UserAchievement] = []
    game.manager.on_user_achievement_update = lambda _: game.manager.close()
    game.manager.on_user_achievement_update.connect(calls.append)
    game.manager.set_user_achievement(WALK, 10)
    game.manager.set_user_achievement(WIN, 20)
    game.manager.run_callbacks()
    assert sorted(event.achievement_id for event in calls) == [WALK, WIN]


def test_a_callback_that_always_tries_again_does_not_keep_close_from_ending(game: Game) -> None:
    results: list[Result] = []

    def stubborn(result: Result) -> None:
        results.append(result)
        if result is not OK:
            game.manager.set_user_achievement(UNKNOWN, 100, stubborn)

    game.manager.set_user_achievement(UNKNOWN, 100, stubborn)
    game.manager.close()
    assert len(results) == 1
    game.manager.run_callbacks()
    assert results[1:] == [Result.TRANSACTION_ABORTED]


def test_run_callbacks_inside_a_callback_of_close_returns_at_once(game: Game) -> None:
    order: list[int] = []

    def nested(number: int) -> Callable[[Result], None]:
        def callback(_: Result) -> None:
            game.manager.run_callbacks()
            order.append(number)

        return callback

    for number in range(2000):
        game.manager.set_user_achievement(UNKNOWN, 1, nested(number))
    game.manager.close()
    assert order == list(range(2000))


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
def test_a_callback_that_raises_while_closing_keeps_no_other_from_its_result(
    game: Game, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def raises(_: Result) -> None:
        game.results.append(OK)
        raise error(len(game.results))

    for _ in range(3):
        game.manager.set_user_achievement(UNKNOWN, 1, raises)
    with pytest.raises(error) as caught:
        game.manager.close()
    assert caught.value.args == (1,)
    assert len(game.results) == 3
    assert sum(record.exc_info is not None for record in caplog.records) == 2  # the other two are not lost either
    game.manager.close()
    assert len(game.results) == 3


@pytest.mark.parametrize("timeout_s", [-1, "2", None, float("nan"), float("inf"), True])
def test_a_wrong_time_to_wait_is_told_and_changes_nothing(game: Game, timeout_s: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout_s"):
        game.manager.close(timeout_s)
    with pytest.raises(ConfigurationError, match="timeout_s"):
        game.manager.flush(timeout_s)
    assert game.set(WALK, 10) is OK


def test_flush_and_close_may_wait_not_at_all(game: Game) -> None:
    assert game.manager.flush(0) is True
    game.manager.close(0)


def test_a_manager_that_nobody_closes_is_closed_at_exit(tmp_path: Path, start: Start) -> None:
    catalogue = write_catalogue(tmp_path)
    code = """
        import sys
        from discord_achievements import AchievementManager

        application_id, achievement_id, catalogue, data_dir = sys.argv[1:]
        manager = AchievementManager(int(application_id), achievements=catalogue, data_dir=data_dir)
        manager.set_user_achievement(int(achievement_id), 70, lambda result: print("result", result.name))
        print("requests" in sys.modules, "end of the game")
    """
    ended = run_python(code, APPLICATION_ID, WALK, catalogue, tmp_path / "data")
    assert ended.returncode == 0, ended.stderr
    (warning,) = ended.stderr.splitlines()
    assert warning.startswith("run_callbacks() was never called")
    first, second = ended.stdout.splitlines()
    assert first == "False end of the game"
    assert second in ("result OK", "result TRANSACTION_ABORTED")
    game = start()
    game.fetch()
    assert game.percent(WALK) == 70


def test_a_manager_that_is_thrown_away_keeps_what_was_set(tmp_path: Path) -> None:
    catalogue = write_catalogue(tmp_path)
    manager = AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir=tmp_path / "data")
    game = Game(manager)
    assert game.set(WALK, 70) is OK
    worker = [thread for thread in threading.enumerate() if "discord_achievements" in thread.name]
    del game, manager
    for thread in worker:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    with AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir=tmp_path / "data") as again:
        game = Game(again)
        game.fetch()
        assert game.percent(WALK) == 70


def test_a_manager_that_is_thrown_away_unused_leaves_its_files_closed(tmp_path: Path) -> None:
    manager = AchievementManager(APPLICATION_ID, achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")
    assert list((tmp_path / "data").glob("journal-*"))
    del manager
    gc.collect()
    assert list((tmp_path / "data").glob("journal-*")) == []


# From one start to the next


def test_progress_outlives_the_process(start: Start) -> None:
    clock = ManualClock()
    game = start(clock=clock)
    game.set(WALK, 40)
    game.set(WIN, 100)
    unlocked_at = game.events[-1].unlocked_at
    game.manager.close()
    clock.advance(3600)
    again = start(clock=clock)
    again.fetch()
    assert again.percents == {WALK: 40, WIN: 100, SECURE: 0}
    assert again.manager.get_user_achievement(WIN).unlocked_at == unlocked_at
    assert again.events == []  # known before: no news
    assert again.set(WALK, 30) is OK
    assert again.set(WIN, 100) is OK
    assert again.percents == {WALK: 40, WIN: 100, SECURE: 0}
    assert again.events == []


def test_what_is_set_survives_a_process_that_dies_right_after(tmp_path: Path, start: Start) -> None:
    catalogue = write_catalogue(tmp_path)
    code = """
        import os, sys
        from discord_achievements import AchievementManager

        application_id, catalogue, data_dir, *ids = sys.argv[1:]
        manager = AchievementManager(int(application_id), achievements=catalogue, data_dir=data_dir)
        for achievement_id in ids:
            manager.set_user_achievement(int(achievement_id), 100)
        os._exit(0)
    """
    ended = run_python(code, APPLICATION_ID, catalogue, tmp_path / "data", WALK, WIN, SECRET)
    assert ended.returncode == 0, ended.stderr
    game = start()
    game.fetch()
    assert game.percents == {WALK: 100, WIN: 100, SECRET: 100, SECURE: 0}


def test_an_achievement_that_leaves_the_catalogue_keeps_its_progress(start: Start, tmp_path: Path) -> None:
    game = start()
    game.set(WALK, 40)
    game.set(WIN, 100)
    game.manager.close()

    without = start(achievements=write_catalogue(tmp_path / "without", [PLAIN]))
    without.fetch()
    assert without.percents == {WALK: 40}
    assert without.set(WIN, 100) is Result.NOT_FOUND
    without.manager.close()

    again = start(achievements=write_catalogue(tmp_path / "with", [WIN_ENTRY, PLAIN]))
    again.fetch()
    assert again.percents == {WALK: 40, WIN: 100}


def test_an_achievement_that_becomes_secret_is_hidden_while_it_is_locked(start: Start, tmp_path: Path) -> None:
    game = start()
    game.set(WALK, 40)
    game.set(WIN, 100)
    game.manager.close()
    secret = write_catalogue(tmp_path / "secret", [PLAIN | {"secret": True}, WIN_ENTRY | {"secret": True}])
    again = start(achievements=secret)
    again.fetch()
    assert again.percents == {WIN: 100}


def test_two_managers_on_one_folder_lose_nothing(start: Start) -> None:
    one, two = start(), start()
    one.fetch()
    two.fetch()
    assert one.set(WALK, 40) is OK
    assert two.set(WIN, 100) is OK
    assert two.set(WALK, 30) is OK
    for game in (one, two):
        assert game.fetch() is OK
        assert game.percents == {WALK: 40, WIN: 100, SECURE: 0}
        game.manager.close()
    three = start()
    three.fetch()
    assert three.percents == {WALK: 40, WIN: 100, SECURE: 0}


# Definitions


TRANSLATED = PLAIN | {
    "name_localizations": {"de": "Gehe", "pt-BR": "Ande", "en-GB": "Stroll"},
    "description_localizations": {"de": "Gehe eine Meile."},
}


@pytest.mark.parametrize(
    ("locale", "name", "description"),
    [
        ("de", "Gehe", "Gehe eine Meile."),  # exact
        ("pt-BR", "Ande", "Walk a mile."),
        ("de-AT", "Gehe", "Gehe eine Meile."),  # same language
        ("ja", "Walk", "Walk a mile."),  # neither
        (None, "Stroll", "Walk a mile."),  # en-US is what a game gets that does not say; en-GB is the same language
    ],
)
def test_texts_are_in_the_managers_locale(
    start: Start, tmp_path: Path, locale: str | None, name: str, description: str
) -> None:
    game = start(achievements=write_catalogue(tmp_path, [TRANSLATED]), locale=locale)
    achievement = game.manager.get_achievement(WALK)
    assert (achievement.name, achievement.description) == (name, description)
    assert (achievement.application_id, achievement.id) == (APPLICATION_ID, WALK)
    assert achievement.name_localizations == TRANSLATED["name_localizations"]


@pytest.mark.parametrize("locale", ["german", "English_United States", "C"])
def test_a_locale_that_is_none_is_told_in_the_log(start: Start, locale: str, caplog: pytest.LogCaptureFixture) -> None:
    assert start(locale=locale).manager.get_achievement(WALK).name == "Walk"
    (message,) = caplog.messages
    assert repr(locale) in message
    assert "de, el, en-GB" in message


@pytest.mark.parametrize("locale", ["de", "DE", "de_AT", "de_DE.UTF-8", "sk", "sr-Latn-RS"])
def test_a_locale_of_any_language_is_fine(start: Start, locale: str, caplog: pytest.LogCaptureFixture) -> None:
    start(locale=locale)
    assert caplog.messages == []


DAMAGED = ['{"de": "Ge', "[1, 2]", '"de"', "[" * 100_000, '{"de": 5}', b"\xff\xfe{", 5]


@pytest.mark.parametrize("damaged", DAMAGED, ids=lambda damaged: repr(damaged)[:12])
def test_damaged_localizations_leave_the_text_that_everybody_gets(
    start: Start, tmp_path: Path, damaged: object
) -> None:
    catalogue = write_catalogue(tmp_path, [TRANSLATED])
    game = start(achievements=catalogue)
    with closing(sqlite3.connect(tmp_path / "data" / "achievements.sqlite3")) as cache, cache:
        columns = "name_localizations = ?, description_localizations = ?"
        cache.execute(f"UPDATE definition SET {columns} WHERE id = ?", (damaged, damaged, WALK))
    game.fetch()
    game.set(WALK, 10)  # which has that row read again
    achievement = game.manager.get_achievement(WALK)
    assert (achievement.name, achievement.description) == ("Walk", "Walk a mile.")
    game.manager.close()
    again = start(achievements=catalogue, locale="de")
    assert again.manager.get_achievement(WALK).name == "Gehe"  # mended by the next start


def test_the_locale_comes_from_the_environment_where_the_game_says_none(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_CURRENT_LOCALE", "de")
    catalogue = write_catalogue(tmp_path, [TRANSLATED])
    assert start(achievements=catalogue).manager.get_achievement(WALK).name == "Gehe"
    assert start(achievements=catalogue, locale="pt-BR").manager.get_achievement(WALK).name == "Ande"


def test_a_definition_says_whether_it_is_secret_or_secure(game: Game) -> None:
    flags = {
        id_: (game.manager.get_achievement(id_).secret, game.manager.get_achievement(id_).secure)
        for id_ in (WALK, SECRET, SECURE)
    }
    assert flags == {WALK: (False, False), SECRET: (True, False), SECURE: (False, True)}


@pytest.mark.parametrize("achievement_id", [UNKNOWN, "x", None])
def test_a_definition_that_is_not_there_is_not_found(game: Game, achievement_id: Any) -> None:
    assert result_of(lambda: game.manager.get_achievement(achievement_id)) is Result.NOT_FOUND


def test_a_changed_catalogue_counts_from_the_next_start_on(start: Start, tmp_path: Path) -> None:
    start().manager.close()
    again = start(achievements=write_catalogue(tmp_path / "2", [PLAIN | {"name": "March", "secure": True}]))
    assert again.manager.get_achievement(WALK).name == "March"
    assert again.set(WALK, 10) is Result.UNAUTHORIZED_FOR_ACHIEVEMENT


def test_a_catalogue_may_have_been_read_before(start: Start, tmp_path: Path) -> None:
    catalogue = parse_catalogue(write_catalogue(tmp_path).read_text(), source="achievements.json")
    game = start(achievements=catalogue)
    assert game.fetch() is OK
    assert game.percents == {WALK: 0, WIN: 0, SECURE: 0}
    with pytest.raises(CatalogueError):
        AchievementManager(5, achievements=catalogue, data_dir=tmp_path / "other")


def test_an_icon_of_the_catalogue_is_a_file_beside_it(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "icons").mkdir()
    (tmp_path / "icons" / "walk.png").write_bytes(PNG)
    write_catalogue(tmp_path, [PLAIN | {"icon": "icons/walk.png"}, WIN_ENTRY, SECRET_ENTRY])
    monkeypatch.chdir(tmp_path)
    game = start(achievements="achievements.json", data_dir=tmp_path / "data")
    monkeypatch.chdir("/")
    game.until(lambda: game.manager.get_icon(WALK))
    icon = game.manager.get_icon(WALK)
    assert icon is not None
    assert Path(icon).is_absolute()
    assert Path(icon).read_bytes() == PNG
    for achievement_id in (WIN, SECRET, UNKNOWN):
        assert game.manager.get_icon(achievement_id) is None
    game.fetch()
    for achievement_id in (WIN, SECRET, UNKNOWN):
        assert game.manager.get_icon(achievement_id) is None


@pytest.mark.parametrize("mode", [{}, {"base_url": "https://achievements.invalid/api/v10", "token": "t"}])
def test_every_icon_that_is_none_is_told_at_the_start(start: Start, tmp_path: Path, mode: dict[str, Any]) -> None:
    (tmp_path / "win.png").write_bytes(b"GIF89a")
    (tmp_path / "folder.png").mkdir()
    catalogue = write_catalogue(
        tmp_path,
        [PLAIN | {"icon": "missing.png"}, WIN_ENTRY | {"icon": "win.png"}, SECRET_ENTRY | {"icon": "folder.png"}],
    )
    with pytest.raises(CatalogueError) as caught:
        start(achievements=catalogue, **mode)
    missing, win, folder = sorted(caught.value.problems)
    assert str(WALK) in missing
    assert missing.endswith("missing.png, does not exist")
    assert str(WIN) in win
    assert win.endswith("win.png, is not a PNG")
    assert "folder.png, cannot be read" in folder


def test_an_icon_that_has_gone_since_is_told_in_the_log(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "walk.png").write_bytes(PNG)
    game = start(achievements=write_catalogue(tmp_path, [PLAIN | {"icon": "walk.png"}]))
    (tmp_path / "walk.png").unlink()
    assert game.manager.get_icon(WALK) is None
    game.fetch()
    assert [message.endswith("walk.png, does not exist") for message in caplog.messages] == [True]


def test_without_an_icon_there_is_none(game: Game) -> None:
    assert game.manager.get_icon(WALK) is None
    game.fetch()
    assert game.manager.get_icon(WALK) is None
    game.manager.close()
    assert game.manager.get_icon(WALK) is None


# What a local game sees of services


def test_there_is_no_service_to_wait_for(game: Game) -> None:
    manager = game.manager
    assert (manager.pending_count, manager.is_online, manager.storage_error) == (0, None, None)
    manager.set_user_achievement(WALK, 50)
    assert (manager.pending_count, manager.is_online) == (0, None)
    game.fetch()
    assert manager.flush() is True
    assert (manager.pending_count, manager.is_online) == (0, None)
    assert game.connection == []
    assert not manager.get_user_achievement(WALK).synced


def test_a_token_has_no_use(game: Game) -> None:
    with pytest.raises(ConfigurationError, match="local mode"):
        game.manager.set_token("hunter2")


def test_flush_waits_until_all_is_on_disk(start: Start) -> None:
    game = start()
    game.manager.set_user_achievement(WALK, 33)
    assert game.manager.flush() is True
    other = start()  # reads what is on disk; the first one's journal is its own while it lives
    other.fetch()
    assert other.percent(WALK) == 33


# Mistakes of the game's author


def mistakes(tmp_path: Path, text: str | bytes, name: str = "achievements.toml") -> CatalogueError:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(CatalogueError) as caught:
        AchievementManager(APPLICATION_ID, achievements=path, data_dir=tmp_path / "data")
    assert isinstance(caught.value, DiscordAchievementsError)
    return caught.value


def test_all_mistakes_of_a_catalogue_are_told_at_once(tmp_path: Path) -> None:
    text = f"""
        application_id = {APPLICATION_ID}
        [[achievement]]
        id = 0
        name = ""
        description = "You won!"
        secret = 1
        [[achievement]]
        id = 5
        name = "Walk"
    """
    error = mistakes(tmp_path, textwrap.dedent(text))
    told = "\n".join(error.problems)
    for wanted in ("achievements.toml:3", "id is 0", "name is", "secret is 1", "achievements.toml:8", "description"):
        assert wanted in told
    assert len(error.problems) == 4
    assert not (tmp_path / "data").exists()


def test_a_catalogue_of_another_application_is_refused(tmp_path: Path) -> None:
    error = mistakes(tmp_path, "application_id = 5")
    assert "5" in str(error)
    assert str(APPLICATION_ID) in str(error)


@pytest.mark.parametrize("text", ["application_id =", "[" * 100_000, '{"application_id"', "\0"])
def test_a_file_that_is_no_catalogue_is_told(tmp_path: Path, text: str) -> None:
    assert "achievements.toml" in str(mistakes(tmp_path, text))


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    assert "UTF-8" in str(mistakes(tmp_path, "name = 'Müller'".encode("latin-1")))


def test_a_missing_file_is_told_with_the_place_that_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogueError) as caught:
        AchievementManager(APPLICATION_ID, achievements="achievments.toml", data_dir=tmp_path / "data")
    assert str(tmp_path / "achievments.toml") in str(caught.value)


@pytest.mark.parametrize("path", ["", "a\0b", "."])
def test_a_path_that_cannot_be_read_is_told(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogueError):
        AchievementManager(APPLICATION_ID, achievements=path, data_dir=tmp_path / "data")


@pytest.mark.parametrize("achievements", [5, {"application_id": APPLICATION_ID}, [WALK]])
def test_something_that_is_no_path_is_told(tmp_path: Path, achievements: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"achievements.*path"):
        AchievementManager(APPLICATION_ID, achievements=achievements, data_dir=tmp_path / "data")


@pytest.mark.parametrize("application_id", [0, -1, 2**63, str(APPLICATION_ID), None, 1.0, True])
def test_a_wrong_application_id_is_told(tmp_path: Path, application_id: Any) -> None:
    with pytest.raises(ConfigurationError, match="application_id"):
        AchievementManager(application_id, achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"timeout_s": "10"}, "timeout_s"),
        ({"timeout_s": float("inf")}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"timeout_s": 1e300}, "timeout_s"),
        ({"locale": 5}, "locale"),
        ({"locale": ["de"]}, "locale"),
        ({"token": "hunter2"}, "base_url"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path: Path, options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        AchievementManager(
            APPLICATION_ID, achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data", **options
        )
    assert "hunter2" not in str(caught.value)


def test_a_manager_needs_a_catalogue_or_a_service() -> None:
    with pytest.raises(ConfigurationError, match=r"achievements.*base_url"):
        AchievementManager(APPLICATION_ID)


def test_a_manager_shows_what_it_is(game: Game) -> None:
    assert str(APPLICATION_ID) in repr(game.manager)
    assert "local" in repr(game.manager)
    assert "closed" not in repr(game.manager)
    game.manager.close()
    assert "closed" in repr(game.manager)
    assert "on_user_achievement_update" in repr(game.manager.on_user_achievement_update)


# Storage that does not work


def play(game: Game) -> None:
    """Do what a game does; nothing of it may depend on the disk."""
    assert game.fetch() is OK
    assert game.set(WALK, 40) is OK
    assert game.set(WIN, 100) is OK
    assert game.percents == {WALK: 40, WIN: 100, SECURE: 0}
    assert game.told == [(WALK, 40), (WIN, 100)]


def test_without_a_folder_the_game_goes_on_in_memory(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "occupied").write_text("a file where the folder should be")
    game = start(data_dir=tmp_path / "occupied")
    play(game)
    game.manager.close()
    assert game.manager.storage_error is not None
    assert "occupied" in game.manager.storage_error
    assert "occupied" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]  # said once
    assert (tmp_path / "occupied").read_text() == "a file where the folder should be"


def test_a_damaged_file_is_set_aside_and_never_deleted(start: Start, tmp_path: Path) -> None:
    game = start()
    game.set(WALK, 10)
    game.manager.close()
    (cache,) = (tmp_path / "data").glob("*.sqlite3")
    damaged = b"this is not a database, but it is this player's" * 100
    cache.write_bytes(damaged)

    again = start()
    assert again.manager.storage_error is not None
    play(again)
    again.manager.close()
    assert damaged in [path.read_bytes() for path in (tmp_path / "data").iterdir()]

    third = start()  # which has nothing to complain of any more
    assert third.manager.storage_error is None
    third.fetch()
    assert third.percents == {WALK: 40, WIN: 100, SECURE: 0}


def test_the_data_folder_is_the_users_own_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    catalogue = write_catalogue(tmp_path)
    with AchievementManager(APPLICATION_ID, achievements=catalogue) as manager:
        Game(manager).set(WALK, 10)
    (folder,) = (tmp_path / "home").rglob(str(APPLICATION_ID))
    assert folder.parent.name == "discord_achievements"
    assert list(folder.iterdir())


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG folders are those of other systems")
def test_a_relative_xdg_folder_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.chdir(tmp_path)
    AchievementManager(APPLICATION_ID, achievements=write_catalogue(tmp_path)).close()
    assert not (tmp_path / "relative").exists()
    assert list((tmp_path / "home").rglob(str(APPLICATION_ID)))


# What a game misspells


def test_a_handler_for_an_event_that_does_not_exist_is_refused(game: Game) -> None:
    with pytest.raises(AttributeError, match="on_user_achievement_updated"):
        game.manager.on_user_achievement_updated = print  # type: ignore[attr-defined]


def test_a_subclass_may_have_attributes_of_its_own(tmp_path: Path) -> None:
    class Mine(AchievementManager):
        pass

    with Mine(APPLICATION_ID, achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data") as manager:
        manager.score = 5  # type: ignore[attr-defined]


# A game that does not turn its loop


class Warnings:
    """What the log says of `run_callbacks()`."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def count(self) -> int:
        return sum("run_callbacks()" in record.getMessage() for record in self._caplog.records)

    def eventually(self, count: int) -> None:
        until(lambda: self.count >= count, "the game is warned", PATIENCE_S)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Warnings:
    return Warnings(caplog)


def pass_time(game: Game, clock: ManualClock, seconds: float) -> None:
    """Let time pass, and wait until the worker has noticed."""
    clock.advance(seconds)
    game.manager.set_user_achievement(SECRET, 1)
    assert game.manager.flush()


def test_a_game_that_delivers_nothing_for_five_seconds_is_warned_once(start: Start, warnings: Warnings) -> None:
    clock = ManualClock()
    game = start(clock=clock)
    game.manager.run_callbacks()
    game.manager.set_user_achievement(WALK, 10)
    pass_time(game, clock, 0)
    pass_time(game, clock, 4.9)
    assert warnings.count == 0
    clock.advance(5.1)  # the five seconds may have begun only after those 4.9
    warnings.eventually(1)
    pass_time(game, clock, 60)
    game.manager.run_callbacks()
    game.manager.set_user_achievement(WALK, 20)
    pass_time(game, clock, 60)
    assert warnings.count == 1


def test_a_game_that_calls_run_callbacks_is_not_warned(start: Start, warnings: Warnings) -> None:
    clock = ManualClock()
    game = start(clock=clock)
    for percent in range(1, 30):
        game.manager.set_user_achievement(WALK, percent)
        pass_time(game, clock, 4)
        game.manager.run_callbacks()
    assert warnings.count == 0


def test_a_game_that_has_nothing_to_be_told_is_not_warned(start: Start, warnings: Warnings) -> None:
    clock = ManualClock()
    game = start(clock=clock)
    game.set(WALK, 10)
    for _ in range(3):
        clock.advance(60)
        game.manager.set_user_achievement(WALK, 10)  # no news, and nobody waits for its result
        assert game.manager.flush()
    assert warnings.count == 0


def test_a_game_that_has_only_just_started_is_not_warned(start: Start, warnings: Warnings, tmp_path: Path) -> None:
    clock = ManualClock()
    (tmp_path / "walk.png").write_bytes(PNG)
    game = start(clock=clock, achievements=write_catalogue(tmp_path, [PLAIN | {"icon": "walk.png"}, SECRET_ENTRY]))
    (tmp_path / "walk.png").unlink()
    game.manager.get_icon(WALK)  # it loads for a minute, and there is nothing to deliver yet
    for seconds in (0, 60, 60):
        clock.advance(seconds)
        game.manager.set_user_achievement(WALK, 0)  # no news, but the worker looks at the clock
        assert game.manager.flush()
    game.fetch()
    assert warnings.count == 0


def test_a_game_that_never_calls_run_callbacks_is_told_when_it_ends(start: Start, warnings: Warnings) -> None:
    game = start()
    game.manager.set_user_achievement(WALK, 10)
    game.manager.close()
    assert warnings.count == 1


def test_a_game_that_was_warned_while_it_ran_is_not_warned_again(start: Start, warnings: Warnings) -> None:
    clock = ManualClock()
    game = start(clock=clock)
    game.manager.set_user_achievement(WALK, 10)
    pass_time(game, clock, 0)
    clock.advance(10)
    warnings.eventually(1)
    game.manager.close()
    assert warnings.count == 1


def test_a_game_that_could_miss_nothing_is_not_warned_when_it_ends(
    start: Start, warnings: Warnings, tmp_path: Path
) -> None:
    start().manager.close()  # nothing has happened
    once = start(data_dir=tmp_path / "once")
    once.manager.run_callbacks()
    for achievement_id in (WALK, WIN):
        once.manager.set_user_achievement(achievement_id, 10)
    once.manager.close()
    path = write_catalogue(tmp_path)
    with AchievementManager(APPLICATION_ID, achievements=path, data_dir=tmp_path / "deaf") as manager:
        manager.set_user_achievement(WALK, 10)  # and nobody listens
    assert warnings.count == 0


# A game that forks


FORK = """
    import os, sys
    from discord_achievements import AchievementManager

    application_id, walk, win, catalogue, data_dir, ending = sys.argv[1:]
    manager = AchievementManager(int(application_id), achievements=catalogue, data_dir=data_dir)
    told = []
    manager.on_user_achievement_update = lambda achievement: told.append(achievement.percent_complete)

    def until(condition):
        while not condition():
            manager.run_callbacks()

    manager.set_user_achievement(int(walk), 10, told.append)
    until(lambda: len(told) == 2)
    manager.set_user_achievement(int(walk), 20)  # its event waits while the process forks
    manager.flush()
    child = os.fork()
    if not child:
        before = list(told)
        manager.set_user_achievement(int(win), 100, lambda result: told.append(result.name))
        manager.fetch_user_achievements(lambda result: told.append(result.name))
        manager.run_callbacks()
        print("child", repr(manager), told[len(before):], manager.flush(0), flush=True)
        if ending == "wait":
            sys.stdin.read()
        manager.close()
        del manager
        sys.exit()
    if ending == "wait":
        os._exit(0)
    os.waitpid(child, 0)
    manager.run_callbacks()
    print("parent", told, flush=True)
    del told[:]
    manager.set_user_achievement(int(win), 100, lambda result: told.append(result.name))
    until(lambda: len(told) == 2)
    print("parent", told, flush=True)
"""
ABORTED = "['TRANSACTION_ABORTED', 'TRANSACTION_ABORTED']"
CHILD = f"child <AchievementManager {APPLICATION_ID}, local mode, closed> {ABORTED} True"
can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@can_fork
def test_a_forked_child_has_a_closed_manager_and_the_parent_goes_on(tmp_path: Path, start: Start) -> None:
    arguments = (APPLICATION_ID, WALK, WIN, write_catalogue(tmp_path), tmp_path / "data", "at once")
    ended = run_python(FORK, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [CHILD, "parent [10, <Result.OK: 0>, 20]", "parent [100, 'OK']"]
    game = start()
    game.fetch()
    assert game.percents == {WALK: 20, WIN: 100, SECURE: 0}


@can_fork
def test_a_child_that_outlives_its_parent_keeps_nothing_from_the_next_start(tmp_path: Path, start: Start) -> None:
    arguments = (APPLICATION_ID, WALK, WIN, write_catalogue(tmp_path), tmp_path / "data", "wait")
    with python(FORK, *arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == CHILD + "\n"
        process.wait(PATIENCE_S)  # the parent is gone; the child still holds what it has inherited
        journals = list((tmp_path / "data").glob("journal-*"))
        assert len(journals) == 1
        game = start()
        assert not journals[0].exists()  # it has been taken over
        game.fetch()
        assert game.percents == {WALK: 20, WIN: 0, SECURE: 0}
