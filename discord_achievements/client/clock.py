"""The two clocks: monotonic seconds for waiting, UTC microseconds for records."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; replace it in tests with `testing.ManualClock`."""

    def now(self) -> float:
        """Return monotonic seconds, for waits and rate limits."""
        ...

    def at_us(self) -> int:
        """Return microseconds since the epoch in UTC, for records."""
        ...

    def on_jump(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever time moves other than by passing; a real clock never does."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def at_us(self) -> int:
        """Return the wall clock in whole microseconds."""
        return time.time_ns() // 1000

    def on_jump(self, wake: Callable[[], None]) -> None:
        """Do nothing: this clock only passes."""
