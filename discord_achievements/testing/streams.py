"""A stream without a connection: one thread pushes data, another reads it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from queue import Empty, Queue

from ..client.net.transport import Response
from ..domain.errors import TransportError


class ByteStream:
    """An answer whose body arrives bit by bit, as in `client.net.transport.Stream`.

    Its reader gets a `TransportError` after `timeout_s` seconds without data. After `comment_every_s` seconds of
    silence it gets a comment of the server-sent events' format, as a service sends it to keep a stream alive.

    **Thread**: all methods may be called from any thread.
    """

    def __init__(self, response: Response, *, timeout_s: float = math.inf, comment_every_s: float = math.inf) -> None:
        self.response = response
        self._closed = threading.Event()
        self._timeout_s = timeout_s
        self._comment_every_s = comment_every_s
        self._queue: Queue[bytes | TransportError | None] = Queue()
        self._is_read = False
        if response.status != 200:
            self._closed.set()  # a refusal has no body to wait for

    @property
    def closed(self) -> bool:
        """Whether the stream has ended."""
        return self._closed.is_set()

    @property
    def is_drained(self) -> bool:
        """Whether its reader has processed everything that was pushed and is waiting for more."""
        return self._is_read and not self.closed and not self._queue.unfinished_tasks

    @property
    def is_idle(self) -> bool:
        """Whether a reader would have to wait: there is neither data nor an end."""
        return not self.closed and self._queue.empty()

    def push(self, data: bytes) -> None:
        """Send `data` to the reader."""
        self._queue.put(data)

    def end(self, error: TransportError | None = None) -> None:
        """End the stream after the pushed data, or break it with `error`."""
        self._queue.put(error)

    def close(self) -> None:
        """End the stream at once."""
        self._closed.set()
        self._queue.put(None)

    def __iter__(self) -> Iterator[bytes]:
        """Yield what was pushed, until the stream ends. **Blocks**; raises `TransportError`."""
        wait_s = min(self._timeout_s, self._comment_every_s)
        self._is_read = True
        while not self._closed.is_set():
            try:
                item = self._queue.get(timeout=None if wait_s == math.inf else wait_s)
            except Empty:
                if self._timeout_s > self._comment_every_s:
                    yield b":\n\n"
                    continue
                item = TransportError(f"the stream was silent for {self._timeout_s:g} s", timed_out=True)
            if self._closed.is_set():
                return
            if isinstance(item, bytes):
                yield item
                self._queue.task_done()  # the reader is back for more
                continue
            self._closed.set()
            if item is not None:
                raise item
