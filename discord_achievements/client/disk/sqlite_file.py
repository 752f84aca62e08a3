"""How SQLite gets at the file: with a write-ahead log, or with a rollback journal where memory cannot be shared.

SQLite goes on using a file that another program has renamed, replaced or deleted, and says that it has committed. So
what is committed counts only while the open files are still those at their paths, and whole, which `is_in_place` finds
out.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger("discord_achievements")
_POLL_S = 0.005
_SIDE_FILES = ("-wal", "-shm")
_ASIDE = ".aside"
# The primary codes with which SQLite reports a file system without locks or shared memory.
_UNSHARED = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL}

_Identity = tuple[int, int] | None


class InMemory:
    """A database without a file; `db` is its connection."""

    def __init__(self) -> None:
        self.db = _connect(":memory:", 0.0)

    def begin(self) -> None:
        """Begin a transaction that writes."""
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """End it."""
        self.db.commit()

    def rollback(self) -> None:
        """Undo it, if there is one."""
        self.db.rollback()

    def version(self) -> int:
        """Return a number that changes when another process has written."""
        return int(self.db.execute("PRAGMA data_version").fetchone()[0])

    def is_in_place(self) -> bool:
        """Return whether the open files are still those at their paths, so that what was committed counts."""
        return True

    def settle(self) -> None:
        """Leave nothing in a log. Does nothing while other processes use the file."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing was committed since `settle`."""
        return True

    def close(self) -> None:
        """Close it."""
        self.db.close()


class SqliteFile(InMemory):
    """A file opened by SQLite. Raises `sqlite3.Error`."""

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self._paths = {suffix: f"{path}{suffix}" for suffix in ("", *_SIDE_FILES)}  # each commit looks at them
        self._busy_timeout_s = busy_timeout_s
        before = _identity(_stat(path))
        self.db = _connect(path, busy_timeout_s)
        try:
            try:
                self._write_ahead()
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF not in _UNSHARED:
                    raise
                _log.info("%s: a write-ahead log is impossible here (%s); using a rollback journal", path, exc)
                self.db.close()
                self.db = _connect(path, busy_timeout_s)
                self._roll_back()
            self.db.execute("PRAGMA synchronous = FULL")
        except BaseException:
            self.db.close()
            raise
        self._identities = {"": before}
        self._size = 0
        self._is_settled = False  # a log that a crash has left may hold something

    def _write_ahead(self) -> None:
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                self.db.execute("PRAGMA journal_mode = WAL")
                self._look()
                return
            except sqlite3.OperationalError as exc:
                # Processes that create the file at the same moment collide here, and SQLite does not wait.
                if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_S)

    def _roll_back(self) -> None:
        # A file that has a log already can be read without shared memory by its only user.
        self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.db.execute("PRAGMA journal_mode = DELETE")
        self.db.execute("PRAGMA locking_mode = NORMAL")
        self._look()  # which lets go of the lock

    def _look(self) -> None:
        # The pragmas only announce what they do.
        self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def commit(self) -> None:
        super().commit()
        self._is_settled = False

    def is_in_place(self) -> bool:
        found = {suffix: _stat(path) for suffix, path in self._paths.items()}
        for suffix, one in found.items():
            now = _identity(one)
            if self._identities.get(suffix) is None:
                self._identities[suffix] = now  # created since; from now on it stays until the file is closed
            elif self._identities[suffix] != now:
                return False
        file = found[""]
        return file is not None and not self._is_cut_off(file.st_size)

    def _is_cut_off(self, size: int) -> bool:
        """Return whether somebody has truncated the file, which SQLite never does here."""
        is_cut_off, self._size = size < self._size, max(size, self._size)
        return is_cut_off

    def settle(self) -> None:
        if not self._is_settled:
            if self.is_in_place():
                self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self.is_in_place()  # notes the size, which this may have increased
            self._is_settled = True

    @property
    def is_settled(self) -> bool:
        return self._is_settled

    def close(self) -> None:
        if self.is_in_place():
            self.db.close()
            return
        # SQLite deletes side files by their names. Those that belong to another file by now must stay, if that is the
        # file in our place; and ours must not: SQLite would take their content for that of the other file.
        is_ours = self._is_ours("")
        foreign = [suffix for suffix in _SIDE_FILES if not self._is_ours(suffix)]
        self._rename(foreign, "", _ASIDE)
        try:
            self.db.close()
        finally:
            if not is_ours:
                self._rename([suffix for suffix in _SIDE_FILES if self._is_ours(suffix)], "", _ASIDE)
                self._rename(foreign, _ASIDE, "")

    def _is_ours(self, suffix: str) -> bool:
        return self._identities.get(suffix) == _identity(_stat(self._paths[suffix]))

    def _rename(self, suffixes: Iterable[str], before: str, after: str) -> None:
        for suffix in suffixes:
            with suppress(OSError):
                os.replace(f"{self._paths[suffix]}{before}", f"{self._paths[suffix]}{after}")


def _connect(path: Path | str, busy_timeout_s: float) -> sqlite3.Connection:
    # The constructor's thread opens it and hands it to the worker: one thread at a time, never two.
    return sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)


def _stat(path: Path | str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _identity(found: os.stat_result | None) -> _Identity:
    return None if found is None else (found.st_dev, found.st_ino)
