"""An event that a game listens to, by assigning one function or connecting several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Handlers = tuple[Callable[[T], object], ...]
_Handler = TypeVar("_Handler", bound=Callable[..., object])


class Event(Generic[T]):
    """Something that happens, and the functions to call then: an assigned one, and any number of connected ones.

        manager.on_user_achievement_update = show_toast

        @manager.on_user_achievement_update.connect
        def play_sound(achievement):
            ...

    The assigned one is called first, then the connected ones in the order of their connection. `handlers` are all of
    them, `only_handler` is the one if there is exactly one. **Thread**: the game's.
    """

    __slots__ = ("_assigned", "_connected", "_name", "handlers", "only_handler")

    def __init__(self, name: str) -> None:
        self._name = name
        self._assigned: Callable[[T], object] | None = None
        self._connected: Handlers[T] = ()
        self.handlers: Handlers[T] = ()
        self.only_handler: Callable[[T], object] | None = None

    def connect(self, handler: _Handler) -> _Handler:
        """Add a handler and return it, so that this is usable as a decorator; connecting it again changes nothing.

        Raises `TypeError` for something that is not callable.
        """
        self._check(handler)
        if handler not in self._connected:
            self._connected += (handler,)
            self._rebuild()
        return handler

    __call__ = connect

    def disconnect(self, handler: Callable[[T], object]) -> None:
        """Remove a handler. Raises `ValueError` if it is not connected."""
        if handler not in self._connected and handler != self._assigned:
            raise ValueError(f"{handler!r} is not connected to {self._name}")
        self._connected = tuple(one for one in self._connected if one != handler)
        if handler == self._assigned:
            self._assigned = None
        self._rebuild()

    def assign(self, handler: Callable[[T], object] | None) -> None:
        """Replace the assigned handler, or remove it with None; the connected ones stay.

        Raises `TypeError` for something that is not callable.
        """
        if handler is not None:
            self._check(handler)
        self._assigned = handler
        self._rebuild()

    def __repr__(self) -> str:
        return f"<event {self._name} with {len(self.handlers)} handlers>"

    def _check(self, handler: object) -> None:
        if not callable(handler):
            raise TypeError(f"{self._name}: expected a function, got {handler!r:.60}")

    def _rebuild(self) -> None:
        assigned = () if self._assigned is None else (self._assigned,)
        self.handlers = assigned + tuple(one for one in self._connected if one != self._assigned)
        self.only_handler = self.handlers[0] if len(self.handlers) == 1 else None
