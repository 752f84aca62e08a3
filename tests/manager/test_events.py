"""Handlers of events: connecting, assigning and disconnecting them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from discord_achievements import UserAchievement
from tests.support.managers import WALK, GameLoop


def test_the_game_cannot_change_what_it_receives(game: GameLoop) -> None:
    game.set(WALK, 25)
    with pytest.raises(FrozenInstanceError):
        game.events[0].percent_complete = 100  # type: ignore[misc]
    assert not hasattr(game.events[0], "__dict__")


def test_several_handlers_get_each_event(game: GameLoop) -> None:
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


def test_a_handler_that_is_connected_twice_is_called_once(game: GameLoop) -> None:
    event, calls = game.manager.on_user_achievement_update, list[UserAchievement]()
    event.connect(calls.append)
    event.connect(calls.append)
    game.set(WALK, 10)
    assert len(calls) == 1
    game.manager.on_user_achievement_update = calls.append
    game.set(WALK, 20)
    assert len(calls) == 2


def test_a_disconnected_handler_is_not_called(game: GameLoop) -> None:
    event, calls = game.manager.on_user_achievement_update, list[UserAchievement]()
    event.connect(calls.append)
    event.disconnect(calls.append)
    game.set(WALK, 10)
    assert calls == []
    with pytest.raises(ValueError, match="on_user_achievement_update"):
        event.disconnect(calls.append)


def test_assignment_replaces_the_assigned_handler_and_keeps_the_connected_ones(game: GameLoop) -> None:
    one, two, connected = list[UserAchievement](), list[UserAchievement](), list[UserAchievement]()
    game.manager.on_user_achievement_update.connect(connected.append)
    game.manager.on_user_achievement_update = one.append
    game.set(WALK, 10)
    game.manager.on_user_achievement_update = two.append
    game.set(WALK, 20)
    game.manager.on_user_achievement_update = None
    game.set(WALK, 30)
    assert [len(calls) for calls in (one, two, connected)] == [1, 1, 3]


def test_an_assigned_handler_can_be_disconnected(game: GameLoop) -> None:
    calls = list[UserAchievement]()
    game.manager.on_user_achievement_update = calls.append
    game.manager.on_user_achievement_update.disconnect(calls.append)
    game.set(WALK, 10)
    assert calls == []


@pytest.mark.parametrize("name", ["on_user_achievement_update", "on_connection_change"])
def test_only_functions_can_be_handlers(game: GameLoop, name: str) -> None:
    event = getattr(game.manager, name)
    with pytest.raises(TypeError, match=name):
        event.connect("print")
    with pytest.raises(TypeError, match=name):
        setattr(game.manager, name, 5)


def test_a_handler_may_change_the_handlers(game: GameLoop) -> None:
    event, calls = game.manager.on_user_achievement_update, []

    def once(achievement: UserAchievement) -> None:
        calls.append(achievement.percent_complete)
        event.disconnect(once)

    event.connect(once)
    game.set(WALK, 10)
    game.set(WALK, 20)
    assert calls == [10]


def test_a_handler_for_an_event_that_does_not_exist_is_refused(game: GameLoop) -> None:
    with pytest.raises(AttributeError, match="on_user_achievement_updated"):
        game.manager.on_user_achievement_updated = print  # type: ignore[attr-defined]
