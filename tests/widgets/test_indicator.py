"""The progress indicator: the latest progress, for two seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pygame import Surface

from discord_achievements.pygame_ui import ProgressIndicator
from tests.widgets.stage import Stage, local_game

SIZE = (1280, 720)


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Stage]:
    with local_game(tmp_path) as game:
        yield game


def started(game: Stage) -> ProgressIndicator:
    indicator = ProgressIndicator(game.manager)
    game.widgets = [indicator]
    game.until(game.manager.count_user_achievements)
    return indicator


def shown(indicator: ProgressIndicator) -> tuple[int, int] | None:
    found = indicator._shown
    return None if found is None else (found.achievement_id, found.percent_complete)


def test_it_shows_what_moved_for_two_seconds(game: Stage) -> None:
    indicator = started(game)
    assert indicator.draw(Surface(SIZE)) is None
    game.manager.set_user_achievement(100, 40)
    game.play(1.9)
    assert shown(indicator) == (100, 40)
    area = indicator.draw(Surface(SIZE))
    assert area is not None
    assert Surface(SIZE).get_rect().contains(area)
    game.play(0.6)
    assert shown(indicator) is None


def test_of_several_achievements_it_shows_the_one_nearest_to_completion(game: Stage) -> None:
    indicator = started(game)
    for achievement_id, percent in ((100, 40), (101, 90), (102, 10)):
        game.manager.set_user_achievement(achievement_id, percent)
    game.frames(2)
    assert shown(indicator) == (101, 90)


def test_a_burst_moves_on_and_stays_two_seconds_after_its_end(game: Stage) -> None:
    indicator = started(game)
    for percent in range(1, 60):
        game.manager.set_user_achievement(100, percent)
        game.play(0.1)
    assert shown(indicator) == (100, 59)
    game.play(1.8)
    assert shown(indicator) == (100, 59)
    game.play(0.7)
    assert shown(indicator) is None


def test_an_unlock_is_left_to_the_toasts(game: Stage) -> None:
    indicator = started(game)
    game.manager.set_user_achievement(100, 99)
    game.frames(2)
    game.manager.set_user_achievement(100, 100)
    game.frames(2)
    assert shown(indicator) is None


def test_progress_from_before_is_not_shown(tmp_path: Path) -> None:
    with local_game(tmp_path) as game:
        game.manager.set_user_achievement(100, 40)
        assert game.manager.flush()
    with local_game(tmp_path) as game:
        indicator = started(game)
        game.manager.set_user_achievement(100, 40)
        game.frames(5)
        assert shown(indicator) is None
