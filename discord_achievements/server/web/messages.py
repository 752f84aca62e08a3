"""The types of the messages, for the description of the API; tests compare them with what is sent.

A field whose absence means something of its own has the default `UNSET`, which the description does not mention: a
client made from a description with a default would send that default for each field that its user left out.

They are apart from `openapi` because the table of endpoints needs them, and `openapi` needs that table.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...domain.models import DESCRIPTION_MAX, NAME_MAX

Snowflake = Annotated[str, Meta(pattern="^[1-9][0-9]{0,18}$", description="An id from 1 to 2^63-1")]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", description="The MD5 of the icon's bytes")]
Percent = Annotated[int, Meta(ge=0, le=100)]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX)]
Description = Annotated[str, Meta(min_length=1, max_length=DESCRIPTION_MAX)]
DataUri = Annotated[
    str,
    Meta(
        pattern="^data:image/[^,]*;base64,", description="A PNG, JPEG, GIF or WebP of at most 256 KiB and 1024 x 1024"
    ),
]
Localizations = dict[str, str] | None
Time = Annotated[str, Meta(description="ISO 8601 in UTC, with microseconds")]


class Text(msgspec.Struct):
    """A string and its translations, in the shape of API versions 6 to 9."""

    default: str
    localizations: Localizations | UnsetType = UNSET


class Achievement(msgspec.Struct):
    """An achievement; the shape of `name` and `description` depends on the API's version."""

    application_id: Snowflake
    id: Snowflake
    name: str | Text
    description: str | Text
    secret: bool
    secure: bool
    icon_hash: Hash
    name_localizations: Localizations | UnsetType = UNSET
    description_localizations: Localizations | UnsetType = UNSET


class UserAchievement(Achievement, kw_only=True):
    """An achievement and one player's progress on it."""

    user_id: Snowflake
    achievement_id: Snowflake
    percent_complete: Percent
    unlocked_at: Time | None
    revision: int


class Nothing(msgspec.Struct):
    """An empty object."""


class NewAchievement(msgspec.Struct):
    """The body that creates an achievement."""

    name: Name | Text
    description: Description | Text
    name_localizations: Localizations | UnsetType = UNSET
    description_localizations: Localizations | UnsetType = UNSET
    secret: bool = False
    secure: bool = False
    icon: DataUri | None = None


class AchievementChange(msgspec.Struct):
    """The body that updates an achievement; omitted fields stay as they are."""

    name: Name | Text | UnsetType = UNSET
    description: Description | Text | UnsetType = UNSET
    name_localizations: Localizations | UnsetType = UNSET
    description_localizations: Localizations | UnsetType = UNSET
    secret: bool | UnsetType = UNSET
    secure: bool | UnsetType = UNSET
    icon: DataUri | UnsetType | None = UNSET


class ProgressUpdate(msgspec.Struct):
    """A player's progress; a late unlock carries its age in seconds."""

    percent_complete: Percent
    seconds_since_unlock: float = 0


class User(msgspec.Struct):
    """A player, or an application's bot; a player's name is their id."""

    id: Snowflake
    username: str
    discriminator: str
    global_name: str | None
    avatar: str | None
    bot: bool
    mfa_enabled: bool
    locale: str
    verified: bool
    flags: int
    public_flags: int
    premium_type: int


class Application(msgspec.Struct):
    """An application, which is a game."""

    id: Snowflake
    name: str
    description: str
    icon: str | None
    bot_public: bool
    bot_require_code_grant: bool
    verify_key: str
    owner: User
    team: None
    flags: int
    approximate_guild_count: int
    approximate_user_install_count: int


class Authorization(msgspec.Struct):
    """What a token is for; one that does not expire says the year 9999."""

    application: Application
    scopes: list[str]
    expires: Time
    user: User


class SessionStartLimit(msgspec.Struct):
    """How often a bot may connect to a gateway."""

    total: int
    remaining: int
    reset_after: int
    max_concurrency: int


class Gateway(msgspec.Struct):
    """An address at which no gateway is."""

    url: str
    shards: int
    session_start_limit: SessionStartLimit


class Error(msgspec.Struct):
    """The body of every refusal except 429."""

    message: str
    code: int
    errors: dict[str, Any] | UnsetType = UNSET


class RateLimited(msgspec.Struct):
    """The body of a 429."""

    message: str
    retry_after: float
    is_global: bool = msgspec.field(name="global")
