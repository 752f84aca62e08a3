"""A stream without a connection: what one thread pushes into it, another one reads."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from queue import Empty, Queue

from ..client.net.transport import Response
from ..domain.errors import TransportError


class ByteStream:
    """An answer that goes on, as `client.transport.Stream` has it; all its methods may be called from any thread.

    Its reader gets a `TransportError` after `timeout_s` seconds without anything. With `comment_every_s` a comment
    of the server-sent events' format comes after that much silence, as a service sends it to keep a stream alive.
    """

    def __init__(self, response: Response, *, timeout_s: float = math.inf, comment_every_s: float = math.inf) -> None:
        self.response = response
        self._closed = threading.Event()
        self._timeout_s = timeout_s
        self._comment_every_s = comment_every_s
        self._queue: Queue[bytes | TransportError | None] = Queue()
        self._is_read = False
        if response.status != 200:
            self._closed.set()  # a refusal has nothing to bring

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closed.is_set()

    @property
    def is_drained(self) -> bool:
        """Whether its reader has taken in all that was pushed, and waits for more."""
        return self._is_read and not self.closed and not self._queue.unfinished_tasks

    def push(self, data: bytes) -> None:
        """Have the reader get `data`."""
        self._queue.put(data)

    def end(self, error: TransportError | None = None) -> None:
        """Have it end after what has been pushed, or break with `error`."""
        self._queue.put(error)

    def close(self) -> None:
        """End it at once."""
        self._closed.set()
        self._queue.put(None)

    def __iter__(self) -> Iterator[bytes]:
        """Yield what was pushed, until the end. Raises `TransportError`."""
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
