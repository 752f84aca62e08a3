from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

from discord_achievements.domain.models import Achievement, UserAchievement, new_user_achievement

ACHIEVEMENT = Achievement(461618159171141643, 580159119969878046, "Win the Game", "You won!")
PLAYERS = UserAchievement(53908232506183680, 580159119969878046, 25, "")
MADE_FAST = new_user_achievement(53908232506183680, 580159119969878046, 25, "")


def test_achievement_has_the_documented_fields() -> None:
    assert {field.name for field in fields(Achievement)} == {
        "application_id",
        "id",
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "secret",
        "secure",
        "icon_hash",
    }


@pytest.mark.parametrize("value", [ACHIEVEMENT, PLAYERS, MADE_FAST])
def test_they_cannot_be_changed(value: Achievement | UserAchievement) -> None:
    assert not hasattr(value, "__dict__")
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, 0)


def test_the_fast_way_makes_the_same_object() -> None:
    assert type(MADE_FAST) is UserAchievement
    assert (MADE_FAST, hash(MADE_FAST), repr(MADE_FAST)) == (PLAYERS, hash(PLAYERS), repr(PLAYERS))
    assert new_user_achievement(1, 2, 100, "2026-11-27", True) == UserAchievement(1, 2, 100, "2026-11-27", True)
    assert copy.copy(MADE_FAST) == copy.deepcopy(MADE_FAST) == pickle.loads(pickle.dumps(MADE_FAST)) == PLAYERS


@pytest.mark.parametrize(("percent", "unlocked"), [(0, False), (25, False), (99, False), (100, True)])
def test_unlocked_is_a_hundred_percent(percent: int, unlocked: bool) -> None:
    assert UserAchievement(0, 5, percent, "").unlocked is unlocked


def test_nothing_is_synced_before_the_service_confirms_it() -> None:
    assert PLAYERS.synced is False


def test_the_printed_form_explains() -> None:
    for part in ("user_id=53908232506183680", "achievement_id=580159119969878046", "percent_complete=25"):
        assert part in repr(PLAYERS)
