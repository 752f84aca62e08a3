"""A manager without threads of its own: its worker and its courier run inside `run_callbacks()`, and nowhere else.

So the outcome of a game's test depends only on the test, not on the speed of the machine. One thread is left, the
reader of the event stream; the manager waits until it has passed on everything that the service has sent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from ..client import options
from ..client.manager import AchievementManager
from ..client.worker.courier import Call, Returned
from ..client.worker.start import new_worker
from ..client.worker.thread import Worker
from .clock import ManualClock
from .inprocess import InProcessTransport

_FRAMES_MAX = 1000
_LEAST_STEP_S = 0.001  # rounding must not keep the clock from moving
_READER_PAUSE_S = 0.0002
_READER_PATIENCE_S = 20.0


class NotYet(BaseException):
    """Raised by a transport whose answer arrives at `at` (monotonic seconds); the courier then tries again.

    It is not an `Exception`, since nothing has failed.
    """

    def __init__(self, at: float) -> None:
        super().__init__(f"there is no answer before {at}")
        self.at = at


class InlineCourier:
    """A courier that makes its call on the thread of the worker; `post` takes its messages."""

    def __init__(self, post: Callable[[object], None]) -> None:
        self._post = post
        self._late: tuple[int, Call] | None = None
        self.due_at = math.inf

    def run(self, number: int, call: Call) -> None:
        """Make the call at once; if its answer is late, keep it for `try_again`."""
        self._late, self.due_at = None, math.inf
        try:
            returned = Returned(number, call(), None)
        except NotYet as late:
            self._late, self.due_at = (number, call), late.at
            return
        except Exception as exc:
            returned = Returned(number, None, exc)
        self._post(returned)

    def try_again(self) -> None:
        """Repeat a call whose answer was late."""
        if self._late is not None:
            self.run(*self._late)

    def abandon(self) -> None:
        """Forget a call whose answer is late."""
        self._late, self.due_at = None, math.inf

    def stop(self) -> None:
        """Forget a call whose answer is late; there is no thread to wait for."""
        self.abandon()


class InlineManager(AchievementManager):
    """An `AchievementManager` without a worker's thread, on a clock that a test moves.

    `options` are the other arguments of `AchievementManager`. **Thread**: the test's, for everything.
    """

    def __init__(
        self, application_id: int, *, transport: InProcessTransport, clock: ManualClock, **options: Any
    ) -> None:
        super().__init__(application_id, transport=transport, clock=clock, **options)
        self._manual_clock = clock
        self._line = transport
        self._next_at: float | None = None
        self._in_frame = False

    @property
    def clock(self) -> ManualClock:
        """The clock, which the test moves."""
        return self._manual_clock

    def run_callbacks(self, budget_s: float | None = None) -> None:
        """Do the worker's due work, then run the callbacks that are due, as one frame of the game."""
        if self._in_frame:
            return  # called from a callback: the manager would do nothing either
        self._in_frame = True
        try:
            self._work()
            super().run_callbacks(budget_s)
        finally:
            self._in_frame = False

    def settle(self) -> None:
        """Run the loop until nothing is due at this moment; inside a callback, do nothing."""
        if self._in_frame:
            return
        for _ in range(_FRAMES_MAX):
            self.run_callbacks()
            if not self._inbox and (self._closed or self._worker.inbox.empty()):
                return
        raise RuntimeError(f"callbacks are still due after {_FRAMES_MAX} frames; does a callback repeat its call?")

    def advance(self, seconds: float) -> None:
        """Let `seconds` (0 or more) pass and run the loop whenever a retry, time-out or answer is due."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"seconds must be 0 or more, got {seconds}")
        self._pass(seconds, self.settle, lambda: False)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Let time pass, at most `timeout_s`, until the service has every update; return whether it has."""
        timeout_s = options.checked_wait("timeout_s", timeout_s)
        self._pass(timeout_s, self._work, lambda: not self.pending_count)
        return super().flush(0.0)

    def _new_worker(self, to_game: Callable[[object], None]) -> Worker:
        self._courier = InlineCourier(self._to_worker.put)
        return new_worker(self._options, self._storage, self._to_worker, self._inbox, to_game, self._courier)

    def _start(self) -> None:
        """There is no thread to start."""

    def _pass(self, seconds: float, turn: Callable[[], None], is_enough: Callable[[], bool]) -> None:
        end = self.clock.now() + seconds
        turn()
        while not is_enough():
            left_s = max(end - self.clock.now(), 0.0)
            due_s = math.inf if self._next_at is None else max(self._next_at - self.clock.now(), _LEAST_STEP_S)
            self.clock.advance(min(due_s, left_s))
            turn()
            if due_s >= left_s:
                return

    def _work(self) -> None:
        self._next_at = None
        self._courier.try_again()
        while not self._closed:
            self._wait_for_the_reader()
            wait_s = self._worker.turn(0.0)
            self._wait_for_the_reader()
            if wait_s != 0.0 and self._worker.inbox.empty():
                due_at = math.inf if wait_s is None else self.clock.now() + wait_s
                due_at = min(due_at, self._courier.due_at)
                self._next_at = None if due_at == math.inf else due_at
                return

    def _wait_for_the_reader(self) -> None:
        reader = self._worker.engine.stream_reader
        deadline = time.monotonic() + _READER_PATIENCE_S
        while reader is not None and reader.is_running and not (self._line.is_drained or reader.is_full):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the event stream's reader was still busy after {_READER_PATIENCE_S:g} s")
            time.sleep(_READER_PAUSE_S)
