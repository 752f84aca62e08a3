"""What the package logs, handed to a function of the game on the game's thread."""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable

_logger = logging.getLogger("discord_achievements")
# The index is the GameSDK's number: error, warning, info, debug.
_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
_WAITING_MAX = 1000
Hook = Callable[[int, str], object]


class LogHook:
    """At most one function, called with the GameSDK's number of the level, then the message."""

    def __init__(self) -> None:
        self._hook: Hook | None = None
        self._handler = _Handler()
        # The logger outlives this object.
        weakref.finalize(self, _remove, self._handler)

    def set(self, min_level: int, hook: Hook) -> None:
        """Have `hook` called for messages of `min_level` and graver ones; it replaces the one before.

        Where the logger of the package is stricter than that, this loosens it.
        """
        level = _LEVELS[min_level]
        if not _logger.isEnabledFor(level):
            _logger.setLevel(level)
        self._hook = hook
        self._handler.setLevel(level)
        _logger.addHandler(self._handler)

    def deliver(self) -> None:
        """Hand over what was logged since the last time; what the hook raises passes through."""
        waiting = self._handler.waiting
        if waiting and self._hook is not None:
            for _ in range(len(waiting)):
                self._hook(*waiting.popleft())


def _remove(handler: logging.Handler) -> None:
    # A new list, not removeHandler: this runs whenever memory is collected, also while the logger walks along its list,
    # which would then leave out the next handler.
    _logger.handlers = [other for other in _logger.handlers if other is not handler]


class _Handler(logging.Handler):
    """Keeps the latest messages, from whatever thread."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[tuple[int, str]] = deque(maxlen=_WAITING_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        graver = [number for number, level in enumerate(_LEVELS) if record.levelno >= level]
        self.waiting.append((min(graver, default=len(_LEVELS) - 1), self.format(record)))
