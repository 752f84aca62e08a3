"""The service's database: opened at each start of the service, backed up, restored from an older copy."""

from __future__ import annotations

import copy
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol

from discord_achievements.server.stores.base import Store
from discord_achievements.server.stores.memory import MemoryStore
from discord_achievements.server.stores.sqlite import SqliteStore

from .checks import Checks, Watched


class WatchedMemory(Watched, MemoryStore):
    """A store in memory that reports each commit to the checks."""

    def __init__(self, checks: Checks) -> None:
        super().__init__()
        self.checks = checks


class WatchedSqlite(Watched, SqliteStore):
    """A store on SQLite that reports each commit to the checks."""

    def __init__(self, path: Path, checks: Checks) -> None:
        super().__init__(str(path))
        self.checks = checks


class Database(Protocol):
    """A database that outlives the service's process."""

    def open(self) -> Store:
        """Return the store, for one process of the service."""
        ...

    def back_up(self) -> Callable[[], None]:
        """Copy the content; return a function that restores the copy, to be called while the service is down."""
        ...


class InMemory:
    """A database in memory."""

    def __init__(self, checks: Checks) -> None:
        self._store = WatchedMemory(checks)

    def open(self) -> Store:
        return self._store

    def back_up(self) -> Callable[[], None]:
        shared = ("_lock", "checks")
        content = {name: copy.deepcopy(value) for name, value in vars(self._store).items() if name not in shared}

        def restore() -> None:
            vars(self._store).update(copy.deepcopy(content))

        return restore


class OnSqlite:
    """A SQLite file. Creating the tables is slow, so they are created once for all runs."""

    _empty = b""

    def __init__(self, folder: Path, checks: Checks) -> None:
        self._path = folder / "service.sqlite3"
        self._checks = checks
        self._copies = 0
        if OnSqlite._empty:
            self._path.write_bytes(OnSqlite._empty)
            return
        SqliteStore(str(self._path)).close()
        OnSqlite._empty = self._path.read_bytes()

    def open(self) -> Store:
        return WatchedSqlite(self._path, self._checks)

    def back_up(self) -> Callable[[], None]:
        self._copies += 1
        backup = self._path.with_name(f"backup-{self._copies}.sqlite3")
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)

        def restore() -> None:
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            shutil.copyfile(backup, self._path)

        return restore
