"""The end of a manager that the game does not close: at exit, when it is dropped, in a forked child."""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from collections.abc import Callable

from .worker.thread import Worker

_log = logging.getLogger("discord_achievements")


class Lifetime:
    """Ends a manager if the game does not: `close` runs at exit, `forget` in a forked child.

    When the manager is garbage-collected, its worker ends. Holds references to neither the manager nor its methods.
    """

    def __init__(
        self, manager: object, worker: Worker, *, close: Callable[[], None], forget: Callable[[], None]
    ) -> None:
        self._forget = weakref.WeakMethod(forget)
        self._at_exit = _if_alive(weakref.WeakMethod(close))
        atexit.register(self._at_exit)
        self._abandon = weakref.finalize(manager, _abandon, worker)
        self._abandon.atexit = False
        self._is_closed = False
        self._warns_of_fork = False
        _alive.add(self)

    def closed(self) -> None:
        """Note that the manager is closed: nothing is left to do at exit."""
        self._is_closed = True
        atexit.unregister(self._at_exit)

    def called_after_end(self) -> None:
        """Note that the game calls a manager that has ended: if a fork has ended it, the log says so, once."""
        if self._warns_of_fork:
            self._warns_of_fork = False
            _log.warning(
                "this process was forked from the one that created the AchievementManager, which records nothing here:"
                " report achievements in the parent process, or create another AchievementManager in this one"
            )

    def in_forked_child(self) -> None:
        """Leave the parent's files and threads to the parent."""
        self._warns_of_fork |= not self._is_closed
        self._abandon.detach()
        self.closed()
        forget = self._forget()
        if forget is not None:
            forget()


_alive: weakref.WeakSet[Lifetime] = weakref.WeakSet()


def _end_in_fork() -> None:
    for lifetime in _alive:
        lifetime.in_forked_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_end_in_fork)


def _abandon(worker: Worker) -> None:
    """Make the worker end, without waiting for it."""
    if worker.started:
        worker.abandon()
    else:
        worker.stop(0.0)  # there is no thread to end, only files to close


def _if_alive(method: weakref.WeakMethod[Callable[[], None]]) -> Callable[[], None]:
    def call() -> None:
        alive = method()
        if alive is not None:
            alive()

    return call
