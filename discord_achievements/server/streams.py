"""The open event streams of this process: delivers events to them, keeps idle ones alive, ends them in time.

A stream costs one waiting task. Pushed data is buffered, and sent by a task that lives only while there is something
to send. If a client does not take its events in time, its stream is ended, and the client resumes with a new one.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from itertools import takewhile

from .broker import Notice, Player

_COMMENT = b": \n\n"
_BUFFERED_MAX = 256 * 1024

SendBody = Callable[[bytes, bool], Awaitable[None]]
"""Sends a part of a response's body; the second argument says whether more will follow."""


class Stream:
    """One client's stream, to be ended at `ends_at` (monotonic seconds). Belongs to the event loop."""

    def __init__(self, player: Player, send: SendBody, sent: Callable[[Stream], None], ends_at: float) -> None:
        self.player = player
        self.ends_at = ends_at
        self._send = send
        self._sent = sent
        self._buffer = b""
        self._ending = False
        self._sender: asyncio.Task[None] | None = None

    def push(self, data: bytes) -> None:
        """Send `data` as soon as the client accepts it."""
        if self._ending:
            return
        self._buffer += data
        if len(self._buffer) > _BUFFERED_MAX:
            self._buffer = b""
            self._ending = True
        self._wake()

    def end(self) -> None:
        """End the stream after the buffered data is sent."""
        if not self._ending:
            self._ending = True
            self._wake()

    def close(self) -> None:
        """Drop the buffered data: the client has disconnected."""
        self._ending = True
        if self._sender is not None:
            self._sender.cancel()

    def _wake(self) -> None:
        if self._sender is None:
            self._sender = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._buffer:
                data, self._buffer = self._buffer, b""
                await self._send(data, True)
            if self._ending:
                await self._send(b"", False)
        finally:
            self._sender = None
            self._sent(self)


class Streams:
    """All streams of this process: `per_player` of one player and `total` in all. Belongs to the event loop.

    `now` returns monotonic seconds, `resync_event` the event that makes a client refetch its list. An idle stream gets
    a comment every `comment_every_s` seconds, and each stream a `resync_event` every `resync_every_s`.
    """

    def __init__(
        self,
        now: Callable[[], float],
        resync_event: Callable[[], bytes],
        *,
        per_player: int,
        total: int,
        comment_every_s: float,
        resync_every_s: float,
    ) -> None:
        self._now = now
        self._resync_event = resync_event
        self.per_player = per_player
        self._total = total
        self._comment_every_s = comment_every_s
        self._resync_every_s = resync_every_s
        self._of_player: dict[Player, list[Stream]] = {}
        # When a stream was last sent anything, and when it was opened or last sent a `resync_event`; in order of time.
        self._last_sent: OrderedDict[Stream, float] = OrderedDict()
        self._last_resync: OrderedDict[Stream, float] = OrderedDict()
        self._closing = False

    def __len__(self) -> int:
        return len(self._last_sent)

    @property
    def is_full(self) -> bool:
        """Whether the process is at its stream limit."""
        return len(self) >= self._total

    def left(self, player: Player) -> int:
        """Return how many more streams this player may open here."""
        return max(0, self.per_player - len(self._of_player.get(player, ())))

    def open(self, player: Player, send: SendBody, lasts_s: float = math.inf) -> Stream:
        """Return a new stream, which ends after `lasts_s`; after `end_all` it ends at once."""
        stream = Stream(player, send, self._was_sent, self._now() + lasts_s)
        self._of_player.setdefault(player, []).append(stream)
        self._last_sent[stream] = self._last_resync[stream] = self._now()
        if self._closing:
            stream.end()
        return stream

    def close(self, stream: Stream) -> bool:
        """Forget a stream whose client has disconnected; return whether it was the player's last."""
        stream.close()
        self._last_sent.pop(stream, None)
        self._last_resync.pop(stream, None)
        others = self._of_player[stream.player]
        others.remove(stream)
        if not others:
            del self._of_player[stream.player]
        return not others

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Push each event to all streams of its player."""
        for player, event in notices:
            for stream in self._of_player.get(player, ()):
                stream.push(event)

    def resync(self) -> None:
        """Make every client refetch its list, because events may have been missed."""
        self._resync(list(self._last_resync))

    def end_all(self) -> None:
        """End every stream, including those that are opened later."""
        self._closing = True
        for stream in self._last_sent:
            stream.end()

    async def keep(self) -> None:
        """Keep idle streams alive, end those whose time is up, and make each client refetch from time to time.

        Runs until it is cancelled. The refetch is for changes that a process has committed but not published before it
        died: no other process can know that their events are missing.
        """
        while True:
            now = self._now()
            for stream in [stream for stream in self._last_sent if stream.ends_at <= now]:
                stream.end()
            for stream in _until(self._last_sent, now - self._comment_every_s):
                stream.push(_COMMENT)
            self._resync(_until(self._last_resync, now - self._resync_every_s))
            await asyncio.sleep(min(1.0, self._comment_every_s / 4, self._resync_every_s / 4))

    def _resync(self, streams: Sequence[Stream]) -> None:
        for stream in streams:
            stream.push(self._resync_event())
            self._last_resync[stream] = self._now()
            self._last_resync.move_to_end(stream)

    def _was_sent(self, stream: Stream) -> None:
        if stream in self._last_sent:
            self._last_sent[stream] = self._now()
            self._last_sent.move_to_end(stream)


def _until(times: OrderedDict[Stream, float], end: float) -> list[Stream]:
    """Return the streams whose time is not after `end`; `times` is in ascending order."""
    return [stream for stream, _ in takewhile(lambda entry: entry[1] <= end, times.items())]
