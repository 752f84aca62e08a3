"""One HTTP connection, which no slow client can hold for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_PIPELINED_MAX = 100  # requests that wait for the one before; each takes kilobytes, whether its answer is read or not


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which remembers since when it waits for its client.

    `reading_since` is when a request's first byte was awaited or came, None once its headers are complete;
    `writing_since` is since when the client has taken nothing although it has something to take. Both are in the event
    loop's time. Somebody has to call `cut_if_slow` from time to time: a timer in each connection would cost more.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading_since: float | None = None
        self.writing_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.reading_since = self.loop.time()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.reading_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self.reading_since = None
        super().on_headers_complete()
        if len(self.pipeline) > _PIPELINED_MAX and not self.transport.is_closing():
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.writing_since = self.loop.time()

    def resume_writing(self) -> None:
        self.writing_since = None
        super().resume_writing()

    def cut_if_slow(self, header_timeout_s: float, write_timeout_s: float) -> None:
        """Break the connection if its client is too slow."""
        now = self.loop.time()
        too_slow = (self.reading_since is not None and now - self.reading_since > header_timeout_s) or (
            self.writing_since is not None and now - self.writing_since > write_timeout_s
        )
        if too_slow and not self.transport.is_closing():
            self.transport.abort()
