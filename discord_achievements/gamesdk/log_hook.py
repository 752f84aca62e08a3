"""Passes what the package logs to a function of the game, on the game's thread."""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable

_logger = logging.getLogger("discord_achievements")
# Indexed by the numbers of the GameSDK: error, warning, info, debug.
_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
_WAITING_MAX = 1000
Hook = Callable[[int, str], object]


class LogHook:
    """Calls at most one function, with the GameSDK's number of the level and the message."""

    def __init__(self) -> None:
        self._hook: Hook | None = None
        self._handler = _Handler()
        # The logger outlives this object.
        weakref.finalize(self, _remove, self._handler)

    def set(self, min_level: int, hook: Hook) -> None:
        """Call `hook`, instead of the one before, for messages of `min_level` and more severe ones.

        If the package's logger suppresses such messages, its level is lowered.
        """
        level = _LEVELS[min_level]
        if not _logger.isEnabledFor(level):
            _logger.setLevel(level)
        self._hook = hook
        self._handler.setLevel(level)
        _logger.addHandler(self._handler)

    def deliver(self) -> None:
        """Pass on what was logged since the last call; exceptions of the hook are passed on."""
        waiting = self._handler.waiting
        if waiting and self._hook is not None:
            for _ in range(len(waiting)):
                self._hook(*waiting.popleft())


def _remove(handler: logging.Handler) -> None:
    # A new list instead of removeHandler, because garbage collection may run this while the logger iterates over its
    # list, which would then skip the next handler.
    _logger.handlers = [other for other in _logger.handlers if other is not handler]


class _Handler(logging.Handler):
    """Keeps the latest messages of all threads."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[tuple[int, str]] = deque(maxlen=_WAITING_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        graver = [number for number, level in enumerate(_LEVELS) if record.levelno >= level]
        self.waiting.append((min(graver, default=len(_LEVELS) - 1), self.format(record)))
