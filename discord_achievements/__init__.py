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

from .client.clock import Clock
from .client.event import Event
from .client.manager import AchievementManager
from .client.net.transport import Request, Response, Stream, Transport
from .client.options import default_data_dir
from .client.token import TokenProvider
from .domain.catalogue import Catalogue, CatalogueEntry
from .domain.errors import (
    ApiError,
    CatalogueError,
    ConfigurationError,
    DiscordAchievementsError,
    ResultError,
    TransportError,
    WireError,
)
from .domain.models import Achievement, UserAchievement
from .domain.result import Result

__version__ = "0.1.0"

__all__ = [
    "Achievement",
    "AchievementManager",
    "ApiError",
    "Catalogue",
    "CatalogueEntry",
    "CatalogueError",
    "Clock",
    "ConfigurationError",
    "DiscordAchievementsError",
    "Event",
    "Request",
    "Response",
    "Result",
    "ResultError",
    "Stream",
    "TokenProvider",
    "Transport",
    "TransportError",
    "UserAchievement",
    "WireError",
    "__version__",
    "default_data_dir",
]
