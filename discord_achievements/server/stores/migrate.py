"""Migrates a database from any older schema to the newest; many processes may start at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from .base import DatabaseUnusable, StoreUnavailable

_LOCK = 0x64615F6D  # an arbitrary number that no other program uses
HEAD = "head"


def migrate(engine: Engine, revision: str = HEAD) -> None:
    """Create or migrate the tables in one transaction, for which other processes wait. **Blocks**.

    Raises `StoreUnavailable`, and `DatabaseUnusable` for a database that is not this program's; in both cases no
    connection is left open.
    """
    try:
        _upgrade(engine, revision)
    except BaseException:
        engine.dispose()
        raise


def _upgrade(engine: Engine, revision: str) -> None:
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(configuration(connection), revision)
    except OperationalError as exc:
        raise StoreUnavailable(f"the database cannot be opened: {_reason(exc)}") from exc
    except DBAPIError as exc:
        raise DatabaseUnusable(f"the database cannot be used: {_reason(exc)}") from exc
    except CommandError as exc:
        raise DatabaseUnusable(
            f"the database was written by a newer version; upgrade discord-achievements: {exc}"
        ) from exc


def _reason(exc: DBAPIError) -> str:
    return str(exc.orig).strip().partition("\n")[0]


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for one connection, in whose transaction it works."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
