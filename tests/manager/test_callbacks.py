"""What run_callbacks() calls, in which order, within which budget, and what exceptions do to it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from discord_achievements import Result, UserAchievement
from tests.support.managers import OK, SECRET, UNKNOWN, WALK, WIN, Boom, GameLoop, without_a_service


@without_a_service
def test_callbacks_fire_once_each_in_call_order(game: GameLoop) -> None:
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


def test_callbacks_are_called_only_inside_run_callbacks(game: GameLoop) -> None:
    game.manager.set_user_achievement(UNKNOWN, 1, game.results.append)
    game.manager.set_user_achievement(WALK, 101, game.results.append)
    game.manager.set_user_achievement(WALK, 10, game.results.append)
    assert game.manager.flush()
    assert game.results == []
    game.until(lambda: len(game.results) == 3)
    assert sorted(game.results) == [OK, Result.INVALID_PAYLOAD, Result.NOT_FOUND]


def test_everything_is_called_on_the_games_thread(game: GameLoop) -> None:
    threads: set[int] = set()
    game.manager.on_user_achievement_update.connect(lambda _: threads.add(threading.get_ident()))
    game.manager.set_user_achievement(WALK, 10, lambda _: threads.add(threading.get_ident()))
    game.fetch()
    assert threads == {threading.get_ident()}


def settle(game: GameLoop) -> None:
    """Let the worker finish, so that the next frame delivers every result."""
    game.manager.run_callbacks()
    assert game.manager.flush()


def test_only_what_waited_at_the_start_is_delivered(game: GameLoop) -> None:
    def again(achievement: UserAchievement) -> None:
        game.manager.set_user_achievement(WALK, achievement.percent_complete + 1)

    game.fetch()
    game.manager.on_user_achievement_update = again
    game.manager.set_user_achievement(WALK, 1)
    for percent in (1, 2, 3):
        game.manager.run_callbacks()
        assert game.percent(WALK) == percent


def test_without_budget_the_rest_is_delivered_in_the_next_frame(game: GameLoop) -> None:
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
    assert [percent for _, percent in game.updates] == list(range(1, 11))


def test_a_budget_ends_when_the_time_is_used(game: GameLoop) -> None:
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


def test_with_enough_budget_everything_is_delivered(game: GameLoop) -> None:
    settle(game)
    for percent in range(1, 11):
        game.manager.set_user_achievement(WALK, percent)
    game.manager.run_callbacks(budget_s=60)
    assert len(game.events) == 10


def test_a_wrong_budget_has_no_lasting_effect(game: GameLoop) -> None:
    game.manager.set_user_achievement(WALK, 10)
    with pytest.raises(TypeError):
        game.manager.run_callbacks("a while")  # type: ignore[arg-type]
    game.manager.run_callbacks()
    assert game.updates == [(WALK, 10)]


def test_run_callbacks_inside_a_callback_returns_at_once(game: GameLoop) -> None:
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


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt, SystemExit])
def test_an_exception_is_raised_and_the_rest_is_delivered_in_the_next_frame(
    game: GameLoop, error: type[BaseException]
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
    assert calls == [1, 2]  # 2 has been delivered, so it is not delivered again
    game.manager.run_callbacks()
    assert calls == [1, 2, 3]
    assert [percent for _, percent in game.updates] == [1, 2, 3]  # the handler after the one that raised


def test_when_several_handlers_raise_each_is_still_called_once(game: GameLoop) -> None:
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
    assert game.updates == [(WALK, 1)]


def test_a_handler_disconnected_by_another_is_not_called(game: GameLoop) -> None:
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


def test_a_result_callback_that_raises_is_not_called_again(game: GameLoop) -> None:
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


def test_callbacks_may_call_the_manager(game: GameLoop) -> None:
    manager, seen = game.manager, list[int]()

    def fetched(_: Result) -> None:
        seen.append(manager.get_user_achievement(WALK).percent_complete)
        game.results.append(OK)

    def was_set(_: Result) -> None:
        manager.fetch_user_achievements(fetched)

    manager.set_user_achievement(WALK, 40, was_set)
    game.until(lambda: game.results)
    assert seen == [40]
