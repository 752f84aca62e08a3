"""Backs a SQLite database up and restores it, also while services have it open. All functions **block**.

Copying the files by hand is not safe: the newest commits are in the write-ahead log beside the database, and a copy
that is put in place under a running service goes unnoticed or is damaged. SQLite's own copy has neither problem.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import quote

from ...domain.errors import DiscordAchievementsError
from .sqlite import SqliteStore, make_private

_BUSY_TIMEOUT_S = 10.0
_SIDE_FILES = ("-wal", "-shm", "-journal")


def back_up(database: Path, to: Path) -> None:
    """Copy `database`, as it is at one moment, to the new file `to`, which only this user can read.

    Raises `DiscordAchievementsError`; then there is no file `to`.
    """
    if to.exists():
        raise DiscordAchievementsError(f"{to} exists; choose the name of a new file for the backup")
    with _translated(f"cannot back up {database}"), _temporary(to) as copy:
        _copy(database, copy)
        os.replace(copy, to)


def restore(backup: Path, database: Path) -> str:
    """Put the content of `backup` in the place of `database` and begin a new history; return its id.

    Services that have the database open continue with the restored content. A `database` that cannot be used any more
    is kept under another name. Raises `DiscordAchievementsError`; then `database` is as it was.
    """
    with _translated(f"cannot restore {backup}"), _temporary(database) as copy:
        _copy(backup, copy)
        # Running services read definitions and the history again when the generation changes: so it must differ.
        with closing(sqlite3.connect(copy, isolation_level=None)) as restored:
            restored.execute("UPDATE generation SET value = max(value, ?)", (_generation(database),))
        with closing(SqliteStore(str(copy))) as store:  # migrates it
            history = store.renew_history()
        try:
            if not database.exists():
                raise sqlite3.DatabaseError
            _overwrite(copy, database)
        except sqlite3.OperationalError:
            raise  # locked, or the disk is full
        except sqlite3.DatabaseError:
            _set_aside(database)
            os.replace(copy, database)
    return history


def _copy(source: Path, to: Path) -> None:
    """Copy a database of this program, whole and sound."""
    with closing(_opened(source)) as old, closing(sqlite3.connect(to)) as new:
        if not old.execute("SELECT name FROM sqlite_master WHERE name = 'generation'").fetchone():
            raise sqlite3.DatabaseError(f"{source} is not a database of this service")
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")  # in one file
        fault = new.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if fault != "ok":
            raise sqlite3.DatabaseError(f"{source} is damaged: {str(fault).splitlines()[0]}")


def _overwrite(source: Path, database: Path) -> None:
    """Replace what is in `database` in one transaction, for which other processes wait."""
    with closing(sqlite3.connect(source)) as new, closing(_opened(database)) as live:
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()  # fails if it is not a database
        new.backup(live)


def _generation(database: Path) -> int:
    try:
        with closing(_opened(database)) as live:
            return int(live.execute("SELECT value FROM generation").fetchone()[0])
    except sqlite3.Error:
        return 0  # there is none, or it cannot be used: no service caches anything that it was read from


def _opened(path: Path) -> sqlite3.Connection:
    """Open a file that exists."""
    if not path.exists():
        raise sqlite3.OperationalError(f"there is no file {path}")
    uri = f"file:{quote(path.absolute().as_posix())}"
    connection = sqlite3.connect(f"{uri}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT_S)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError:  # in a folder where nothing can be written, such as a mounted snapshot
        connection.close()
        return sqlite3.connect(f"{uri}?immutable=1", uri=True)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _temporary(near: Path) -> Iterator[Path]:
    """Give a new file in the folder of `near`, readable only by this user; it and its side files are removed."""
    make_private(near.parent)
    handle, name = tempfile.mkstemp(prefix=f".{near.name}.", dir=near.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        for suffix in ("", *_SIDE_FILES):
            with suppress(FileNotFoundError):
                os.unlink(f"{name}{suffix}")


def _set_aside(database: Path) -> None:
    """Rename what is left of a database; a write-ahead log of another file must not be replayed on the new one."""
    aside = next(free for n in count(1) if not (free := database.with_name(f"{database.name}.replaced-{n}")).exists())
    for suffix in ("", *_SIDE_FILES):
        with suppress(FileNotFoundError):
            os.replace(f"{database}{suffix}", f"{aside}{suffix}")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise DiscordAchievementsError(f"{what}: {exc}") from exc
