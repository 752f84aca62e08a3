"""A database file whose path is too long for SQLite (512 bytes on Linux and macOS): read whole, and written whole.

It is the same file: a folder that moves to a shorter path is opened by SQLite there, and the other way round. Each
transaction takes a lock, reads the file if another process has written it, and replaces it, which costs some
milliseconds for a thousand achievements.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from .filelock import locked
from .sqlite_file import InMemory

_MAX_PATH_BYTES = 512
_LONGEST_SUFFIX = "-journal"
_FORMAT_AT, _ROLLBACK = slice(18, 20), b"\1\1"


def is_too_long(path: Path) -> bool:
    """Return whether SQLite cannot open the file at `path`, since its absolute path is too long."""
    return os.name != "nt" and len(os.fsencode(os.path.realpath(path)) + _LONGEST_SUFFIX.encode()) > _MAX_PATH_BYTES


class ImageFile(InMemory):
    """A file that is copied into memory and back. Raises `sqlite3.Error`."""

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        super().__init__()
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._held = ExitStack()
        self._stamp: tuple[int, ...] | None = None
        self._loads = 0
        try:
            self._refresh()
        except BaseException:
            self.db.close()
            raise

    def begin(self) -> None:
        with _as_sqlite_errors():
            lock = self._path.with_name(f"{self._path.name}.image-lock")
            self._held.enter_context(locked(lock, self._busy_timeout_s))
        self._refresh()
        super().begin()

    def commit(self) -> None:
        super().commit()
        with _as_sqlite_errors():
            part = self._path.with_name(f"{self._path.name}.part")
            with part.open("wb") as file:
                file.write(self.db.serialize())
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._path)
            _synchronize(self._path.parent)
            # What a log beside the file held has been read, and must not be read once more.
            Path(f"{self._path}-wal").unlink(missing_ok=True)
            self._stamp = _stamp(self._path)

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._held.close()

    def version(self) -> int:
        self._refresh()
        return self._loads

    def is_in_place(self) -> bool:
        return self._path.exists()

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp is None or stamp == self._stamp:
            return
        with _as_sqlite_errors():
            image = bytearray(_image(self._path))
        if image:
            image[_FORMAT_AT] = _ROLLBACK  # memory has no write-ahead log
            self.db.deserialize(image)
        self._stamp = stamp
        self._loads += 1


def _image(path: Path) -> bytes:
    log = Path(f"{path}-wal")
    if not log.exists() or not log.stat().st_size:
        return path.read_bytes()
    # The folder was moved here after a crash: only SQLite can read the log.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copy(path, copy)
        shutil.copy(log, f"{copy}-wal")
        with closing(sqlite3.connect(copy)) as file:
            file.execute("PRAGMA journal_mode = DELETE")
        return copy.read_bytes()


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _synchronize(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _as_sqlite_errors() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise sqlite3.OperationalError(str(exc)) from exc
