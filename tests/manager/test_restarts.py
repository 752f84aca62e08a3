"""What is kept from one start of the game to the next."""

from __future__ import annotations

from pathlib import Path

from discord_achievements import Result
from discord_achievements.testing import ManualClock
from tests.support.managers import (
    APPLICATION_ID,
    OK,
    PLAIN,
    SECRET,
    SECURE,
    WALK,
    WIN,
    WIN_ENTRY,
    Start,
    run_python,
    without_a_service,
    write_catalogue,
)


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
    assert again.events == []  # known before, so not news
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


@without_a_service
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


@without_a_service
def test_an_achievement_that_becomes_secret_is_hidden_while_it_is_locked(start: Start, tmp_path: Path) -> None:
    game = start()
    game.set(WALK, 40)
    game.set(WIN, 100)
    game.manager.close()
    secret = write_catalogue(tmp_path / "secret", [PLAIN | {"secret": True}, WIN_ENTRY | {"secret": True}])
    again = start(achievements=secret)
    again.fetch()
    assert again.percents == {WIN: 100}
