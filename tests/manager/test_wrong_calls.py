"""Calls with wrong arguments: their results, and the log messages about them."""

from __future__ import annotations

import logging
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import Result, ResultError
from tests.support.managers import (
    APPLICATION_ID,
    OK,
    PLAIN,
    SECURE,
    SECURE_ENTRY,
    UNKNOWN,
    WALK,
    WIN,
    GameLoop,
    Start,
    run_python,
    without_a_service,
    write_catalogue,
)
from tests.support.service_games import ServiceAndGames


@without_a_service
@pytest.mark.parametrize(
    ("achievement_id", "percent", "fragments"),
    [
        (UNKNOWN, 100, ["set_user_achievement(999)", "achievements.json has no achievement with this id", "NOT_FOUND"]),
        ("walk", 100, ["set_user_achievement('walk')", "that is a key; calls take its id, 580159119969878046"]),
        ("run", 100, ["set_user_achievement('run')", "expected an int"]),
        pytest.param(10**5000, 100, ["expected an int"], id="an id of 5000 digits"),
        (WALK, 50.0, [f"set_user_achievement({WALK}, 50.0)", "int from 0 to 100", "min(100, 100 * n // goal)"]),
        (WALK, 150, [f"set_user_achievement({WALK}, 150)", "int from 0 to 100"]),
        (SECURE, 100, [f"set_user_achievement({SECURE})", "secure", "UNAUTHORIZED_FOR_ACHIEVEMENT"]),
    ],
)
def test_a_wrong_set_is_logged_once(
    start: Start,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    achievement_id: Any,
    percent: Any,
    fragments: list[str],
) -> None:
    game = start(achievements=write_catalogue(tmp_path, [PLAIN | {"key": "walk"}, SECURE_ENTRY]))
    for _ in range(3):
        game.manager.set_user_achievement(achievement_id, percent)
    game.manager.close()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("discord_achievements", logging.WARNING)
    assert [part for part in fragments if part not in record.getMessage()] == []


@without_a_service
def test_each_mistake_is_logged_up_to_a_limit(game: GameLoop, caplog: pytest.LogCaptureFixture) -> None:
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


def test_mistakes_are_shown_without_configuring_logging(tmp_path: Path) -> None:
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


@without_a_service
def test_a_key_instead_of_an_id_is_reported(start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
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
def test_a_bad_id_is_an_invalid_payload(game: GameLoop, achievement_id: Any) -> None:
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
def test_the_smallest_and_the_largest_id_are_valid(game: GameLoop, achievement_id: int) -> None:
    assert game.set(achievement_id, 50) is Result.NOT_FOUND  # so it was not an invalid payload


def test_a_member_of_an_enumeration_is_an_int(game: GameLoop) -> None:
    class Award(IntEnum):
        WALK = WALK

    game.fetch()
    assert game.set(Award.WALK, 30) is OK
    assert game.percents[WALK] == 30


@pytest.mark.parametrize("callback", ["print", 5, object()])
def test_a_callback_that_cannot_be_called_is_a_type_error_at_once(game: GameLoop, callback: Any) -> None:
    with pytest.raises(TypeError, match="callback"):
        game.manager.set_user_achievement(WALK, 50, callback)
    with pytest.raises(TypeError, match="callback"):
        game.manager.fetch_user_achievements(callback)
    game.fetch()
    assert game.percent(WALK) == 0
    assert game.events == []


def test_an_unknown_achievement_is_not_found(game: GameLoop) -> None:
    game.fetch()
    assert game.set(UNKNOWN, 100) is Result.NOT_FOUND
    assert game.events == []
    assert game.percents == {WALK: 0, WIN: 0, SECURE: 0}
    assert game.manager.pending_count == 0


def test_only_the_games_server_grants_a_secure_achievement(game: GameLoop) -> None:
    game.fetch()
    game.manager.set_user_achievement(SECURE, 100, game.results.append)
    game.manager.run_callbacks()
    assert game.percent(SECURE) == 0  # not even for a moment
    game.until(lambda: len(game.results) == 2)
    assert game.results[-1] is Result.UNAUTHORIZED_FOR_ACHIEVEMENT
    assert game.percent(SECURE) == 0
    assert game.events == []


def test_validation_needs_no_service(world: ServiceAndGames) -> None:
    game = world.start(down=True)
    assert game.set(WALK, 101) is Result.INVALID_PAYLOAD
    assert game.set(0, 100) is Result.INVALID_PAYLOAD
    assert game.manager.pending_count == 0
