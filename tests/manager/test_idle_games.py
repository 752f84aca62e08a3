"""A game that does not call run_callbacks() is warned."""

from __future__ import annotations

from pathlib import Path

import pytest

from discord_achievements import AchievementManager
from discord_achievements.testing import ManualClock
from tests.support.managers import (
    APPLICATION_ID,
    PATIENCE_S,
    PLAIN,
    PNG,
    SECRET,
    SECRET_ENTRY,
    WALK,
    WIN,
    GameLoop,
    Start,
    without_a_service,
    write_catalogue,
)
from tests.support.waiting import until


class Warnings:
    """Counts the log messages about `run_callbacks()`."""

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


def pass_time(game: GameLoop, clock: ManualClock, seconds: float) -> None:
    """Advance the clock, and wait until the worker has noticed."""
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
    clock.advance(5.1)  # the five seconds may have started after those 4.9
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


def test_a_game_with_nothing_to_deliver_is_not_warned(start: Start, warnings: Warnings) -> None:
    clock = ManualClock()
    game = start(clock=clock)
    game.set(WALK, 10)
    for _ in range(3):
        clock.advance(60)
        game.manager.set_user_achievement(WALK, 10)  # not news, and no callback waits for the result
        assert game.manager.flush()
    assert warnings.count == 0


@without_a_service
def test_a_game_that_has_just_started_is_not_warned(start: Start, warnings: Warnings, tmp_path: Path) -> None:
    clock = ManualClock()
    (tmp_path / "walk.png").write_bytes(PNG)
    game = start(clock=clock, achievements=write_catalogue(tmp_path, [PLAIN | {"icon": "walk.png"}, SECRET_ENTRY]))
    (tmp_path / "walk.png").unlink()
    game.manager.get_icon(WALK)  # the game takes a minute to load, with nothing to deliver yet
    for seconds in (0, 60, 60):
        clock.advance(seconds)
        game.manager.set_user_achievement(WALK, 0)  # not news, but the worker reads the clock
        assert game.manager.flush()
    game.fetch()
    assert warnings.count == 0


def test_a_game_that_never_calls_run_callbacks_is_warned_when_it_ends(start: Start, warnings: Warnings) -> None:
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


def test_a_game_that_missed_nothing_is_not_warned_when_it_ends(
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
        manager.set_user_achievement(WALK, 10)  # no handler, no callback
    assert warnings.count == 0
