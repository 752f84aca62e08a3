"""A transport that answers from a table."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from ..client.net.transport import Request, Response
from ..domain import routes
from ..domain.errors import TransportError
from .service import route_name
from .streams import ByteStream

Answer = Response | Exception | Callable[[Request], Response]
Key = str | tuple[str, str]
_NAMES = [route.name for route in routes.ROUTES]
_OPEN = Response(200, {"content-type": "text/event-stream"})


class UnscriptedRequestError(AssertionError):
    """The code under test sent a request for which the table has no answer, or none left."""


def stall(request: Request) -> Response:
    """In a table: do not answer; the request waits for its time-out or for the transport's `close`."""
    raise NotImplementedError("stall is a marker for the table of ScriptedTransport and cannot be called")


class ScriptedTransport:
    """Answers requests from a table and records them in `requests`.

    A key is a route's name (`"get_user_achievements"`, see `domain.routes`) or a method with the end of a path
    (`("PUT", "/580159119969878046")`). Its value is one answer, given every time, or a list of answers, given one after
    the other. An answer is a `Response`, an exception to raise (the code under test expects only `TransportError`), a
    function of the request that returns a `Response`, or `stall` for no answer.

    An event stream that is not in the table opens and carries what the test passes to `push`.

    A request without an answer fails like a lost connection, on the thread that sent it; in the test, `check()` raises,
    which is also called at the end of a `with` block.
    """

    def __init__(self, table: Mapping[Key, Answer | Sequence[Answer]] | None = None) -> None:
        self.requests: list[Request] = []
        self._table: dict[Key, list[Answer] | Answer] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._streams: list[ByteStream] = []
        self._early: list[bytes] = []
        self._unscripted: dict[str, None] = {}  # each once, in order
        for key, answers in (table or {}).items():
            self.answer(key, answers)

    def answer(self, key: Key, answers: Answer | Sequence[Answer]) -> None:
        """Set the answers to requests for `key` from now on."""
        if isinstance(key, str) and key not in _NAMES:
            raise ValueError(f"unknown route {key!r}; expected one of {', '.join(_NAMES)}")
        with self._lock:
            self._table[key] = list(answers) if isinstance(answers, Sequence) else answers

    def push(self, data: bytes) -> None:
        """Send `data` on the open event stream; if none is open, the next one starts with it."""
        with self._lock:
            streams = self._open_streams()
            if not streams:
                self._early.append(data)
            for stream in streams:
                stream.push(data)

    def end_stream(self, error: TransportError | None = None) -> None:
        """End the open event stream, or break it with `error`."""
        with self._lock:
            for stream in self._open_streams():
                stream.end(error)

    def check(self) -> None:
        """Raise `UnscriptedRequestError` if there was a request without an answer."""
        if self._unscripted:
            raise UnscriptedRequestError("; ".join(self._unscripted))

    def send(self, request: Request) -> Response:
        """Return the table's answer. Raises `TransportError`, also after `close`."""
        answer = self._next_answer(request)
        if answer is None:
            known = ", ".join(map(str, self._table)) or "nothing"
            message = f"no answer is left for {request.method} {request.url}; the table has {known}"
            self._unscripted.setdefault(message)
            raise TransportError(message)
        return self._given(answer, request)

    def open_stream(self, request: Request) -> ByteStream:
        """Return a stream for `push`, or the table's answer. Raises `TransportError` as `send` does."""
        answer = self._next_answer(request)
        response = _OPEN if answer is None else self._given(answer, request)
        with self._lock:
            stream = ByteStream(response, timeout_s=request.timeout_s)
            if self._closed.is_set():
                stream.close()
            if not stream.closed:
                self._streams = [*self._open_streams(), stream]
                for data in self._early:
                    stream.push(data)
                self._early.clear()
            return stream

    def close(self) -> None:
        """End all streams and stalled requests; later requests fail. **Thread**: any."""
        self._closed.set()
        with self._lock:
            for stream in self._streams:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        self.check()

    def _open_streams(self) -> list[ByteStream]:
        return [stream for stream in self._streams if not stream.closed]

    def _next_answer(self, request: Request) -> Answer | None:
        path = unquote(urlsplit(request.url).path)
        with self._lock:
            if self._closed.is_set():
                raise TransportError("this transport has been closed")
            self.requests.append(request)
            for key, answers in self._table.items():
                if not _fits(key, request.method, path):
                    continue
                if not isinstance(answers, list):
                    return answers
                if answers:
                    return answers.pop(0)
        return None

    def _given(self, answer: Answer, request: Request) -> Response:
        if answer is stall:
            self._closed.wait(request.timeout_s)
            raise TransportError("no answer came, as scripted", timed_out=not self._closed.is_set())
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Response) else answer(request)


def _fits(key: Key, method: str, path: str) -> bool:
    if isinstance(key, tuple):
        return key[0] == method and path.rstrip("/").endswith(key[1].rstrip("/"))
    return key == route_name(method, path)
