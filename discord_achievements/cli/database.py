"""The database, for commands that need no running service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ..domain.errors import DiscordAchievementsError
from ..server.dsn import redacted
from ..server.settings import PREFIX, check_names
from .options import settings

if TYPE_CHECKING:
    from ..server.stores.base import Application, Store

NO_DATABASE = "the database does not exist; `serve` and `app create` create it"
_VARIABLE = f"{PREFIX}DATABASE"


@contextmanager
def opened(database: str | None) -> Iterator[Store]:
    """Open the store at a URL, None for the one in the settings; it is created or migrated first."""
    check_names(os.environ)
    chosen = settings(database=database)
    from ..server.web.app import open_store

    with blaming(database), closing(open_store(chosen.database)) as store:
        yield store


def read_applications(database: str | None) -> list[Application] | None:
    """Return the applications in the database at a URL, as it is; None if it does not exist or has no tables."""
    check_names(os.environ)
    chosen = settings(database=database)
    from ..server.stores.unmigrated import read_applications

    with blaming(database):
        return read_applications(chosen.database)


@contextmanager
def blaming(database: str | None) -> Iterator[None]:
    """Add to the error of a database that cannot be used where its URL comes from; `database` is the option's value."""
    from ..server.stores.base import DatabaseUnusable, StoreUnavailable

    try:
        yield
    except (StoreUnavailable, DatabaseUnusable) as exc:
        if database is not None:
            source = f"--database, which is {redacted(database)!r}"
        elif url := os.environ.get(_VARIABLE):
            source = f"{_VARIABLE}, which is {redacted(url)!r}"
        else:
            source = f"the file in your data folder, or choose another with --database or {_VARIABLE}"
        raise DiscordAchievementsError(f"{exc}; check {source}") from exc


def unknown_application(application_id: int, advice: str = "`app list` shows all") -> DiscordAchievementsError:
    """Return the error for an application that the database does not have."""
    return DiscordAchievementsError(f"there is no application {application_id}; {advice}")
