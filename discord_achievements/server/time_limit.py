"""A limit on how long something may take, with one timer for everything under way.

`asyncio.timeout` makes a timer each time; two of them took a seventh of the time of an update.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class TimeLimit:
    """Ends blocks that take longer than `seconds`. Belongs to the event loop.

    `with limit.applied():` raises `TimeoutError` if its block takes too long, as `asyncio.timeout` does.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._under_way: dict[_Block, None] = {}  # in order of their ends
        self._timer: asyncio.TimerHandle | None = None

    def applied(self) -> _Block:
        """Return a context manager that applies the limit to one block of the current task."""
        return _Block(self)

    def _begin(self, block: _Block) -> None:
        loop = asyncio.get_running_loop()
        block.ends_at = loop.time() + self.seconds
        self._under_way[block] = None
        if self._timer is None:
            self._timer = loop.call_at(block.ends_at, self._look)

    def _end(self, block: _Block) -> None:
        self._under_way.pop(block, None)

    def _look(self) -> None:
        """End the blocks whose time is up, and look again when the next one's is."""
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._under_way:
            block = next(iter(self._under_way))
            if block.ends_at > loop.time():
                self._timer = loop.call_at(block.ends_at, self._look)
                return
            del self._under_way[block]
            block.interrupt()


class _Block:
    """One block of one task; `ends_at` is in the event loop's time."""

    __slots__ = ("_cancelling", "_is_late", "_limit", "_task", "ends_at")

    def __init__(self, limit: TimeLimit) -> None:
        self._limit = limit
        self._is_late = False
        self.ends_at = 0.0

    def interrupt(self) -> None:
        """Raise `TimeoutError` in the block, once its task runs."""
        self._is_late = True
        self._task.cancel()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit applies to a task, and no task is running")
        self._task = task
        self._cancelling = task.cancelling()
        self._limit._begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._limit._end(self)
        # Unless somebody else has cancelled the task too; then that is what ends it.
        if self._is_late and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
