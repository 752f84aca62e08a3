"""An event loop in virtual time that never waits: `run` runs what is due, one callback at a time."""

from __future__ import annotations

import asyncio
import heapq
import math
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

from .time_and_chance import Time

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Loop(asyncio.BaseEventLoop):
    """`troubles` are the exceptions that no task caught. What belongs in another thread runs in the loop itself."""

    def __init__(self, time_: Time) -> None:
        super().__init__()
        self._time = time_
        self._due: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._number = 0
        self.troubles: list[str] = []

    @property
    def due_at(self) -> float:
        """When there is work, in monotonic seconds; infinite if only others can give it some."""
        if self._due:
            return self._time.now()
        return self._timers[0][0] if self._timers else math.inf

    def run(self, callbacks: int | None = None) -> int:
        """Run what is due, at most `callbacks` callbacks; return how many ran."""
        ran = 0
        _set_running_loop(self)
        try:
            while (callbacks is None or ran < callbacks) and self._next():
                handle = self._due.popleft()
                if not handle.cancelled():
                    handle._run()
                ran += 1
        finally:
            _set_running_loop(None)
        return ran

    def _next(self) -> bool:
        while not self._due and self._timers and self._timers[0][0] <= self._time.now():
            self._due.append(heapq.heappop(self._timers)[2])
        return bool(self._due)

    def time(self) -> float:
        return self._time.now()

    def _write_to_self(self) -> None:
        """Do nothing: the loop never waits, so it need not be woken."""

    def __del__(self) -> None:
        """Do nothing: the base class would complain about a loop that is not closed."""

    def is_running(self) -> bool:
        return True

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._due.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, handle))
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()

        def call() -> None:
            try:
                result = func(*args)
            except BaseException as exc:
                if not future.done():
                    future.set_exception(exc)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_soon(call)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.troubles.append(f"{context['message']}: {context.get('exception')!r}")
