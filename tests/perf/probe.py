"""The interpreter-lock probe: a thread that asks for the lock 4000 times a second and notes each wait.

A frame stalls when another thread holds the interpreter lock. The probe stands where the game would: it
sleeps for 0.25 ms (which releases the lock) and takes the time until it runs again. What exceeds the sleep
is the wait for the lock plus the system's own lateness; the latter shows in quiet windows, in which nothing
happens, and its median is taken off.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from statistics import median
from time import perf_counter, sleep
from types import TracebackType

from .measure import p90

PERIOD_S = 1 / 4000


class LockProbe:
    """Context manager around the probing thread."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="lock-probe", daemon=True)
        self._stop = False
        self._lateness_ms: list[float] = []

    def __enter__(self) -> LockProbe:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop = True
        self._thread.join()

    @contextmanager
    def window(self) -> Iterator[list[float]]:
        """Yield a list that holds, after the block, each lateness in its course, in milliseconds."""
        seen: list[float] = []
        self._lateness_ms = []
        yield seen
        # A wait that began in the block is noted when it ends, so give it the time to.
        sleep(2 * PERIOD_S)
        seen += self._lateness_ms

    def _run(self) -> None:
        _ask_for_priority()
        before = perf_counter()
        while not self._stop:
            sleep(PERIOD_S)
            now = perf_counter()
            self._lateness_ms.append((now - before - PERIOD_S) * 1e3)
            before = now


def _ask_for_priority() -> None:
    """Let this thread run as soon as it wakes, so that a busy processor is not taken for a wait."""
    if sys.platform == "linux":
        with suppress(PermissionError):  # Only root may; without it the quiet windows show how noisy it is.
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


class Waits:
    """The windows of one variant."""

    def __init__(self) -> None:
        self.windows: list[list[float]] = []

    def every(self) -> list[float]:
        """Return each lateness of all windows, in milliseconds."""
        return [lateness_ms for window in self.windows for lateness_ms in window]

    def longest(self, floor_ms: float = 0.0) -> list[float]:
        """Return the longest wait of each window, in milliseconds, less the system's usual lateness."""
        return [max(0.0, max(window) - floor_ms) for window in self.windows]

    def stray(self) -> float:
        """Return how far the longest wait strays between windows: its 90th percentile over its median."""
        longest = self.longest()
        return p90(longest) - median(longest)

    def median_longest(self, floor_ms: float = 0.0) -> float:
        """Return the median over the windows of their longest wait."""
        return median(self.longest(floor_ms))
