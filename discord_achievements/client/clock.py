"""The two clocks: monotonic seconds for waiting, UTC microseconds for records."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

if sys.platform == "win32":
    _now = time.monotonic
else:
    # On Linux and macOS time.monotonic() stands still while the machine sleeps; an unlock would look too young.
    _now = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@runtime_checkable
class Clock(Protocol):
    """Where the time comes from; tests replace it with `testing.ManualClock`."""

    def now(self) -> float:
        """Return monotonic seconds, for waits and rate limits."""
        ...

    def at_us(self) -> int:
        """Return microseconds since the epoch in UTC, for records."""
        ...


@runtime_checkable
class JumpingClock(Clock, Protocol):
    """A clock that a test moves: whoever waits must then look again."""

    def on_jump(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever time moves other than by passing."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Return monotonic seconds, which also pass while the machine sleeps."""
        return _now()

    def at_us(self) -> int:
        """Return the wall clock in whole microseconds."""
        return time.time_ns() // 1000
