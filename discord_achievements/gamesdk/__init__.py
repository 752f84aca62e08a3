"""Game code written for an older Python wrapper of the GameSDK, running by a change of its import.

    import discordsdk               becomes     from discord_achievements.gamesdk import discordsdk
    from discord import Discord     becomes     from discord_achievements.gamesdk.discord import Discord

`discordsdk` has the spelling of PyPI's `discordsdk`, `discord` the C#-like one of the wrapper before it; each is an
alias of `discord_achievements.AchievementManager`, the game's code stays as it is. What differs is in
docs/reference/gamesdk_differences.md.
"""

from __future__ import annotations

from .absent import NotOfferedError
from .configuration import configure

__all__ = ["NotOfferedError", "configure"]
