"""The fake service's events: sends them to the players' streams, and again to clients that resume."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..client.net.transport import Response
from ..domain.errors import TransportError
from ..domain.wire import HISTORY_HEADER, RESYNC, format_event
from .streams import ByteStream

RETRY_MS = 5000
COMMENT_EVERY_S = 15.0
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    "content-encoding": "identity",
}


class _Event(NamedTuple):
    id: int
    user_id: int
    data: bytes


class EventLog:
    """Keeps the last `kept` events and the open streams. Not thread-safe: its owner holds a lock."""

    def __init__(self, kept: int = 1000) -> None:
        self._last_id = 0
        self._events: deque[_Event] = deque(maxlen=kept)
        self._streams: list[tuple[int, ByteStream]] = []

    def publish(self, user_id: int, event: str, data: Mapping[str, Any]) -> None:
        """Send an event to every stream of a player."""
        self._last_id += 1
        encoded = format_event(self._last_id, event, data)
        self._events.append(_Event(self._last_id, user_id, encoded))
        for stream in self.streams(user_id):
            stream.push(encoded)

    def resync(self) -> None:
        """Make all streams' clients fetch their lists."""
        for stream in self.streams():
            stream.push(format_event(self._last_id, RESYNC, {}))

    def open(self, user_id: int, last_event_id: str | None, timeout_s: float, history: str) -> ByteStream:
        """Return a new stream; it begins with the events after `last_event_id`, or `RESYNC` if they were dropped."""
        headers = {**_HEADERS, HISTORY_HEADER.lower(): history}
        stream = ByteStream(Response(200, headers), timeout_s=timeout_s, comment_every_s=COMMENT_EVERY_S)
        stream.push(f"retry: {RETRY_MS}\n\n".encode())
        if last_event_id:
            missed = self._since(last_event_id)
            if missed is None:
                stream.push(format_event(self._last_id, RESYNC, {}))
            for event in missed or ():
                if event.user_id == user_id:
                    stream.push(event.data)
        self._streams.append((user_id, stream))
        return stream

    def streams(self, user_id: int | None = None) -> list[ByteStream]:
        """Return the open streams, of one player or all."""
        self._streams = [entry for entry in self._streams if not entry[1].closed]
        return [stream for owner, stream in self._streams if user_id is None or owner == user_id]

    def end_streams(self, error: TransportError | None = None) -> None:
        """End all streams, or break them with `error`."""
        for stream in self.streams():
            stream.end(error)

    def _since(self, last_event_id: str) -> list[_Event] | None:
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18):
            return None
        last_id = int(last_event_id)
        oldest_id = self._events[0].id if self._events else self._last_id + 1
        if not oldest_id - 1 <= last_id <= self._last_id:
            return None
        return [event for event in self._events if event.id > last_id]
