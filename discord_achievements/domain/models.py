"""The two structs of the GameSDK that a game sees. Source: Discord's Achievements page, Data Models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

NAME_MAX = 100
DESCRIPTION_MAX = 200
ACHIEVEMENTS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Achievement:
    """The definition of an achievement, the same for every player.

    `name` is 1 to 100 characters, `description` 1 to 200. `secret`: not shown to a player before it is unlocked.
    `secure`: only the game's server can grant it. `icon_hash` is empty if no service has set one.
    """

    application_id: int
    id: int
    name: str
    description: str
    secret: bool = False
    secure: bool = False
    icon_hash: str = ""
    name_localizations: Mapping[str, str] | None = None
    description_localizations: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class UserAchievement:
    """One player's progress on one achievement; it cannot be changed.

    `percent_complete` is 0 to 100; `unlocked_at` is ISO 8601 in UTC, empty while locked; `user_id` is 0 in local mode;
    `synced` is whether the service has confirmed this value (always False in local mode).
    """

    user_id: int
    achievement_id: int
    percent_complete: int
    unlocked_at: str
    synced: bool = False

    @property
    def unlocked(self) -> bool:
        """Whether the player has it: progress is 100."""
        return self.percent_complete == 100


class _Unguarded:
    """The fields of a `UserAchievement` while they can still be assigned."""

    __slots__ = tuple(field.name for field in fields(UserAchievement))


def new_user_achievement(
    user_id: int, achievement_id: int, percent_complete: int, unlocked_at: str, synced: bool = False
) -> UserAchievement:
    """Return a `UserAchievement`, in a third of the constructor's time.

    One is made for each set on the game's thread. The constructor of a frozen dataclass looks each field up by its
    name; here each is assigned, and then the object is given the class that forbids that. A tuple would be made as
    fast but read and delivered more slowly.
    """
    made: Any = _Unguarded()
    made.user_id = user_id
    made.achievement_id = achievement_id
    made.percent_complete = percent_complete
    made.unlocked_at = unlocked_at
    made.synced = synced
    made.__class__ = UserAchievement
    frozen: UserAchievement = made
    return frozen
