"""The store on SQLite: one file with a write-ahead log; every commit is on disk before it is answered."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from ...domain.access import TokenKind
from .base import DatabaseUnusable, Held, Key, RecordsVersion, StoreUnavailable, Token, Written
from .migrate import migrate
from .sql import DELETED_AT_ONCE, SqlStore, held

_BUSY_AGAIN_S = 0.01
_GENERATION_FOR_S = 0.001
PRAGMAS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON")
_READ = """
    SELECT percent, unlocked_at_us, revision, changed_at_us FROM progress
    WHERE application_id = ? AND user_id = ? AND achievement_id = ?
"""
_READ_ALL = """
    SELECT achievement_id, percent, unlocked_at_us, revision, changed_at_us FROM progress
    WHERE application_id = ? AND user_id = ?
"""
_READ_VERSION = """
    SELECT count(*), coalesce(sum(revision), 0), coalesce(max(changed_at_us), 0) FROM progress
    WHERE application_id = ? AND user_id = ?
"""
_IS_DELETED = "SELECT 1 FROM deleted_achievements WHERE application_id = ? AND id = ?"
_PUT = """
    INSERT INTO progress (application_id, user_id, achievement_id, percent, unlocked_at_us, revision, changed_at_us)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (application_id, user_id, achievement_id) DO UPDATE SET
        percent = excluded.percent, unlocked_at_us = excluded.unlocked_at_us,
        revision = excluded.revision, changed_at_us = excluded.changed_at_us
