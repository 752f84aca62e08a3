"""Configures the managers behind `Discord(client_id, flags)`, since that call takes no options."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

from ..client.manager import AchievementManager
from ..client.options import URL_VARIABLE, from_environment
from ..domain.errors import ConfigurationError

_DEFAULT_CATALOGUE = Path("achievements.toml")
_options: dict[str, Any] = {}


def configure(**options: Any) -> None:
    """Set the keyword arguments of `AchievementManager` for every later `Discord(...)`.

        gamesdk.configure(achievements="data/achievements.toml", locale="de")

    Each call replaces the options of the one before. Without options, the environment variables
    `DISCORD_ACHIEVEMENTS_URL`, `DISCORD_ACCESS_TOKEN` and `DISCORD_CURRENT_LOCALE` apply; without a service, the
    catalogue is `achievements.toml` in the working directory. Relative paths start at the working directory of this
    call. Raises `TypeError` for a name that `AchievementManager`
    does not have; `Discord(...)` checks the values.
    """
    inspect.signature(AchievementManager).bind(0, **options)
    for name in ("achievements", "data_dir"):
        if isinstance(path := options.get(name), str | os.PathLike):
            options[name] = os.path.abspath(path)  # the game may change its working directory before `Discord(...)`
    _options.clear()
    _options.update(options)


def configured_manager(client_id: int) -> AchievementManager:
    """Return a manager with the configured options. Raises what `AchievementManager` raises."""
    options = dict(_options)
    has_service = options.get("base_url") or from_environment(URL_VARIABLE)
    if not has_service and options.get("achievements") is None:
        if not _DEFAULT_CATALOGUE.exists():
            raise ConfigurationError(
                f"there is no catalogue {_DEFAULT_CATALOGUE.absolute()}: create it, name another one with"
                f" gamesdk.configure(achievements='...'), or name a service with gamesdk.configure(base_url='...',"
                f" token='...') or {URL_VARIABLE}"
            )
        options["achievements"] = _DEFAULT_CATALOGUE
    return AchievementManager(client_id, **options)
