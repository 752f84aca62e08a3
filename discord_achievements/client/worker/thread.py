"""The worker's thread: waits for messages and for the time of the next action, and runs the engine.

It is started on first use. `stop` ends it; waiting for delivery is the manager's `flush`. When a process forks, the
parent keeps it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from queue import Empty, SimpleQueue

from ..clock import Clock, JumpingClock
from ..messages import Ready, Status, Wake
from .engine import Engine

_log = logging.getLogger("discord_achievements")
_BATCH = 256
_AFTER_FAULT_S = 1.0
NOT_POLLED_S = 5.0


class Worker:
    """Runs one engine.

    `inbox` takes messages from any thread without waiting. If something in `to_game` waits for `not_polled_s` seconds,
    the log warns once that the game does not call `run_callbacks`; `has_warned` is whether it has.
    """

    def __init__(
        self,
        engine: Engine,
        inbox: SimpleQueue[object],
        to_game: deque[object],
        clock: Clock,
        *,
        not_polled_s: float = NOT_POLLED_S,
    ) -> None:
        self.engine = engine
        self.inbox = inbox
        self._to_game = to_game
        self._clock = clock
        self._not_polled_s = not_polled_s
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._oldest: object = None
        self._oldest_since = 0.0
        self.has_warned = False
        if isinstance(clock, JumpingClock):
            clock.on_jump(self.wake)

    @property
    def started(self) -> bool:
        """Whether there is a thread, or was one."""
        return self._thread is not None

    @property
    def status(self) -> Status:
        """How things stand. **Thread**: any."""
        return self.engine.status

    def start(self) -> None:
        """Start the thread. Raises `RuntimeError` if the interpreter is shutting down."""
        thread = threading.Thread(target=self._run, name="discord_achievements worker", daemon=True)
        thread.start()
        self._thread = thread

    def wake(self) -> None:
        """Make it look at the clock again. **Thread**: any."""
        self.inbox.put(Wake())

    def stop(self, timeout_s: float) -> bool:
        """End the thread after it has stored what it was sent; return whether it ended in time."""
        self.abandon()
        if self._thread is None:
            self._finish()
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Make it end soon, without waiting for it. **Thread**: any."""
        self._stopping = True
        try:
            self.engine.abort()
        finally:
            self.inbox.put(Wake())

    def turn(self, wait_s: float | None) -> float | None:
        """Wait for a message, `wait_s` seconds at most, take what there is, and do one thing.

        Return the seconds until there is more to do, None if that depends on a message.
        """
        try:
            self.engine.handle(self._commands(self._sooner(wait_s)))
            return self.engine.step()
        except Exception:
            # A bug of ours must not end the game or the thread; what is pending is on disk.
            _log.exception("the worker failed; it continues in %s s", _AFTER_FAULT_S)
            return _AFTER_FAULT_S

    def _run(self) -> None:
        wait_s: float | None = 0.0
        while not self._stopping:
            try:
                wait_s = self.turn(wait_s)
            except BaseException:
                # On this thread a KeyboardInterrupt or a CancelledError comes from an object of the game, such as a
                # clock, and interrupts nobody.
                _log.exception("an object of the game failed; the worker continues")
                wait_s = 0.0
        self._finish()

    def _finish(self) -> None:
        while commands := self._commands(0.0):
            try:
                self.engine.handle(commands)
            except BaseException:
                _log.exception("the worker failed while stopping")
        self.engine.close()

    def _commands(self, wait_s: float | None) -> list[object]:
        commands: list[object] = []
        try:
            commands.append(self.inbox.get(timeout=wait_s) if wait_s != 0.0 else self.inbox.get_nowait())
            while len(commands) < _BATCH:
                commands.append(self.inbox.get_nowait())
        except Empty:
            pass  # that was all, or the wait is over
        return commands

    def _sooner(self, wait_s: float | None) -> float | None:
        """Shorten the wait so that a game that does not call `run_callbacks` is noticed, and warn of it once."""
        if self.has_warned:
            return wait_s
        try:
            oldest = self._to_game[0]
            if isinstance(oldest, Ready):
                oldest = self._to_game[1]
        except IndexError:
            self._oldest = None
            return wait_s
        now = self._clock.now()
        if oldest is not self._oldest:
            self._oldest, self._oldest_since = oldest, now
        left_s = self._oldest_since + self._not_polled_s - now
        if left_s <= 0:
            self.has_warned = True
            _log.warning(
                "run_callbacks() has not been called for %.0f s although there is something to deliver;"
                " call it once per frame, even while the game is paused",
                self._not_polled_s,
            )
            return wait_s
        return left_s if wait_s is None else min(wait_s, left_s)
