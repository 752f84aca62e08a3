"""Brings the events of one process to the event streams that other processes hold.

One interface, three implementations: within this process (here), by PostgreSQL's NOTIFY (`postgres.broker`), and by
Redis' publish and subscribe (`redis.broker`), where a process receives only events of players connected to it. A
process delivers its own events at once. All are best effort: if events may have been missed, `on_gap` is called, and
the streams make their clients refetch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol


class Player(NamedTuple):
    """One player of one application."""

    application_id: int
    user_id: int


class Notice(NamedTuple):
    """One event for one player, as the stream carries it."""

    player: Player
    event: bytes


Deliver = Callable[[Sequence[Notice]], None]
OnGap = Callable[[], None]


class Broker(Protocol):
    """Belongs to the event loop, on which it calls back."""

    @property
    def is_connected(self) -> bool:
        """Whether this process receives what the others publish."""

    async def start(self, deliver: Deliver, on_gap: OnGap) -> None:
        """Call `deliver` with what any process publishes, and `on_gap` whenever some of it may have been lost."""

    def may_reach(self, player: Player) -> bool:
        """Return False if nobody is subscribed to the events of `player`, True if somebody may be."""

    def publish(self, notices: Sequence[Notice]) -> None:
        """Send events to all processes; never raises, never waits."""

    async def subscribe(self, player: Player) -> None:
        """Receive the events of `player` from now on; return once that is certain, or after a short wait."""

    async def unsubscribe(self, player: Player) -> None:
        """Stop receiving the events of `player`."""

    async def close(self) -> None:
        """Release all resources."""


class Outgoing:
    """Events on their way to other processes: while `send` sends one batch, further events form the next."""

    def __init__(self, send: Callable[[Sequence[Notice]], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: list[Notice] = []
        self._sender: asyncio.Task[None] | None = None

    def add(self, notices: Sequence[Notice]) -> None:
        self._waiting += notices
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())

    async def sent(self, timeout_s: float | None = None) -> None:
        """Return when everything is sent, or after `timeout_s`."""
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=timeout_s)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._send(batch)
        finally:
            self._sender = None


class ProcessBroker:
    """The broker of a single process."""

    def __init__(self) -> None:
        self._subscribed: set[Player] = set()

    async def start(self, deliver: Deliver, on_gap: OnGap) -> None:
        self._deliver = deliver

    @property
    def is_connected(self) -> bool:
        return True  # there are no others

    def may_reach(self, player: Player) -> bool:
        return player in self._subscribed

    def publish(self, notices: Sequence[Notice]) -> None:
        self._deliver(notices)

    async def subscribe(self, player: Player) -> None:
        self._subscribed.add(player)

    async def unsubscribe(self, player: Player) -> None:
        self._subscribed.discard(player)

    async def close(self) -> None:
        pass
