"""Achievements for Python games: Discord's GameSDK AchievementManager, alive again.

    from discord_achievements import AchievementManager

    manager = AchievementManager(461618159171141643, achievements="achievements.toml")
    manager.on_user_achievement_update = lambda achievement: print(achievement)
    manager.set_user_achievement(580159119969878046, 100)
    ...
    manager.run_callbacks()     # once per frame

`AchievementManager` explains the arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .sdk import *
else:

    def __getattr__(name: str) -> object:
        """Import the SDK when the first of its names is used: the command line starts faster without it."""
        import discord_achievements.sdk as sdk  # noqa: PLR0402 - "from . import" would ask this function first

        if name == "__all__":
            return [*sdk.__all__, "__version__"]
        if name not in sdk.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals().update({each: getattr(sdk, each) for each in sdk.__all__})
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
