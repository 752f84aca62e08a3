"""Brings the events of one process to the event streams that other processes hold.

One interface, three implementations: within this process (here), by PostgreSQL's NOTIFY (`postgres.broker`), and by
Redis' publish and subscribe (`redis.broker`), where a process receives only events of players connected to it. A
process delivers its own events at once. All are best effort: if events may have been missed, `on_gap` is called, and
the streams make their clients refetch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    async def start(self, deliver: Deliver, on_gap: OnGap) -> None:
        """Call `deliver` with what any process publishes, and `on_gap` whenever some of it may have been lost."""

    def publish(self, notices: Sequence[Notice]) -> None:
        """Send events to all processes; never raises, never waits."""

    async def subscribe(self, player: Player) -> None:
        """Receive the events of `player` from now on; return once that is certain, or after a short wait."""

    async def unsubscribe(self, player: Player) -> None:
        """Stop receiving the events of `player`."""

    async def close(self) -> None:
        """Release all resources."""


class ProcessBroker:
    """The broker of a single process."""

    async def start(self, deliver: Deliver, on_gap: OnGap) -> None:
        self._deliver = deliver

    def publish(self, notices: Sequence[Notice]) -> None:
        self._deliver(notices)

    async def subscribe(self, player: Player) -> None:
        pass

    async def unsubscribe(self, player: Player) -> None:
        pass

    async def close(self) -> None:
        pass
