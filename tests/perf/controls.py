"""What ours is compared with on the game thread and on the disk: the least that could do the job at all."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from time import time_ns
from types import TracebackType
from typing import Generic, TypeVar
from zlib import crc32

from discord_achievements import UserAchievement

A = TypeVar("A")


class Empty:
    """A method that does nothing."""

    def call(self) -> None:
        """Do nothing."""


class ListSwap(Generic[A]):
    """The barest event queue: a list that is swapped for a new one, and a call for each entry."""

    def __init__(self) -> None:
        self.queued: list[tuple[Callable[[A], object], A]] = []

    def run_callbacks(self) -> None:
        """Deliver what is queued."""
        queued, self.queued = self.queued, []
        for callback, argument in queued:
            callback(argument)


class KeptInDict:
    """The least that delivers events and keeps what can be read afterwards: a loop, a dict, a call for each entry."""

    def __init__(self) -> None:
        self.queued: list[UserAchievement] = []
        self._kept: dict[int, UserAchievement] = {}

    def run_callbacks(self, callback: Callable[[UserAchievement], object]) -> None:
        """Deliver what is queued."""
        queued, self.queued = self.queued, []
        kept = self._kept
        for entry in queued:
            kept[entry.achievement_id] = entry
            callback(entry)


class BareSet:
    """What no crash-safe set can do without, in one function: clock, checksum, mapped memory, a queue each way."""

    FIELDS = struct.Struct("<Qqq16sB")
    SEALED = struct.Struct("<41sI")
    OWNER = bytes(16)

    def __init__(self) -> None:
        self.to_game: deque[object] = deque()
        self.to_worker: SimpleQueue[object] = SimpleQueue()
        self._map = mmap.mmap(-1, mmap.PAGESIZE)
        self._seq = 0

    def set(self, achievement_id: int, percent: int) -> None:
        """Record a set and queue it."""
        self._seq += 1
        record = self.FIELDS.pack(self._seq, achievement_id, time_ns() // 1000, self.OWNER, percent)
        self.SEALED.pack_into(self._map, 0, record, crc32(record))
        self.to_game.append(record)
        self.to_worker.put(record)

    def forget(self) -> None:
        """Empty the queues."""
        self.to_game.clear()
        while not self.to_worker.empty():
            self.to_worker.get()


def foreign_poll() -> Callable[[], object]:
    """Return a C function that does nothing, called as native wrappers call theirs: without the lock."""
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    absolute = library.abs
    absolute.argtypes = [ctypes.c_int]
    absolute.restype = ctypes.c_int
    return lambda: absolute(0)


class DurableAppend:
    """The least that makes 100 bytes outlive a power loss: append them, then ask the disk to confirm."""

    LINE = b"x" * 99 + b"\n"

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        # Windows and macOS have no fdatasync; fsync is what SQLite uses there as well.
        self._confirm: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)

    def __enter__(self) -> DurableAppend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self) -> None:
        """Append one line; it is on the disk when this returns."""
        self._file.write(self.LINE)
        self._confirm(self._file.fileno())
