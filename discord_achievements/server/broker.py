"""How what one process commits reaches the event streams that other processes hold.

Three ways, one interface: within the process, by PostgreSQL's NOTIFY (`notify_broker`), or by publish and subscribe of
Redis (`redis_broker`), where a process hears only of players connected to it. A process hears itself at once. All are
best effort: where something may have been missed, `on_gap` is called, and the streams tell their clients to fetch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol


class Player(NamedTuple):
    """Whose events: one player of one game."""

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
        """Have `deliver` called with what any process publishes, and `on_gap` when some of it may be lost."""

    def publish(self, notices: Sequence[Notice]) -> None:
        """Tell all processes; never raises, never waits."""

    async def subscribe(self, player: Player) -> None:
        """This process has a stream of `player` from now on; return when it hears of them."""

    async def unsubscribe(self, player: Player) -> None:
        """It has none any more."""

    async def close(self) -> None:
        """Let go of everything."""


class ProcessBroker:
    """For a single process."""

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
