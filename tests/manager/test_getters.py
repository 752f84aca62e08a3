"""Reading the list by index and by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from discord_achievements import Result, ResultError, UserAchievement
from tests.support.managers import (
    OK,
    SECRET,
    SECURE,
    UNKNOWN,
    WALK,
    WIN,
    GameLoop,
    Start,
    result_of,
    without_a_service,
    write_catalogue,
)


def test_before_a_fetch_there_is_no_list(game: GameLoop) -> None:
    game.set(WALK, 50)
    manager = game.manager
    assert manager.count_user_achievements() == 0
    assert result_of(lambda: manager.get_user_achievement_at(0)) is Result.NOT_FETCHED
    assert result_of(lambda: manager.get_user_achievement_at(-1)) is Result.NOT_FETCHED
    assert result_of(lambda: manager.get_user_achievement(WALK)) is Result.NOT_FETCHED
    assert result_of(lambda: manager.get_user_achievement(UNKNOWN)) is Result.NOT_FETCHED


def test_the_list_appears_only_inside_run_callbacks(game: GameLoop) -> None:
    game.manager.fetch_user_achievements()
    assert game.manager.flush()
    assert game.manager.count_user_achievements() == 0
    game.until(game.manager.count_user_achievements)
    assert len(game.percents) == 3


@without_a_service
def test_the_list_has_the_achievements_that_the_player_may_see_sorted_by_id(game: GameLoop) -> None:
    assert game.fetch() is OK
    listed = [game.manager.get_user_achievement_at(index) for index in range(3)]
    assert listed == [UserAchievement(0, achievement_id, 0, "") for achievement_id in (WALK, WIN, SECURE)]
    assert game.manager.count_user_achievements() == 3


@pytest.mark.parametrize("index", [-1, -3, 3, 10**30, -(10**30)])
def test_an_index_out_of_range_is_not_found(game: GameLoop, index: int) -> None:
    game.fetch()
    assert len(game.percents) == 3  # every index has been read
    assert result_of(lambda: game.manager.get_user_achievement_at(index)) is Result.NOT_FOUND


@pytest.mark.parametrize("achievement_id", [UNKNOWN, 0, -1, 2**70, SECRET, str(WALK)])
def test_an_id_that_is_not_listed_is_not_found(game: GameLoop, achievement_id: Any) -> None:
    game.fetch()
    assert result_of(lambda: game.manager.get_user_achievement(achievement_id)) is Result.NOT_FOUND


@without_a_service
def test_an_empty_catalogue_gives_an_empty_list(start: Start, tmp_path: Path) -> None:
    game = start(achievements=write_catalogue(tmp_path, []))
    assert game.fetch() is OK
    assert game.manager.count_user_achievements() == 0
    assert result_of(lambda: game.manager.get_user_achievement_at(0)) is Result.NOT_FOUND


def test_a_secret_is_listed_at_100(start: Start) -> None:
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
    assert game.updates == [(SECRET, 100)]
    assert game.percents == {WALK: 0, WIN: 0, SECRET: 100, SECURE: 0}
    assert list(game.percents) == [WALK, WIN, SECRET, SECURE]
    assert game.manager.get_user_achievement(SECRET).unlocked
    game.manager.close()

    game = start()
    game.fetch()
    assert game.percents[SECRET] == 100


def test_an_index_that_is_no_int_is_explained(game: GameLoop) -> None:
    game.fetch()
    with pytest.raises(ResultError, match="expected an int from 0 to 2"):
        game.manager.get_user_achievement_at("0")  # type: ignore[arg-type]


def test_the_whole_list_is_what_the_getters_give_one_by_one(game: GameLoop) -> None:
    assert game.manager.user_achievements() == []
    game.fetch()
    listed = game.manager.user_achievements()
    assert [one.achievement_id for one in listed] == list(game.percents)
    assert listed == [game.manager.get_user_achievement(one.achievement_id) for one in listed]


def test_an_id_in_quotes_is_explained(game: GameLoop) -> None:
    game.fetch()
    with pytest.raises(ResultError, match="an id is an int"):
        game.manager.get_user_achievement(str(WALK))  # type: ignore[arg-type]
