"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE_S = 0.01


def until(condition: Callable[[], T], what: str, timeout_s: float = 20.0) -> T:
    """Return the first true value of `condition`; fail, naming `what` did not happen, after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"in {timeout_s} s this did not happen: {what}"
        pause.wait(_PAUSE_S)
    return value
