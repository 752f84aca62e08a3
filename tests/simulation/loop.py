"""An event loop in virtual time: it runs one callback at a time, when asked to, and never waits."""

from __future__ import annotations

import asyncio
import heapq
import math
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from .time_and_chance import Time


class Loop(asyncio.AbstractEventLoop):
    """`troubles` are the exceptions that nobody has caught. Calls for other threads are made by the loop itself."""

    def __init__(self, time_: Time) -> None:
        self._time = time_
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._number = 0
        self.troubles: list[str] = []

    @property
    def due_at(self) -> float:
        """When there is something to do, in monotonic seconds; infinite if that depends on others."""
        if self._ready:
            return self._time.now()
        return self._timers[0][0] if self._timers else math.inf

    def run(self, callbacks: int | None = None) -> int:
        """Run what is due, up to a number of callbacks; return how many there were."""
        ran = 0
        _set_running_loop(self)
        try:
            while (callbacks is None or ran < callbacks) and self._next():
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
                ran += 1
        finally:
            _set_running_loop(None)
        return ran

    def _next(self) -> bool:
        while not self._ready and self._timers and self._timers[0][0] <= self._time.now():
            self._ready.append(heapq.heappop(self._timers)[2])
        return bool(self._ready)

    def time(self) -> float:
        return self._time.now()

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, handle))
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays in the heap, and nothing happens when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:  # type: ignore[override]
        return asyncio.Task(coro, loop=self, **options)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()

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
