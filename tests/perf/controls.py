"""What ours is compared with on the game thread and on the disk: the least that could do the job at all."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

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
