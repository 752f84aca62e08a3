"""Reads the event stream: server-sent events, by a reader that only passes them on.

The reader owns its connection and a bounded buffer. While the buffer is full it reads nothing, so a flood of events
waits in the connection. Source of the format: HTML Living Standard, server-sent events.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...domain.errors import ApiError, TransportError, WireError
from ...domain.retry import Outcome
from .api import check, history_of
from .transport import Request, Stream, Transport

_MAX_EVENT_BYTES = 64 * 1024
_JOIN_S = 1.0
BUFFER_EVENTS = 256
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_log = logging.getLogger("discord_achievements")


class ServerEvent(NamedTuple):
    """One event: its type, its data, the last event id so far."""

    type: str
    data: str
    id: str


class StreamOpened(NamedTuple):
    """The stream is up. `reader` says which one, in case another has replaced it since; `history` is the service's."""

    reader: StreamReader
    history: str | None = None


class StreamFilled(NamedTuple):
    """The reader's buffer is no longer empty; `reader.take()` empties it."""

    reader: StreamReader


class StreamEnded(NamedTuple):
    """The stream is over: refused with `outcome`, or, if that is None, ended after it had been up."""

    reader: StreamReader
    outcome: Outcome | None
    retry_s: float | None


StreamMessage = StreamOpened | StreamFilled | StreamEnded


class SseParser:
    """Turns the bytes of a stream into events; `retry_s` is the wait that the service last asked for."""

    def __init__(self) -> None:
        self.retry_s: float | None = None
        self._rest = b""
        self._type = ""
        self._data: list[str] = []
        self._bytes = 0
        self._id = ""
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Return the events that `chunk` completes. Raises `WireError` for a line or event that is too long."""
        if not chunk:
            return []
        rest_of_crlf = self._after_cr and chunk.startswith(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        chunk = chunk[rest_of_crlf:]
        lines = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        events = []
        for line in lines:
            if line.startswith(b":"):
                continue  # a comment, which keeps the connection alive
            self._bytes += len(line) + 1
            self._check_length(0)
            if line:
                self._field(line.removeprefix(_BYTE_ORDER_MARK).decode(errors="replace"))
                continue
            if self._data:
                events.append(ServerEvent(self._type or "message", "\n".join(self._data), self._id))
            self._type, self._data, self._bytes = "", [], 0
        self._check_length(len(self._rest))
        return events

    def _check_length(self, more: int) -> None:
        if self._bytes + more > _MAX_EVENT_BYTES:
            raise WireError(f"an event of the stream is longer than {_MAX_EVENT_BYTES} bytes")

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_s = int(value[:9]) / 1000


class StreamReader:
    """One connection to the event stream. `post` takes its messages; the events wait in its buffer.

    Who runs `reading` decides on which thread, and when, it reads: `ThreadReader` has a thread of its own.
    """

    def __init__(
        self,
        transport: Transport,
        request: Request,
        post: Callable[[object], None],
        *,
        buffer_events: int = BUFFER_EVENTS,
    ) -> None:
        self._transport = transport
        self._request = request
        self._post = post
        self._buffer_events = buffer_events
        self._buffer: list[ServerEvent] = []
        self._changed = threading.Condition()
        self._stream: Stream | None = None
        self._opened = False
        self._left = False

    @property
    def is_full(self) -> bool:
        """Whether it reads no further before `take` is called."""
        return len(self._buffer) >= self._buffer_events

    def take(self) -> list[ServerEvent]:
        """Return the events in the buffer and empty it. **Thread**: the worker's."""
        with self._changed:
            events, self._buffer = self._buffer, []
            self._changed.notify()
        return events

    def leave(self) -> None:
        """Have it end. `StreamEnded` follows once it has."""
        with self._changed:
            self._left = True
            self._changed.notify()
        if self._stream is not None:
            self._stream.close()

    def join(self) -> None:
        """Wait for its thread, if it has one, to end. **Blocks** for a second at most."""

    def reading(self) -> Iterator[None]:
        """Open the stream and read it to its end. Yields before each read, and while the buffer is full.

        **Blocks** between two yields for as long as the transport waits for data.
        """
        parser = SseParser()
        outcome: Outcome | None = None
        try:
            self._stream = self._transport.open_stream(self._request)
            if not self._left:
                yield from self._read(self._stream, parser)
        except TransportError as exc:
            outcome = None if self._opened else exc  # one that was up and broke has ended
        except (ApiError, WireError) as exc:
            outcome = exc
        except Exception:
            _log.exception("reading the event stream failed")
            outcome = WireError("the reader of the event stream failed")
        finally:
            if self._stream is not None:
                self._stream.close()
        self._post(StreamEnded(self, outcome, parser.retry_s))

    def _read(self, stream: Stream, parser: SseParser) -> Iterator[None]:
        check(stream.response)
        kind = stream.response.headers.get("content-type", "")
        if not kind.lower().startswith("text/event-stream"):
            raise WireError(f"expected text/event-stream from the event stream, got {kind!r:.60}")
        self._opened = True
        self._post(StreamOpened(self, history_of(stream.response)))
        yield
        for chunk in stream:
            for event in parser.feed(chunk):
                while self.is_full and not self._left:
                    yield
                self._put(event)
            if self._left:
                return
            yield

    def _put(self, event: ServerEvent) -> None:
        with self._changed:
            if self._left:
                return
            self._buffer.append(event)
            if len(self._buffer) == 1:
                self._post(StreamFilled(self))


class ThreadReader(StreamReader):
    """A reader with a thread of its own. Raises `RuntimeError` if none can be started."""

    def __init__(
        self,
        transport: Transport,
        request: Request,
        post: Callable[[object], None],
        *,
        buffer_events: int = BUFFER_EVENTS,
    ) -> None:
        super().__init__(transport, request, post, buffer_events=buffer_events)
        self._thread = threading.Thread(target=self._run, name="discord_achievements events", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether its thread has yet to end."""
        return self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        for _ in self.reading():
            with self._changed:
                self._changed.wait_for(lambda: self._left or not self.is_full)


OpenReader = Callable[[Transport, Request, Callable[[object], None]], StreamReader]
"""Returns a reader of the stream that a request asks for, with the function that takes its messages."""
