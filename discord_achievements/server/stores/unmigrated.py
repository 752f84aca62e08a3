"""Reads a database as it is: never creates or migrates one.

A command that lists something must start at once, so this does without SQLAlchemy and whatever else takes long to
import.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from ...domain.errors import ConfigurationError
from ..dsn import is_postgresql, sqlite_path

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def newest_revision() -> str:
    """Return the schema's revision that this version of the program makes: migrations are files like v0001_first.py."""
    return max(path.name[1:5] for path in _VERSIONS.glob("v[0-9][0-9][0-9][0-9]_*.py*"))


def read_applications(database: str) -> list[tuple[int, str, int]] | None:
    """Return id, name and time of creation in microseconds of all applications, ascending by id. **Blocks**.

    None stands for a database that does not exist or has no tables. Raises `StoreUnavailable`, `DatabaseUnusable`, and
    `ConfigurationError` for a schema that is not the newest.
    """
    if is_postgresql(database):
        return _read_postgresql(database)
    path = Path(sqlite_path(database))
    return _read_sqlite(path) if path.exists() else None


def _read_sqlite(path: Path) -> list[tuple[int, str, int]] | None:
    try:
        # Not mode=ro: it would leave the files of the write-ahead log behind.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA query_only = ON")
            return _read(connection, "SELECT name FROM sqlite_master WHERE name = 'alembic_version'")
    except sqlite3.OperationalError as exc:
        from .base import StoreUnavailable

        raise StoreUnavailable(f"the database cannot be opened: {exc}") from exc
    except sqlite3.DatabaseError as exc:
        from .base import DatabaseUnusable

        raise DatabaseUnusable(f"the database cannot be used: {exc}") from exc


def _read_postgresql(url: str) -> list[tuple[int, str, int]] | None:
    try:
        import psycopg

        from ..postgres.connection import PostgresConnection
    except ImportError as exc:
        raise ConfigurationError('PostgreSQL needs a driver: pip install "discord-achievements[postgres]"') from exc
    try:
        with closing(PostgresConnection.open(url, autocommit=True)) as connection:
            return _read(connection, "SELECT to_regclass('alembic_version')")
    except psycopg.OperationalError as exc:
        from .base import StoreUnavailable

        raise StoreUnavailable(f"the database cannot be opened: {_first_line(exc)}") from exc
    except psycopg.Error as exc:
        from .base import DatabaseUnusable

        raise DatabaseUnusable(f"the database cannot be used: {_first_line(exc)}") from exc


def _read(connection: Any, look_for_tables: str) -> list[tuple[int, str, int]] | None:
    found = connection.execute(look_for_tables).fetchone()
    if found is None or found[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:  # a migration was undone
        return None
    revision, newest = row[0], newest_revision()
    if revision < newest:
        raise ConfigurationError(
            f"the database has the older schema {revision}, and this version reads {newest}; `serve` migrates it, and"
            " so does each command that writes, such as `app create`"
        )
    if revision > newest:
        raise ConfigurationError(
            f"the database was written by a newer version (schema {revision}; this version reads {newest}); upgrade"
            " discord-achievements"
        )
    rows = connection.execute("SELECT id, name, created_at_us FROM applications ORDER BY id").fetchall()
    return list(map(tuple, rows))


def _first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0]
