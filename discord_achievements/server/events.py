"""Sends players the events of changes: when they are committed, and when a resumed stream has missed them.

There is no log of events: `changes` finds in the records what was missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from ..domain import wire
from ..domain.access import event_of
from ..domain.models import Achievement
from ..domain.wire import Record
from .broker import Broker, Notice, Player
from .changes import CLOCK_SKEW_US, changed_since
from .definitions import NOTHING_HELD
from .stores.base import Held, Key, Store, Written
from .stores.calls import StoreCalls
from .streams import SendBody, Stream, Streams

_REPLAY_MAX = 100  # more missed events than this cost more than the list, and they fill a tenth of a stream's buffer


class Events:
    """Opens streams and announces changes. Belongs to the event loop.

    `at_us` returns microseconds since the epoch; a stream can resume after an absence of up to `replay_us`.
    """

    def __init__(
        self,
        store: Store,
        calls: StoreCalls,
        broker: Broker,
        streams: Streams,
        *,
        at_us: Callable[[], int],
        replay_us: int,
    ) -> None:
        self._store = store
        self._calls = calls
        self._broker = broker
        self._streams = streams
        self._at_us = at_us
        self._replay_us = replay_us

    def announce(self, achievement: Achievement, key: Key, written: Written) -> None:
        """Publish the event of a committed change, if the player may know of it."""
        player = Player(key.application_id, key.user_id)
        if not self._broker.may_reach(player):
            return
        before, after = written.before or NOTHING_HELD, written.after or NOTHING_HELD
        event = event_of(achievement, before.progress, after.progress)
        if event is not None:
            self._broker.publish([Notice(player, _format(event, player, achievement.id, after))])

    async def open(
        self,
        player: Player,
        achievements: Mapping[int, Achievement],
        send: SendBody,
        *,
        expires_at_us: int | None,
        last_event_id: str,
    ) -> Stream:
        """Return a new stream of a player's events; unless `last_event_id` is empty, it begins with those missed since.

        The stream ends at `expires_at_us`, when its client's token expires.
        """
        lasts_s = math.inf if expires_at_us is None else (expires_at_us - self._at_us()) / 1_000_000
        stream = self._streams.open(player, send, lasts_s)
        try:
            await self._broker.subscribe(player)
            # From here on no new event is missed, so the older ones can be looked up.
            if last_event_id:
                for event in await self._missed(player, achievements, last_event_id):
                    stream.push(event)
        except BaseException:
            await self.close(stream)
            raise
        return stream

    async def close(self, stream: Stream) -> None:
        """Forget a stream whose client has disconnected."""
        if self._streams.close(stream):
            await self._broker.unsubscribe(stream.player)

    async def _missed(self, player: Player, achievements: Mapping[int, Achievement], last_event_id: str) -> list[bytes]:
        """Return the events since `last_event_id`, which is the time of the last change that the client received.

        Too many events, or a change that no event can describe, become one `RESYNC`.
        """
        at_us = self._at_us()
        digits = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18
        since_us = int(last_event_id) if digits else 0
        if not at_us - self._replay_us <= since_us <= at_us + CLOCK_SKEW_US:
            return [resync_event(at_us)]
        records = await self._calls.read(partial(self._store.records, *player))
        changed = changed_since(achievements, records, since_us)
        if changed is None or len(changed) > _REPLAY_MAX:
            return [resync_event(at_us)]
        return [_format(wire.USER_ACHIEVEMENT_UPDATE, player, id_, records[id_]) for id_ in changed]


def resync_event(at_us: int) -> bytes:
    """Return the event that makes a client fetch its list."""
    return wire.format_event(at_us, wire.RESYNC, {})


def _format(event: str, player: Player, achievement_id: int, held: Held) -> bytes:
    if event == wire.RESYNC:
        return resync_event(held.changed_at_us)
    record = Record(achievement_id, player.user_id, held.progress, held.revision, None)
    data = wire.encode_event(player.application_id, player.user_id, record)
    return wire.format_event(held.changed_at_us, event, data)
