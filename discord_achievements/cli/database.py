"""The database, for commands that need no running service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from ..domain.errors import DiscordAchievementsError
from ..server.settings import Settings
from ..server.stores.base import Store
from ..server.web.app import open_store


@contextmanager
def opened(database: str | None) -> Iterator[Store]:
    """Open the store at a URL, None for the one in the settings; it is created or migrated first."""
    settings = Settings.from_environment(os.environ, database=database)
    with closing(open_store(settings.database)) as store:
        yield store


def unknown_application(application_id: int, advice: str = "`app list` shows all") -> DiscordAchievementsError:
    """Return the error for an application that the database does not have."""
    return DiscordAchievementsError(f"there is no application {application_id}; {advice}")
