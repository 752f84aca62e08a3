"""Everything that games import; `discord_achievements` gives it out under its own name."""

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
    "default_data_dir",
]
