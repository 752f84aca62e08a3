"""What the managers behind `Discord(client_id, flags)` are made with: that call has no place for it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from ..client.manager import AchievementManager
from ..client.options import URL_VARIABLE, from_environment
from ..domain.errors import ConfigurationError

_DEFAULT_CATALOGUE = Path("achievements.toml")
_options: dict[str, Any] = {}


def configure(**options: Any) -> None:
    """Set the keyword arguments of `AchievementManager`, for every `Discord(...)` that is made from now on.

        gamesdk.configure(achievements="data/achievements.toml", locale="de")

    A second call replaces the first. Without any, `DISCORD_ACHIEVEMENTS_URL`, `DISCORD_ACCESS_TOKEN` and
    `DISCORD_CURRENT_LOCALE` count, and without a service the catalogue is `achievements.toml` in the working
    directory. Raises `TypeError` for a name that `AchievementManager` does not have; values are checked by
    `Discord(...)`.
    """
    inspect.signature(AchievementManager).bind(0, **options)
    _options.clear()
    _options.update(options)


def configured_manager(client_id: int) -> AchievementManager:
    """Return a manager made as configured. Raises what `AchievementManager` raises."""
    options = dict(_options)
    has_service = options.get("base_url") or from_environment(URL_VARIABLE)
    if not has_service and options.get("achievements") is None:
        if not _DEFAULT_CATALOGUE.exists():
            raise ConfigurationError(
                f"there is no {_DEFAULT_CATALOGUE.absolute()}: put a catalogue there, name another one with"
                f" gamesdk.configure(achievements='...'), or give a service with gamesdk.configure(base_url='...',"
                f" token='...') or {URL_VARIABLE}"
            )
        options["achievements"] = _DEFAULT_CATALOGUE
    return AchievementManager(client_id, **options)
