"""Runs work that needs the disk on a thread of its own."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

_log = logging.getLogger("discord_achievements")
T = TypeVar("T")


def _new_executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="achievements-ui")


class Background:
    """Runs work on the background thread and passes its values back inside `deliver`.

    `arrived` holds the values that wait for `deliver`.
    """

    # One thread for all widgets, started by the first work. The interpreter waits for it at exit, so all submitted work
    # is done.
    _executor = _new_executor()

    def __init__(self) -> None:
        self.arrived: deque[Callable[[], object]] = deque()

    def run(self, what: str, work: Callable[[], T], then: Callable[[T], object] | None = None) -> None:
        """Run `work`, then have `deliver` call `then` with its value; a failure is logged under the name `what`."""

        def do() -> None:
            try:
                value = work()
            except Exception:
                _log.warning("%s failed; the game continues without it", what, exc_info=True)
                return
            if then is not None:
                self.arrived.append(lambda: then(value))

        try:
            self._executor.submit(do)
        except RuntimeError:
            do()  # the interpreter is exiting and accepts no more work; the game is over, so it may block

    def settle(self) -> None:
        """Wait until all submitted work is done. **Blocks**: not for use during play."""
        with suppress(RuntimeError):  # the interpreter is exiting and has waited already
            self._executor.submit(int).result()

    def deliver(self) -> None:
        """Pass on the values that have arrived. **Thread**: the game's."""
        while self.arrived:
            self.arrived.popleft()()


def _restart_in_fork() -> None:
    Background._executor = _new_executor()


if hasattr(os, "register_at_fork"):
    # A forked child has no thread but the one that forked, so what it submits would never be done.
    os.register_at_fork(after_in_child=_restart_in_fork)
