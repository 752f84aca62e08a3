"""A clock that stands still until a test moves it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ..domain.wire import to_us

_START = datetime(2023, 5, 2, 12, tzinfo=UTC)


class ManualClock:
    """A clock that a test controls: `advance` lets time pass, `jump_wall_clock` is a player who sets the clock.

    Monotonic seconds start at `now`, the wall clock at `at`, an aware datetime.
    """

    def __init__(self, now: float = 0.0, at: datetime = _START) -> None:
        if at.tzinfo is None:
            raise ValueError(f"at must have a time zone, such as tzinfo=UTC, got {at}")
        self._now = now
        self._at_us = to_us(at)
        self._wakes: list[Callable[[], None]] = []

    def now(self) -> float:
        """Return monotonic seconds."""
        return self._now

    def at_us(self) -> int:
        """Return the wall clock in microseconds since the epoch."""
        return self._at_us

    def on_jump(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each change, so that waiting code checks the time again."""
        self._wakes.append(wake)

    def advance(self, seconds: float) -> None:
        """Let `seconds` (0 or more) pass on both clocks, at once."""
        if seconds < 0:
            raise ValueError(f"seconds must be 0 or more, got {seconds}; jump_wall_clock can set the wall clock back")
        self._now += seconds
        self.jump_wall_clock(seconds)

    def jump_wall_clock(self, seconds: float) -> None:
        """Set the wall clock forward, or back if `seconds` is negative; monotonic time is unaffected."""
        self._at_us += timedelta(seconds=seconds) // timedelta(microseconds=1)
        for wake in tuple(self._wakes):
            wake()
