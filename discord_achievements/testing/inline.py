"""A manager without threads: its worker, its courier and its reader run inside `run_callbacks()`, and nowhere else.

So the outcome of a game's test depends only on the test, not on the speed of the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, cast

from ..client import options
from ..client.manager import AchievementManager
from ..client.net.event_stream import StreamReader
from ..client.net.transport import Request, Stream, Transport
from ..client.worker.courier import Call, Returned
from ..client.worker.start import new_worker
from ..client.worker.thread import Worker
from .clock import ManualClock

_FRAMES_MAX = 1000
_LEAST_STEP_S = 0.001  # rounding must not keep the clock from moving


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


class InlineStream(Stream, Protocol):
    """A stream that can say whether reading it would mean waiting."""

    @property
    def is_idle(self) -> bool:
        """Whether there is neither data nor an end."""
        ...


class InlineReader(StreamReader):
    """A reader of an `InlineStream` that reads when `advance` is called."""

    def __init__(self, transport: Transport, request: Request, post: Callable[[object], None]) -> None:
        super().__init__(transport, request, post)
        self._steps = self.reading()
        self.has_ended = False

    def advance(self) -> None:
        """Open the stream if that has not happened, and read what is there."""
        while not self.has_ended and not self._must_wait():
            try:
                next(self._steps)
            except NotYet:
                self._steps = self.reading()
                return
            except StopIteration:
                self.has_ended = True

    def _must_wait(self) -> bool:
        if self._left or self._stream is None:
            return False
        return self.is_full or cast(InlineStream, self._stream).is_idle


class InlineManager(AchievementManager):
    """An `AchievementManager` without threads, on a clock that a test moves.

    `transport` is an `InProcessTransport`, or one whose streams are `InlineStream`s. `options` are the other arguments
    of `AchievementManager`. **Thread**: the test's, for everything.
    """

    def __init__(self, application_id: int, *, transport: Transport, clock: ManualClock, **options: Any) -> None:
        super().__init__(application_id, transport=transport, clock=clock, **options)
        self._manual_clock = clock
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
        self._readers: list[InlineReader] = []
        return new_worker(
            self._options, self._storage, self._to_worker, self._inbox, to_game, self._courier, self._open_reader
        )

    def _open_reader(self, transport: Transport, request: Request, post: Callable[[object], None]) -> InlineReader:
        reader = InlineReader(transport, request, post)
        self._readers = [*(one for one in self._readers if not one.has_ended), reader]
        return reader

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
            self._read()
            wait_s = self._worker.turn(0.0)
            self._read()
            if wait_s != 0.0 and self._worker.inbox.empty():
                due_at = math.inf if wait_s is None else self.clock.now() + wait_s
                due_at = min(due_at, self._courier.due_at)
                self._next_at = None if due_at == math.inf else due_at
                return

    def _read(self) -> None:
        for reader in self._readers:
            reader.advance()
