"""Migrates a database from any older schema to the newest; many processes may start at once.

Alembic is imported only for a database that is not up to date: otherwise it would be a sixth of the service's start.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from .base import DatabaseUnusable, StoreUnavailable
from .unmigrated import newest_revision

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x64615F6D  # an arbitrary number that no other program uses


def migrate(engine: Engine, revision: str | None = None) -> None:
    """Create or migrate the tables in one transaction, for which other processes wait. **Blocks**.

    `revision` is the schema to migrate to, the newest if it is None.

    Raises `StoreUnavailable`, and `DatabaseUnusable` for a database that is not this program's; in both cases no
    connection is left open.
    """
    try:
        _upgrade(engine, revision or newest_revision())
    except BaseException:
        engine.dispose()
        raise


def _upgrade(engine: Engine, revision: str) -> None:
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if _revision(connection) != revision:
                _run_steps(connection, revision)
    except OperationalError as exc:
        raise StoreUnavailable(f"the database cannot be opened: {_reason(exc)}") from exc
    except DBAPIError as exc:
        raise DatabaseUnusable(f"the database cannot be used: {_reason(exc)}") from exc


def _revision(connection: Connection) -> str | None:
    """Return the schema's revision, or None before the first migration."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_steps(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(configuration(connection), revision)
    except CommandError as exc:
        raise DatabaseUnusable(
            f"the database was written by a newer version; upgrade discord-achievements: {exc}"
        ) from exc


def _reason(exc: DBAPIError) -> str:
    return str(exc.orig).strip().partition("\n")[0]


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for one connection, in whose transaction it works."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
