"""The names of PyPI's `discordsdk` 0.2.5 that concern achievements.

    from discord_achievements.gamesdk import discordsdk as dsdk     # was: import discordsdk as dsdk

    app = dsdk.Discord(APPLICATION_ID, dsdk.CreateFlags.default)
    app.get_achievement_manager().set_user_achievement(ACHIEVEMENT_ID, 100, callback)
    app.run_callbacks()     # once per frame

**Source**: the package `discordsdk` on PyPI.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum, IntEnum, IntFlag
from typing import TYPE_CHECKING

from ..client.manager import AchievementManager as CoreManager
from ..client.uncopied import Uncopied
from ..domain.errors import ResultError
from ..domain.models import UserAchievement
from .absent import ABSENT_NAMES, NotOfferedAttributeError, absent
from .configuration import configured_manager
from .log_hook import LogHook
from .results import DiscordException, exceptions_by_result, named, respelt

__all__ = [
    "AchievementManager",
    "CreateFlags",
    "Discord",
    "DiscordException",
    "LogLevel",
    "Result",
    "UserAchievement",
    "exceptions",
    "get_exception",
]

# The old submodules, such as `discordsdk.enum`, are this module too, whichever way they are imported.
__path__: list[str] = []
achievement = discord = enum = exception = model = sys.modules[__name__]
for _submodule in ("achievement", "discord", "enum", "exception", "model"):
    sys.modules[f"{__name__}.{_submodule}"] = sys.modules[__name__]


class Result(IntEnum):
    """The outcome of a call. **Source**: Discord GameSDK, Result."""

    ok = 0
    service_unavailable = 1
    invalid_version = 2
    lock_failed = 3
    internal_error = 4
    invalid_payload = 5
    invalid_command = 6
    invalid_permissions = 7
    not_fetched = 8
    not_found = 9
    conflict = 10
    invalid_secret = 11
    invalid_join_secret = 12
    no_eligible_activity = 13
    invalid_invite = 14
    not_authenticated = 15
    invalid_access_token = 16
    application_mismatch = 17
    invalid_data_url = 18
    invalid_base_64 = 19
    not_filtered = 20
    lobby_full = 21
    invalid_lobby_secret = 22
    invalid_filename = 23
    invalid_file_size = 24
    invalid_entitlement = 25
    not_installed = 26
    not_running = 27
    insufficient_buffer = 28
    purchase_canceled = 29
    invalid_guild = 30
    invalid_event = 31
    invalid_channel = 32
    invalid_origin = 33
    rate_limited = 34
    oauth2_error = 35
    select_channel_timeout = 36
    get_guild_timeout = 37
    select_voice_force_required = 38
    capture_shortcut_already_listening = 39
    unauthorized_for_achievement = 40
    invalid_gift_code = 41
    purchase_error = 42
    transaction_aborted = 43
    drawing_init_failed = 44

    # Since Python 3.11 an IntEnum prints only its number; the old wrapper was used with earlier ones.
    __str__ = Enum.__str__


class LogLevel(IntEnum):
    """The severity of a log message. **Source**: Discord GameSDK, LogLevel."""

    error = 0
    warning = 1
    info = 2
    debug = 3


class CreateFlags(IntFlag):
    """Whether Discord must be running; it need not, so both mean the same. **Source**: GameSDK, CreateFlags."""

    default = 0
    no_require_discord = 1


exceptions = exceptions_by_result(Result)


def get_exception(result: Result) -> DiscordException:
    """Return the exception named after `result`."""
    return exceptions.get(result, DiscordException)(f"result {result:d}")


class AchievementManager(Uncopied):
    """The player's achievements; `Discord` creates it, and `discord_achievements.AchievementManager` does the work.

    To use a subclass, assign `discordsdk.AchievementManager = Subclass` before `Discord(...)`.
    """

    _internal: CoreManager

    def set_user_achievement(
        self, achievement_id: int, percent_complete: int, callback: Callable[[Result], object] | None = None
    ) -> None:
        """Report that the player has reached `percent_complete` (0 to 100); `callback` gets the `Result`."""
        self._internal.set_user_achievement(achievement_id, percent_complete, respelt(Result, callback))

    def fetch_user_achievements(self, callback: Callable[[Result], object] | None = None) -> None:
        """Fetch the player's list; after `callback` it can be counted and read."""
        self._internal.fetch_user_achievements(respelt(Result, callback))

    def count_user_achievements(self) -> int:
        """Return the number of achievements in the list, 0 before the first fetch."""
        return self._internal.count_user_achievements()

    def get_user_achievement_at(self, index: int) -> UserAchievement:
        """Return the achievement at `index`, 0 to count - 1. Raises `not_fetched` or `not_found`."""
        try:
            return self._internal.get_user_achievement_at(index)
        except ResultError as exc:
            raise named(exceptions, exc) from exc

    def get_user_achievement(self, achievement_id: int) -> UserAchievement:
        """Return the player's progress on one achievement. Raises `not_fetched` or `not_found`."""
        try:
            return self._internal.get_user_achievement(achievement_id)
        except ResultError as exc:
            raise named(exceptions, exc) from exc

    def on_user_achievement_update(self, achievement: UserAchievement) -> None:
        """Called when an achievement has changed; assign a function or override it."""


