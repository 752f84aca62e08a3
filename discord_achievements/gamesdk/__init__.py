"""Runs game code written for older Python wrappers of the GameSDK, after a change of its import.

    import discordsdk               becomes     from discord_achievements.gamesdk import discordsdk
    from discord import Discord     becomes     from discord_achievements.gamesdk.discord import Discord

`discordsdk` has the spelling of PyPI's `discordsdk`, `discord` the C#-like spelling of the wrapper before it. Both pass
calls on to `discord_achievements.AchievementManager`; the game's code need not change. The differences are listed in
docs/reference/gamesdk_differences.md.
"""

from __future__ import annotations

from .absent import NotOfferedError
from .configuration import configure

__all__ = ["NotOfferedError", "configure"]
