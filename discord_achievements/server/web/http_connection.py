"""One HTTP connection, with bounds on how long a client may hold it and how much it may send before an answer."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_PIPELINED_MAX = 100  # waiting requests; each takes kilobytes, whether or not its answer is read
_HEAD_MAX_BYTES = 64 * 1024  # of a request's target and headers, trailers included


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which also knows since when it waits for its client and how much the client has sent.

    `reading_since` is when the wait for a request began, or when its first byte came; None once its headers are
    complete. `writing_since` is when the client stopped taking data that is ready for it. Both are in the event loop's
    time. The server calls `cut_if_slow` from time to time, since a timer in each connection would cost more.

    The connection is closed if a request's target and headers are too large.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading_since: float | None = None
        self.writing_since: float | None = None
        self._piece_bytes = 0  # received last
        # Received, in whole pieces, since the parser last began a request, completed its headers or passed on a part of
        # its body. A count for each header would cost more than the rest of this class.
        self._unparsed_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.reading_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self.reading_since is None and self.cycle.response_complete:
            # Any byte stops uvicorn's keep-alive timer. Whatever this byte is, a request must follow.
            self.reading_since = self.loop.time()
        self._piece_bytes = len(data)
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._unparsed_bytes > _HEAD_MAX_BYTES and not self.transport.is_closing():
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.reading_since = self.loop.time()
        self._unparsed_bytes = 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.reading_since = None
        may_be_large = self._unparsed_bytes > 0 or self._piece_bytes > _HEAD_MAX_BYTES
        self._unparsed_bytes = 0
        too_large = may_be_large and self._head_bytes() > _HEAD_MAX_BYTES
        if (too_large or len(self.pipeline) > _PIPELINED_MAX) and not self.transport.is_closing():
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
        """Close the connection if its client is too slow."""
        now = self.loop.time()
        too_slow = (self.reading_since is not None and now - self.reading_since > header_timeout_s) or (
            self.writing_since is not None and now - self.writing_since > write_timeout_s
        )
        if too_slow and not self.transport.is_closing():
            self.transport.abort()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