class Discord(Uncopied):
    """The entry point of the GameSDK: creates the managers and runs their callbacks.

    `core` is the `discord_achievements.AchievementManager` behind it, with everything that the old wrapper lacks:
    `core.get_achievement(id).name`, `core.flush()`, `core.close()`.

    Raises `ConfigurationError` or `CatalogueError` if `gamesdk.configure` and the environment hold nothing usable.
    **Thread**: all calls and callbacks belong to the thread that calls `run_callbacks()`.
    """

    def __init__(self, client_id: int, flags: CreateFlags) -> None:
        self.core = configured_manager(client_id)
        self._log_hook = LogHook()
        self._achievement_manager = AchievementManager()
        self._achievement_manager._internal = self.core
        self.core.on_user_achievement_update.connect(self._update)

    def set_log_hook(self, min_level: LogLevel, hook: Callable[[LogLevel, str], object]) -> None:
        """Call `hook`, inside `run_callbacks()`, for messages of `min_level` and more severe ones."""
        self._log_hook.set(LogLevel(min_level), lambda level, message: hook(LogLevel(level), message))

    def run_callbacks(self) -> None:
        """Run the callbacks that are due; call it once per frame. Exceptions of the game's callbacks are passed on."""
        self._log_hook.deliver()
        self.core.run_callbacks()

    def get_achievement_manager(self) -> AchievementManager:
        """Return the achievement manager, always the same object."""
        return self._achievement_manager

    get_activity_manager = absent("Discord.get_activity_manager()")
    get_relationship_manager = absent("Discord.get_relationship_manager()")
    get_image_manager = absent("Discord.get_image_manager()")
    get_user_manager = absent("Discord.get_user_manager()")
    get_lobby_manager = absent("Discord.get_lobby_manager()")
    get_network_manager = absent("Discord.get_network_manager()")
    get_overlay_manager = absent("Discord.get_overlay_manager()")
    get_application_manager = absent("Discord.get_application_manager()")
    get_storage_manager = absent("Discord.get_storage_manager()")
    get_store_manager = absent("Discord.get_store_manager()")
    get_voice_manager = absent("Discord.get_voice_manager()")

    def _update(self, achievement: UserAchievement) -> None:
        # Looked up each time, because the game may assign its function at any time.
        self._achievement_manager.on_user_achievement_update(achievement)


if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name in Result.__members__:
            return exceptions[Result[name]]
        if name in ABSENT_NAMES:
            raise NotOfferedAttributeError(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