"""


class SqliteStore(SqlStore):
    """Opens the file at `path`, and creates or migrates its tables.

    A call fails if another process locks the file for `busy_timeout_s`; `sleep` waits between two attempts to set up a
    new file. `deleted_at_once` is how many records a deletion goes through in one transaction.

    If the file or its log is deleted or replaced by another, all methods that a request needs raise `StoreUnavailable`:
    what is written to the open file could not be found by anybody. That ends when the file is back at its path.

    A write transaction takes the file's lock when it begins, so that what it reads stays true. Writing progress and the
    reads that most requests need go through connections of their own, without SQLAlchemy. Those reads take
    microseconds whatever the writer does, since readers of a write-ahead log wait for nobody.
    """

    reads_at_once = True

    def __init__(
        self,
        path: str,
        *,
        busy_timeout_s: float = 5.0,
        deleted_at_once: int = DELETED_AT_ONCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._busy_timeout_s = busy_timeout_s
        self._sleep = sleep
        self._path = path
        _make_private(Path(path))
        engine = create_engine(URL.create("sqlite", database=path), connect_args={"timeout": busy_timeout_s})
        event.listen(engine, "connect", self._configure)
        event.listen(engine, "begin", _begin)
        super().__init__(engine, deleted_at_once=deleted_at_once)
        migrate(engine)
        self._generation = 0
        self._look_again_at = 0.0
        self._lock = threading.Lock()
        self._reader = self._connect(path)
        self._write_lock = threading.Lock()
        self._writer = self._connect(path)
        # It opens the log for good: from now on that is never removed and made again while this process runs.
        self.history()
        self._files = _files_at(path)

    def ping(self) -> None:
        super().ping()
        self._check_file()

    def close(self) -> None:
        with self._lock, self._write_lock:
            self._reader.close()
            self._writer.close()
        super().close()

    def generation(self) -> int:
        # Under load many requests share one read. Another process's change is seen up to a millisecond late.
        now = time.monotonic()
        if now >= self._look_again_at:
            self._check_file()
            self._generation = int(self._read("SELECT value FROM generation")[0][0])
            self._look_again_at = now + _GENERATION_FOR_S
        return self._generation

    def _redefined(self) -> None:
        self._look_again_at = 0.0

    def history(self) -> str:
        return str(self._read("SELECT value FROM history")[0][0])

    def token(self, key: str) -> Token | None:
        rows = self._read("SELECT * FROM tokens WHERE key = ?", (key,))
        return Token(rows[0][0], rows[0][1], TokenKind(rows[0][2]), *rows[0][3:]) if rows else None

    def records(self, application_id: int, user_id: int) -> dict[int, Held]:
        return {row[0]: held(*row[1:]) for row in self._read(_READ_ALL, (application_id, user_id))}

    def records_version(self, application_id: int, user_id: int) -> RecordsVersion:
        return RecordsVersion(*self._read(_READ_VERSION, (application_id, user_id))[0])

    def _read(self, query: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        try:
            with self._lock:
                return self._reader.execute(query, parameters).fetchall()
        except sqlite3.OperationalError as exc:
            raise StoreUnavailable(f"SQLite: {exc}") from exc

    def _check_file(self) -> None:
        if _files_at(self._path) != self._files:
            raise StoreUnavailable(
                f"the file {self._path} or its log was deleted or replaced while this process had it open;"
                " put it back, or restart the service"
            )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with super()._transaction() as connection:
            yield connection
        self._check_file()

    def _bump_generation(self, connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE generation SET value = value + 1")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        try:
            with self._write_lock, closing(self._writer.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    yield cursor
                    cursor.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        cursor.execute("ROLLBACK")
                    raise
        except sqlite3.OperationalError as exc:
            raise StoreUnavailable(f"SQLite: {exc}") from exc
        self._check_file()  # a commit counts only if the next process finds it

    def _read_held(
        self, transaction: sqlite3.Cursor, keys: Sequence[Key]
    ) -> tuple[dict[Key, Held], set[tuple[int, int]]]:
        achievements = {(key.application_id, key.achievement_id) for key in keys}
        deleted = {one for one in achievements if transaction.execute(_IS_DELETED, one).fetchone()}
        found = {}
        for key in keys:
            if row := transaction.execute(_READ, key).fetchone():
                found[key] = held(*row)
        return found, deleted

    def _put_held(self, transaction: sqlite3.Cursor, changed: Mapping[Key, Written]) -> set[Key]:
        rows = [
            (*key, *entry.after.progress, entry.after.revision, entry.after.changed_at_us)
            for key, entry in changed.items()
            if entry.after
        ]
        transaction.executemany(_PUT, rows)
        return set(changed)  # no other process can have written since the transaction began

    def _connect(self, path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False, cached_statements=16
        )
        self._set_up(connection)
        return connection

    def _configure(self, connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)
        # Otherwise the driver begins transactions automatically, and not with IMMEDIATE.
        connection.isolation_level = None
        self._set_up(connection)

    def _set_up(self, connection: sqlite3.Connection) -> None:
        give_up_at = time.monotonic() + self._busy_timeout_s
        for pragma in PRAGMAS:
            while True:
                try:
                    connection.execute(pragma).close()
                    break
                except sqlite3.OperationalError as exc:
                    # If two connections turn a new file to write-ahead at once, SQLite refuses one without waiting.
                    if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                        raise
                self._sleep(_BUSY_AGAIN_S)


def _files_at(path: str) -> tuple[object, ...]:
    """Return what identifies the database at `path`: its file, and the log, which holds what was committed last."""
    return _file_at(path), _file_at(f"{path}-wal")


def _file_at(path: str) -> tuple[int, int] | None:
    """Return what identifies the file at `path`, None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(path: Path) -> None:
    """Create the file and its folder if missing, readable only by this user, since it holds what players have done.

    SQLite gives the files beside it the same permissions. On Windows both inherit theirs from the folder above.
    """
    make_private(path.parent)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        pass  # do not even open it: closing it would release the locks that this process may hold on it
    except OSError as exc:
        raise DatabaseUnusable(f"cannot create the database {path}: {exc.strerror}") from exc


def make_private(folder: Path) -> None:
    """Create the folder of a database if missing, open only to this user."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise DatabaseUnusable(f"cannot create the folder of the database {folder}: {exc}") from exc


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
