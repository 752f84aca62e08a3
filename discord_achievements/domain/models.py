"""The two structs of the GameSDK that a game sees. Source: Discord's Achievements page, Data Models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

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


@dataclass(frozen=True, slots=True, init=False)
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

    def __init__(
        self, user_id: int, achievement_id: int, percent_complete: int, unlocked_at: str, synced: bool = False
    ) -> None:
        # One is made for each set on the game's thread. What dataclass writes for a frozen class takes twice as long,
        # because it looks each field up by its name; a tuple is made faster but read and delivered more slowly.
        _set_user_id(self, user_id)
        _set_achievement_id(self, achievement_id)
        _set_percent_complete(self, percent_complete)
        _set_unlocked_at(self, unlocked_at)
        _set_synced(self, synced)

    @property
    def unlocked(self) -> bool:
        """Whether the player has it: progress is 100."""
        return self.percent_complete == 100


_set_user_id, _set_achievement_id, _set_percent_complete, _set_unlocked_at, _set_synced = (
    getattr(UserAchievement, field.name).__set__ for field in fields(UserAchievement)
)
