"""What a set does at once: what the list shows, the event, the result."""

from __future__ import annotations

import pytest

from discord_achievements import UserAchievement
from discord_achievements.testing import ManualClock
from tests.support.managers import OK, SECURE, WALK, WIN, GameLoop, Start, without_a_service


def test_a_set_is_shown_and_reported_by_the_next_run_callbacks(game: GameLoop) -> None:
    game.fetch()
    game.manager.set_user_achievement(WALK, 25)
    assert game.percent(WALK) == 0  # not before
    assert game.events == []
    game.manager.run_callbacks()
    assert game.percent(WALK) == 25
    assert game.updates == [(WALK, 25)]
    assert (game.events[0].unlocked, game.events[0].unlocked_at) == (False, "")
    assert game.percents == {WALK: 25, WIN: 0, SECURE: 0}


def test_an_event_comes_without_a_fetch(game: GameLoop) -> None:
    game.set(WALK, 25)
    assert game.updates == [(WALK, 25)]
    assert game.manager.count_user_achievements() == 0


@without_a_service
def test_the_unlock_has_a_time(start: Start) -> None:
    game = start(clock=ManualClock())
    game.set(WIN, 100)
    assert game.events == [UserAchievement(0, WIN, 100, "2023-05-02T12:00:00.000000+00:00")]
    assert game.events[0].unlocked


@pytest.mark.parametrize("percent", [0, 24, 25])
def test_a_lower_or_equal_value_is_ok_and_not_news(game: GameLoop, percent: int) -> None:
    game.fetch()
    game.set(WALK, 25)
    game.manager.set_user_achievement(WALK, percent, game.results.append)
    assert game.manager.pending_count == 0
    game.until(lambda: len(game.results) == 3)
    assert game.results[-1] is OK
    assert game.percent(WALK) == 25
    assert game.updates == [(WALK, 25)]


def test_each_change_of_value_is_one_event(game: GameLoop) -> None:
    game.fetch()
    for percent in (10, 30, 20, 30, 40):
        game.manager.set_user_achievement(WALK, percent, game.results.append)
    game.until(lambda: len(game.results) == 1 + 5)
    assert game.updates == [(WALK, 10), (WALK, 30), (WALK, 40)]
    assert game.percent(WALK) == 40


def test_the_first_unlock_time_is_kept(start: Start) -> None:
    clock = ManualClock()
    game = start(clock=clock)
    game.fetch()
    game.set(WIN, 100)
    first = game.manager.get_user_achievement(WIN).unlocked_at
    assert first == "2023-05-02T12:00:00.000000+00:00"
    assert game.events[0].unlocked_at == first
    for seconds in (60, -3600):
        clock.jump_wall_clock(seconds)
        assert game.set(WIN, 100) is OK
        assert game.manager.get_user_achievement(WIN).unlocked_at == first
    assert len(game.events) == 1


def test_setting_the_same_in_every_frame_is_harmless(game: GameLoop) -> None:
    for _ in range(600):
        game.manager.set_user_achievement(WALK, 10, game.results.append)
        game.manager.run_callbacks()
    game.until(lambda: len(game.results) == 600)
    assert game.updates == [(WALK, 10)]
