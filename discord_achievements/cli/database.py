"""The database, for commands that need no running service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..domain.errors import DiscordAchievementsError
from ..server.dsn import is_postgresql, redacted, sqlite_path
from ..server.settings import PREFIX, check_names
from .options import settings

if TYPE_CHECKING:
    from ..server.stores.base import Store

_VARIABLE = f"{PREFIX}DATABASE"
_CREATED_BY = "`serve` and `app create` create it"


@contextmanager
def opened(database: str | None, *, create: bool = False) -> Iterator[Store]:
    """Open the store at a URL, None for the one in the settings; it is migrated first, and created with `create`."""
    check_names(os.environ)
    chosen = settings(database=database)
    from ..server.stores.base import DatabaseUnusable
    from ..server.web.app import open_store

    with blaming(database):
        if not create and not _may_exist(chosen.database):
            raise DatabaseUnusable(no_database(database))
        with closing(open_store(chosen.database)) as store:
            yield store


def read_applications(database: str | None) -> list[tuple[int, str, int]] | None:
    """Return id, name and time of each application in the database as it is; None if it does not exist."""
    check_names(os.environ)
    chosen = settings(database=database)
    from ..server.stores.unmigrated import read_applications

    with blaming(database):
        return read_applications(chosen.database)


def no_database(database: str | None) -> str:
    """Return what is said of a database that does not exist."""
    return f"there is no database at {redacted(settings(database=database).database)}; {_CREATED_BY}"


@contextmanager
def blaming(database: str | None) -> Iterator[None]:
    """Add to the error of a database that cannot be used where its URL comes from; `database` is the option's value."""
    try:
        yield
    except DiscordAchievementsError as exc:
        from ..server.stores.base import DatabaseUnusable, StoreUnavailable

        if not isinstance(exc, StoreUnavailable | DatabaseUnusable):
            raise
        if database is not None:
            source = f"--database, which is {redacted(database)!r}"
        elif url := os.environ.get(_VARIABLE):
            source = f"{_VARIABLE}, which is {redacted(url)!r}"
        else:
            source = f"the file in your data folder, or choose another with --database or {_VARIABLE}"
        raise DiscordAchievementsError(f"{exc}; check {source}") from exc


def _may_exist(database: str) -> bool:
    return is_postgresql(database) or Path(sqlite_path(database)).exists()


def unknown_application(application_id: int, advice: str = "`app list` shows all") -> DiscordAchievementsError:
    """Return the error for an application that the database does not have."""
    return DiscordAchievementsError(f"there is no application {application_id}; {advice}")
