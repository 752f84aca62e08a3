"""The names of the C#-like wrapper, a folder called `discord`, that concern achievements.

    from discord_achievements.gamesdk.discord import CreateFlags, Discord     # was: from discord import ...

    app = Discord(APPLICATION_ID, CreateFlags.Default)
    app.GetAchievementManager().SetUserAchievement(ACHIEVEMENT_ID, 100, callback)
    app.RunCallbacks()     # once per frame

**Source**: github.com/NathaanTFM/discord-game-sdk-python.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from typing import TYPE_CHECKING

from ..client.manager import AchievementManager as CoreManager
from ..client.uncopied import Uncopied
from ..domain import models
from ..domain.errors import ResultError
from .absent import ABSENT_NAMES, NotOfferedAttributeError, absent
from .configuration import configured_manager
from .log_hook import LogHook
from .results import (
    DiscordException,
    exceptions_by_result,
    in_pascal_case,
    log_in_pascal_case,
    named,
    respelt,
)

__all__ = [
    "AchievementManager",
    "CreateFlags",
    "Discord",
    "DiscordException",
    "LogLevel",
    "Result",
    "UserAchievement",
    "exceptions",
    "getException",
]

# The old submodules, such as `discord.enum`, are this module too, whichever way they are imported.
__path__: list[str] = []
achievement = enum = exception = model = sys.modules[__name__]
for _submodule in ("achievement", "enum", "exception", "model"):
    sys.modules[f"{__name__}.{_submodule}"] = sys.modules[__name__]


class Result(IntEnum):
    """The outcome of a call. **Source**: Discord GameSDK, Result."""

    Ok = 0
    ServiceUnavailable = 1
    InvalidVersion = 2
    LockFailed = 3
    InternalError = 4
    InvalidPayload = 5
    InvalidCommand = 6
    InvalidPermissions = 7
    NotFetched = 8
    NotFound = 9
    Conflict = 10
    InvalidSecret = 11
    InvalidJoinSecret = 12
    NoEligibleActivity = 13
    InvalidInvite = 14
    NotAuthenticated = 15
    InvalidAccessToken = 16
    ApplicationMismatch = 17
    InvalidDataUrl = 18
    InvalidBase64 = 19
    NotFiltered = 20
    LobbyFull = 21
    InvalidLobbySecret = 22
    InvalidFilename = 23
    InvalidFileSize = 24
    InvalidEntitlement = 25
    NotInstalled = 26
    NotRunning = 27
    InsufficientBuffer = 28
    PurchaseCanceled = 29
    InvalidGuild = 30
    InvalidEvent = 31
    InvalidChannel = 32
    InvalidOrigin = 33
    RateLimited = 34
    OAuth2Error = 35
    SelectChannelTimeout = 36
    GetGuildTimeout = 37
    SelectVoiceForceRequired = 38
    CaptureShortcutAlreadyListening = 39
    UnauthorizedForAchievement = 40
    InvalidGiftCode = 41
    PurchaseError = 42
    TransactionAborted = 43
    DrawingInitFailed = 44

    # Since Python 3.11 an IntEnum prints only its number; the old wrapper was used with earlier ones.
    __str__ = Enum.__str__


class LogLevel(IntEnum):
    """The severity of a log message. **Source**: Discord GameSDK, LogLevel."""

    Error = 0
    Warning = 1
    Info = 2
    Debug = 3


class CreateFlags(IntFlag):
    """Whether Discord must be running; it need not, so both mean the same. **Source**: GameSDK, CreateFlags."""

    Default = 0
    NoRequireDiscord = 1


exceptions = exceptions_by_result(Result)


def getException(result: Result) -> DiscordException:
    """Return the exception named after `result`."""
    return exceptions.get(result, DiscordException)(f"result {result:d}")


@dataclass(frozen=True, slots=True)
class UserAchievement:
    """One player's progress on one achievement.

    `UserId` is 0 in local mode; `PercentComplete` is 0 to 100; `UnlockedAt` is ISO 8601 in UTC, empty while locked.
    """

    UserId: int
    AchievementId: int
    PercentComplete: int
    UnlockedAt: str


class AchievementManager(Uncopied):
    """The player's achievements; `Discord` creates it, and `discord_achievements.AchievementManager` does the work.

    To use a subclass, assign `discord.AchievementManager = Subclass` before `Discord(...)`.
    """

    _internal: CoreManager

    def SetUserAchievement(
        self, achievementId: int, percentComplete: int, callback: Callable[[Result], object] | None = None
    ) -> None:
        """Report that the player has reached `percentComplete` (0 to 100); `callback` gets the `Result`."""
        self._internal.set_user_achievement(achievementId, percentComplete, respelt(Result, callback))

    def FetchUserAchievements(self, callback: Callable[[Result], object] | None = None) -> None:
        """Fetch the player's list; after `callback` it can be counted and read."""
        self._internal.fetch_user_achievements(respelt(Result, callback))

    def CountUserAchievements(self) -> int:
        """Return the number of achievements in the list, 0 before the first fetch."""
        return self._internal.count_user_achievements()

    def GetUserAchievementAt(self, index: int) -> UserAchievement:
        """Return the achievement at `index`, 0 to count - 1. Raises `NotFetched` or `NotFound`."""
        try:
            return _spelt(self._internal.get_user_achievement_at(index))
        except ResultError as exc:
            raise named(exceptions, exc, in_pascal_case) from exc

    def GetUserAchievement(self, achievementId: int) -> UserAchievement:
        """Return the player's progress on one achievement. Raises `NotFetched` or `NotFound`."""
        try:
            return _spelt(self._internal.get_user_achievement(achievementId))
        except ResultError as exc:
            raise named(exceptions, exc, in_pascal_case) from exc

    def OnUserAchievementUpdate(self, achievement: UserAchievement) -> None:
        """Called when an achievement has changed; assign a function or override it."""


