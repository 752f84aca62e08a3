"""The broker by Redis or Valkey: a channel for each player, so a process receives only what its own streams need."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from ..broker import Deliver, Notice, OnGap, Outgoing, Player

_log = logging.getLogger(__name__)
_EVERYBODY = b"discord_achievements:everybody"  # keeps the subscription alive while no player is connected
_RETRY_S = 0.5
_CONFIRMED_WITHIN_S = 1.0
_ORIGIN_BYTES = 8


class RedisBroker:
    """Takes over `redis`, a client that does not decode responses.

    After `quiet_s` seconds without a message Redis is asked for one, and then has as long to answer.
    """

    def __init__(self, redis: Redis, *, quiet_s: float = 5.0) -> None:
        self._redis = redis
        self._quiet_s = quiet_s
        self._origin = secrets.token_bytes(_ORIGIN_BYTES)
        self._outgoing = Outgoing(self._send)
        self._listener: asyncio.Task[None] | None = None
        self._pubsub: PubSub | None = None
        self._players: dict[bytes, Player] = {}
        self._confirmed: dict[bytes, asyncio.Event] = {}

    async def start(self, deliver: Deliver, on_gap: OnGap) -> None:
        self._deliver = deliver
        self._on_gap = on_gap
        self._listener = asyncio.create_task(self._listen())

    @property
    def is_connected(self) -> bool:
        return self._pubsub is not None

    def may_reach(self, player: Player) -> bool:
        return True  # another process may have a stream of theirs

    def publish(self, notices: Sequence[Notice]) -> None:
        self._deliver(notices)
        self._outgoing.add(notices)

    async def subscribe(self, player: Player) -> None:
        channel = _channel(player)
        self._players[channel] = player
        confirmed = self._confirmed.setdefault(channel, asyncio.Event())  # several streams may wait for the same one
        # While Redis is unreachable there is nothing to wait for: afterwards every stream makes its client refetch.
        with suppress(RedisError, OSError, TimeoutError):
            if self._pubsub is not None:
                await self._pubsub.subscribe(channel)
                async with asyncio.timeout(_CONFIRMED_WITHIN_S):
                    await confirmed.wait()

    async def unsubscribe(self, player: Player) -> None:
        channel = _channel(player)
        self._players.pop(channel, None)
        self._confirmed.pop(channel, None)
        with suppress(RedisError, OSError):
            if self._pubsub is not None:
                await self._pubsub.unsubscribe(channel)

    async def close(self) -> None:
        await self._outgoing.sent()
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        await self._redis.aclose()

    async def _send(self, notices: Sequence[Notice]) -> None:
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for player, event in notices:
                pipeline.publish(_channel(player), self._origin + event)
            await pipeline.execute()
        except (RedisError, OSError) as exc:
            _log.warning("%d events were not sent to other processes: %s", len(notices), exc)

    async def _listen(self) -> None:
        """Listen until cancelled; after a break or a silence, subscribe to all channels again and report the gap."""
        now = asyncio.get_running_loop().time
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(_EVERYBODY, *self._players)
                self._pubsub = pubsub
                heard_at = now()
                while True:
                    message = await pubsub.get_message(timeout=self._quiet_s)
                    if message is not None:
                        heard_at = now()
                        self._received(message["type"], message["channel"], message["data"])
                    elif now() - heard_at >= 2 * self._quiet_s:
                        raise RedisConnectionError(f"no message for {2 * self._quiet_s:g} s")
                    else:
                        await pubsub.ping()
            except (RedisError, OSError) as exc:
                _log.warning("not listening to Redis; reconnecting: %s", exc)
            finally:
                self._pubsub = None
                with suppress(RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(_RETRY_S)

    def _received(self, kind: str, channel: bytes, data: bytes) -> None:
        if kind == "subscribe" and channel == _EVERYBODY:
            self._on_gap()  # also after the client has reconnected automatically
        elif kind == "subscribe" and channel in self._confirmed:
            self._confirmed[channel].set()
        elif kind == "message" and channel in self._players and not data.startswith(self._origin):
            self._deliver([Notice(self._players[channel], data[_ORIGIN_BYTES:])])


def _channel(player: Player) -> bytes:
    return b"discord_achievements:player:%d:%d" % player
