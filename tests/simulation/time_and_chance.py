"""Virtual time, and random numbers from a seed, in place of those that Python takes from the machine."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from discord_achievements.testing import ManualClock

BEGAN_US = 1_767_225_600_000_000
_US = 1_000_000


class Time:
    """Virtual time: monotonic seconds from 0, and the true time in microseconds since the epoch."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        """Return monotonic seconds."""
        return self.now_s

    def at_us(self) -> int:
        """Return microseconds since the epoch."""
        return BEGAN_US + int(self.now_s * _US)

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass without waiting."""
        self.now_s += seconds


class DeviceClock(ManualClock):
    """The clocks of one device: its wall clock is wrong by `off_s` seconds."""

    def __init__(self, time_: Time) -> None:
        super().__init__()
        self._time = time_
        self.off_s = 0.0

    def true_us(self) -> int:
        """Return what the wall clock would say if it were right."""
        return self._time.at_us()

    def now(self) -> float:
        return self._time.now()

    def at_us(self) -> int:
        return self._time.at_us() + int(self.off_s * _US)


@contextmanager
def taken_over(time_: Time, seed: int) -> Iterator[None]:
    """Meanwhile, Python's functions for time and random numbers use `time_` and `seed`."""
    chance = random.Random(seed)
    state = random.getstate()
    random.seed(seed)

    def token_bytes(count: int = 32) -> bytes:
        return chance.randbytes(count)

    try:
        with (
            patch.object(time, "monotonic", time_.now),
            patch.object(time, "time", lambda: time_.at_us() / _US),
            patch.object(time, "time_ns", lambda: time_.at_us() * 1000),
            patch.object(time, "sleep", time_.sleep),
            patch.object(secrets, "token_bytes", token_bytes),
            patch.object(secrets, "token_hex", lambda count=32: token_bytes(count).hex()),
            patch.object(secrets, "randbits", chance.getrandbits),
        ):
            yield
    finally:
        random.setstate(state)
