"""A manager that the game copies or pickles, which it cannot do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass

import pytest

from discord_achievements import AchievementManager
from tests.support.managers import OK, WALK, GameLoop


@dataclass
class SaveGame:
    """What a game wants to save, with one thing too many."""

    level: int
    achievements: AchievementManager


COPIES: list[Callable[[AchievementManager], object]] = [
    copy.copy,
    copy.deepcopy,
    pickle.dumps,
    lambda manager: copy.deepcopy({"manager": manager}),
    lambda manager: asdict(SaveGame(3, manager)),
    lambda manager: pickle.dumps(SaveGame(3, manager), protocol=0),
    lambda manager: pickle.dumps(manager.set_user_achievement),
]


@pytest.mark.parametrize("make", COPIES)
def test_a_manager_refuses_to_be_copied_and_continues(
    game: GameLoop, make: Callable[[AchievementManager], object]
) -> None:
    with pytest.raises(TypeError, match=r"Manager cannot be copied or pickled: .* create another"):
        make(game.manager)
    assert game.set(WALK, 10) is OK


def test_its_values_are_copied_like_any_others(game: GameLoop) -> None:
    game.set(WALK, 10)
    game.fetch()
    found = game.manager.user_achievements()
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    definition = game.manager.get_achievement(WALK)
    assert pickle.loads(pickle.dumps(definition)) == definition
