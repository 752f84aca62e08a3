"""One HTTP connection, which no slow or endless client can hold or fill for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_PIPELINED_MAX = 100  # requests that wait for the one before; each takes kilobytes, whether its answer is read or not
_HEAD_MAX_BYTES = 64 * 1024  # of a request's target and headers; trailers count too


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which remembers since when it waits for its client, and how much the client has said.

    `reading_since` is when a request's first byte was awaited or came, None once its headers are complete;
    `writing_since` is since when the client has taken nothing although it has something to take. Both are in the event
    loop's time. Somebody has to call `cut_if_slow` from time to time: a timer in each connection would cost more.

    A request whose target and headers are too large has its connection broken.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading_since: float | None = None
        self.writing_since: float | None = None
        self._head_bytes = 0
        self._unparsed_bytes = 0  # received since the parser last told of anything: it keeps what is incomplete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.reading_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self.reading_since is None and self.cycle.response_complete:
            # uvicorn's keep-alive timer ends with any byte. Whatever this is, a request has to come of it.
            self.reading_since = self.loop.time()
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if max(self._head_bytes, self._unparsed_bytes) > _HEAD_MAX_BYTES and not self.transport.is_closing():
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.reading_since = self.loop.time()
        self._head_bytes = self._unparsed_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.reading_since = None
        if len(self.pipeline) > _PIPELINED_MAX and not self.transport.is_closing():
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unparsed_bytes = 0

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

    def _count(self, head_bytes: int) -> None:
        self._head_bytes += head_bytes
        self._unparsed_bytes = 0
