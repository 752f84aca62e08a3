"""Work that needs the disk, done on one thread beside the game's."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

_log = logging.getLogger("discord_achievements")
# One thread for all widgets, started by the first work. The interpreter waits for it at exit, so what has been handed
# over is done.
_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="achievements-ui")
T = TypeVar("T")


class Background:
    """Runs work elsewhere and hands what it returns back inside `deliver`.

    `arrived` is what waits for that; empty, there is nothing to deliver.
    """

    def __init__(self) -> None:
        self.arrived: deque[Callable[[], object]] = deque()

    def run(self, what: str, work: Callable[[], T], then: Callable[[T], object] | None = None) -> None:
        """Have `work` done, then `then` called with its value. Work that fails is told in the log as `what`."""

        def do() -> None:
            try:
                value = work()
            except Exception:
                _log.warning("%s failed; the game goes on without", what, exc_info=True)
                return
            if then is not None:
                self.arrived.append(lambda: then(value))

        try:
            _executor.submit(do)
        except RuntimeError:
            do()  # the interpreter is ending, and takes no more work; nobody plays any more

    def settle(self) -> None:
        """Wait until everything that has been handed over is done. **Blocks**: not for use during play."""
        with suppress(RuntimeError):  # the interpreter is ending, and has waited already
            _executor.submit(int).result()

    def deliver(self) -> None:
        """Call what waits. **Thread**: the game's."""
        while self.arrived:
            self.arrived.popleft()()
