"""Runs a game's main loop until a condition is true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

_PAUSE_S = 0.001


class RunsCallbacks(Protocol):
    """Anything with a `run_callbacks`: a manager, or a game around one."""

    def run_callbacks(self) -> object:
        """Run the callbacks that are due."""
        ...


def run_until(manager: RunsCallbacks, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Call `manager.run_callbacks()`, as a game loop does, until `condition()` is true.

    Raises `TimeoutError` if it is not true within `timeout_s` seconds of real time; exceptions of `condition` and
    `run_callbacks` are passed on. **Blocks** until then.
    """
    deadline = time.monotonic() + timeout_s
    frames = 0
    while True:
        manager.run_callbacks()
        frames += 1
        if condition():
            return
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{_name(condition)} was not true within {timeout_s:g} s, in {frames} calls of run_callbacks()"
                f"{_state(manager)}"
            )
        time.sleep(_PAUSE_S)


def _name(condition: Callable[[], object]) -> str:
    code = getattr(condition, "__code__", None)
    name = getattr(condition, "__qualname__", repr(condition))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


def _state(manager: object) -> str:
    known = {name: getattr(manager, name) for name in ("pending_count", "is_online") if hasattr(manager, name)}
    return "".join(f"; {name} is {value}" for name, value in known.items())
