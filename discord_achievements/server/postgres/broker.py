"""The broker by PostgreSQL's NOTIFY: every process receives the events of every player.

One statement sends a whole batch, after its commit and outside its transaction, because PostgreSQL lets transactions
that notify commit only one after another.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg

from ..broker import Deliver, Notice, OnGap, Outgoing, Player
from .connection import Bounds, PostgresConnection
from .listener import QUIET_S, Listener

CHANNEL = "discord_achievements_events"
_CLOSE_WITHIN_S = 2.0
_PAYLOAD_MAX = 7900  # PostgreSQL takes less than 8000 bytes
_log = logging.getLogger(__name__)


class NotifyBroker:
    """Connects to the database at `url` twice: to listen and to notify.

    A NOTIFY that is not answered within `answer_within_s` is repeated on a new connection. `quiet_s` is as in
    `Listener`.
    """

    def __init__(self, url: str, *, answer_within_s: float = 5.0, quiet_s: float = QUIET_S) -> None:
        self._url = url
        self._bounds = Bounds(answer_s=answer_within_s)
        self._quiet_s = quiet_s
        self._origin = secrets.token_hex(8)
        self._outgoing = Outgoing(self._send)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="NOTIFY")
        self._connection: PostgresConnection | None = None
        self._listener: Listener | None = None

    async def start(self, deliver: Deliver, on_gap: OnGap) -> None:
        self._deliver = deliver
        loop = asyncio.get_running_loop()

        def receive(payload: str) -> None:
            origin, entries = json.loads(payload)
            if origin != self._origin:
                notices = [Notice(Player(*player), event.encode()) for *player, event in entries]
                loop.call_soon_threadsafe(deliver, notices)

        def miss() -> None:
            loop.call_soon_threadsafe(on_gap)

        self._listener = Listener(self._url, CHANNEL, on_message=receive, on_gap=miss, quiet_s=self._quiet_s)
        self._listener.start()

    @property
    def is_connected(self) -> bool:
        return self._listener is not None and self._listener.listening

    def may_reach(self, player: Player) -> bool:
        return True  # another process may have a stream of theirs

    def publish(self, notices: Sequence[Notice]) -> None:
        self._deliver(notices)
        self._outgoing.add(notices)

    async def subscribe(self, player: Player) -> None:
        pass

    async def unsubscribe(self, player: Player) -> None:
        pass

    async def close(self) -> None:
        """Return when all events are sent, or after two seconds if the database does not answer."""
        await self._outgoing.sent(_CLOSE_WITHIN_S)
        if self._listener is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._listener.stop)
        self._thread.submit(self._disconnect)
        self._thread.shutdown(wait=False)

    async def _send(self, notices: Sequence[Notice]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._notify, notices)

    def _notify(self, notices: Sequence[Notice]) -> None:
        # Only this connection may be broken or silent, so there is a second try. Sending an event twice is harmless.
        for is_last in (False, True):
            try:
                if self._connection is None:
                    self._connection = PostgresConnection.open(self._url, autocommit=True, bounds=self._bounds)
                self._connection.execute(
                    "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload",
                    (CHANNEL, list(payloads(self._origin, notices))),
                )
                return
            except psycopg.Error as exc:
                self._disconnect()
                if is_last:
                    # The listeners have lost their connections too; their clients refetch when these are back.
                    reason = str(exc).partition("\n")[0]
                    _log.warning("%d events were not sent to other processes: %s", len(notices), reason)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def payloads(origin: str, notices: Sequence[Notice]) -> Iterator[str]:
    """Yield the payloads to send: as few as PostgreSQL's limit of their length allows."""
    head = f'["{origin}",['
    parts: list[str] = []
    size = 0
    for player, event in notices:
        part = json.dumps([*player, event.decode()])  # ASCII: as many bytes as characters
        if parts and len(head) + size + len(part) + 2 > _PAYLOAD_MAX:
            yield f"{head}{','.join(parts)}]]"
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    yield f"{head}{','.join(parts)}]]"