class Discord(Uncopied):
    """The entry point of the GameSDK: creates the managers and runs their callbacks.

    `core` is the `discord_achievements.AchievementManager` behind it, with everything that the old wrapper lacks:
    `core.get_achievement(id).name`, `core.flush()`, `core.close()`.

    Raises `ConfigurationError` or `CatalogueError` if `gamesdk.configure` and the environment hold nothing usable.
    **Thread**: all calls and callbacks belong to the thread that calls `RunCallbacks()`.
    """

    def __init__(self, clientId: int, flags: CreateFlags) -> None:
        logging.getLogger("discord_achievements").addFilter(log_in_pascal_case)
        self.core = configured_manager(clientId)
        self._log_hook = LogHook()
        self._achievementManager = AchievementManager()
        self._achievementManager._internal = self.core
        self.core.on_user_achievement_update.connect(self._update)

    def SetLogHook(self, min_level: LogLevel, hook: Callable[[LogLevel, str], object]) -> None:
        """Call `hook`, inside `RunCallbacks()`, for messages of `min_level` and more severe ones."""
        self._log_hook.set(LogLevel(min_level), lambda level, message: hook(LogLevel(level), message))

    def RunCallbacks(self) -> None:
        """Run the callbacks that are due; call it once per frame. Exceptions of the game's callbacks are passed on."""
        self._log_hook.deliver()
        self.core.run_callbacks()

    def GetAchievementManager(self) -> AchievementManager:
        """Return the achievement manager, always the same object."""
        return self._achievementManager

    GetActivityManager = absent("Discord.GetActivityManager()")
    GetRelationshipManager = absent("Discord.GetRelationshipManager()")
    GetImageManager = absent("Discord.GetImageManager()")
    GetUserManager = absent("Discord.GetUserManager()")
    GetLobbyManager = absent("Discord.GetLobbyManager()")
    GetNetworkManager = absent("Discord.GetNetworkManager()")
    GetOverlayManager = absent("Discord.GetOverlayManager()")
    GetApplicationManager = absent("Discord.GetApplicationManager()")
    GetStorageManager = absent("Discord.GetStorageManager()")
    GetStoreManager = absent("Discord.GetStoreManager()")
    GetVoiceManager = absent("Discord.GetVoiceManager()")

    def _update(self, achievement: models.UserAchievement) -> None:
        # Looked up each time, because the game may assign its function at any time.
        self._achievementManager.OnUserAchievementUpdate(_spelt(achievement))


def _spelt(one: models.UserAchievement) -> UserAchievement:
    return UserAchievement(one.user_id, one.achievement_id, one.percent_complete, one.unlocked_at)


if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name in Result.__members__:
            return exceptions[Result[name]]
        if name in ABSENT_NAMES:
            raise NotOfferedAttributeError(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
