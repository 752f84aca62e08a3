"""The thread that may wait: it runs one call at a time and sends what came of it to the worker as a message.

A call is an exchange with the service or a method of the game's token object. Either may block for as long as it likes;
the worker goes on storing, deciding and reporting meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple, Protocol

from ...domain.errors import TransportError

Call = Callable[[], object]
_STOP_S = 1.0


class Returned(NamedTuple):
    """A call has ended: with `value`, or with the exception `error`. `number` says which call it was."""

    number: int
    value: object
    error: BaseException | None


class Courier(Protocol):
    """Runs calls for the worker. **Thread**: the worker's, except where a method says otherwise."""

    def run(self, number: int, call: Call) -> None:
        """Begin a call; `Returned` follows. Only one may be under way."""
        ...

    def abandon(self) -> None:
        """Stop waiting for the call that is under way, if there is one; its outcome belongs to nobody."""
        ...

    def stop(self) -> None:
        """Begin nothing any more. **Blocks** until the thread has ended, a second at most."""
        ...


class ThreadCourier:
    """A courier with a thread of its own, started with the first call. `post` takes its messages."""

    def __init__(self, post: Callable[[object], None]) -> None:
        self._post = post
        self._calls: SimpleQueue[tuple[int, Call] | None] | None = None
        self._thread: threading.Thread | None = None

    def run(self, number: int, call: Call) -> None:
        if self._calls is None:
            calls: SimpleQueue[tuple[int, Call] | None] = SimpleQueue()
            thread = threading.Thread(
                target=self._work, args=(calls,), name="discord_achievements courier", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as exc:  # too many threads, or the interpreter is ending
                self._post(Returned(number, None, TransportError(f"no thread could be started: {exc}")))
                return
            self._calls, self._thread = calls, thread
        self._calls.put((number, call))

    def abandon(self) -> None:
        # The thread cannot be stopped inside somebody's code. It ends when that returns; the next call gets a new one.
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None
            self._thread = None

    def stop(self) -> None:
        thread = self._thread
        self.abandon()
        if thread is not None:
            thread.join(_STOP_S)

    def _work(self, calls: SimpleQueue[tuple[int, Call] | None]) -> None:
        while (entry := calls.get()) is not None:
            number, call = entry
            try:
                returned = Returned(number, call(), None)
            except BaseException as exc:  # whatever it is, the worker must learn of it
                returned = Returned(number, None, exc)
            self._post(returned)
            del entry, call, returned  # they may hold a token; the next call may be hours away
