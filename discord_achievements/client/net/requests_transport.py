"""The transport over `requests`; the only module that imports it.

It uses `requests`' adapter without its `Session`: a session reads the environment and netrc for each request, keeps
cookies, and reads the body of a redirect without a limit.

Nothing is tried twice here: the schedule repeats a first failure at once, which covers a kept connection that the
service has dropped in the meantime.
"""

from __future__ import annotations

import functools
import http.client
import os
import socket
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import should_bypass_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection

from ...domain.errors import TransportError
from . import happy_eyeballs
from .hosts import is_loopback
from .sockets import cut
from .strict_answer import StrictAnswer, StrictStreamAnswer
from .transport import MAX_BODY_BYTES, Request, Response

_DEFAULTS = {"User-Agent": "discord-achievements", "Accept": "*/*", "Accept-Encoding": "gzip"}
_CHUNK_BYTES = 64 * 1024
_WAKE_S = 1.0
_GZIP = 16 + zlib.MAX_WBITS
_FOREIGN = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    zlib.error,
    OSError,
    ValueError,
)
_Opened = Callable[[socket.socket], None]
_T = TypeVar("_T")


class RequestsTransport:
    """Sends over HTTP. The environment's proxies and certificate authorities are read once, by the constructor."""

    def __init__(self, *, user_agent: str = _DEFAULTS["User-Agent"]) -> None:
        self._headers = _DEFAULTS | {"User-Agent": user_agent}
        self._environment = _Environment()
        self._lock = threading.Lock()
        self._closed = False
        self._lines: weakref.WeakSet[_Line] = weakref.WeakSet()
        self._line = self._new_line(StrictAnswer)

    def send(self, request: Request) -> Response:
        """Return the whole answer. Raises `TransportError`. **Blocks** for at most three times the time-out."""
        return self._line.run(request, lambda: _whole(self._line.open(request, self._headers)))

    def open_stream(self, request: Request) -> _Stream:
        """Return the answer once its headers have arrived, on its own connection. Raises `TransportError`."""
        line = self._new_line(StrictStreamAnswer)
        # Compression on the other side could hold events back.
        headers = self._headers | {"Accept-Encoding": "identity"}

        def start() -> _Stream:
            answer = line.open(request, headers)
            if answer.status_code != 200:
                return _Stream(line, request, None, _whole(answer))
            return _Stream(line, request, answer, _response(answer, b""))

        try:
            return line.run(request, start)
        except TransportError:
            line.close()
            raise

    def close(self) -> None:
        """Cut all connections, for good; one that is still being opened ends by its time-out. **Thread**: any."""
        with self._lock:
            self._closed = True
            lines = list(self._lines)
        for line in lines:
            line.close()

    def _new_line(self, kind: type[StrictAnswer]) -> _Line:
        with self._lock:
            line = _Line(kind, self._environment)
            line.closed = self._closed
            self._lines.add(line)
            return line


class _Stream:
    """An answer that continues; `answer` is None if it was refused, and `response` then has all of it."""

    def __init__(self, line: _Line, request: Request, answer: requests.Response | None, response: Response) -> None:
        self.response = response
        self._line = line
        self._request = request
        self._answer = answer
        self._reading = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        try:
            while data := self._read():
                yield data
        except TransportError:
            if not self._line.closed:  # otherwise we ended it ourselves
                raise
        finally:
            self.close()

    def close(self) -> None:
        self._line.close()
        if not self._reading.acquire(timeout=_WAKE_S):
            return  # with a SOCKS proxy the reader may not have noticed yet; it closes the answer when it does
        try:
            if self._answer is not None:
                self._answer.close()
                self._answer = None
        finally:
            self._reading.release()

    def _read(self) -> bytes:
        with self._reading:
            if self._answer is None or self._line.closed:
                return b""
            raw = self._answer.raw
            # Whatever has arrived, not line by line: that is 2.5 times faster.
            return self._line.run(self._request, lambda: raw.read1(_CHUNK_BYTES, decode_content=True))


class _Line:
    """A pool of connections that any thread can cut: the pool for requests, or that of one stream."""

    def __init__(self, kind: type[StrictAnswer], environment: _Environment) -> None:
        self.closed = False
        self._environment = environment
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._adapter = _Adapter(self._add, kind)

    def open(self, request: Request, defaults: Mapping[str, str]) -> requests.Response:
        """Send a request and return its answer, body unread. Raises foreign exceptions: call it within `run`."""
        if name := _unsendable(request.headers):
            # http.client checks that too, but quotes the value, which may be a token.
            raise TransportError(f"the header {name} contains characters, such as a line break, that cannot be sent")
        headers = CaseInsensitiveDict(defaults)
        headers.update(request.headers)
        return self._adapter.send(
            _prepared(request, headers),
            stream=True,
            timeout=request.timeout_s,
            verify=self._environment.verify,
            proxies=self._environment.proxies(request.url),
        )

    def run(self, request: Request, action: Callable[[], _T]) -> _T:
        """Return what `action` returns; every failure in it becomes a `TransportError`."""
        if self.closed:
            raise TransportError("this transport has been closed")
        try:
            return action()
        except _FOREIGN as exc:
            error = _translated(exc, request, closed=self.closed)
        # Raised out here, without the foreign exception: its frames hold the headers, and so the token.
        raise error

    def close(self) -> None:
        with self._lock:
            self.closed = True
            sockets = list(self._sockets)
        for sock in sockets:
            cut(sock)
        self._adapter.close()  # the idle connections; those in use are closed by their threads, which are awake now

    def _add(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.add(sock)
            closed = self.closed
        if closed:
            cut(sock)


class _Environment:
    """The environment's proxies and certificate authorities, read once: reading them costs more than a request."""

    def __init__(self) -> None:
        self.verify: str | bool = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self._configured = getproxies()
        self._proxies: dict[str | None, dict[str, str]] = {}

    def proxies(self, url: str) -> dict[str, str]:
        """Return the proxies for `url`; none for this machine itself, whatever the environment says."""
        host = urlsplit(url).hostname
        if host not in self._proxies:
            direct = not self._configured or is_loopback(host or "") or should_bypass_proxies(url, no_proxy=None)
            self._proxies[host] = {} if direct else self._configured
        return self._proxies[host]


class _Plain(HTTPConnection):
    """Reports its socket as soon as it is connected."""

    def __init__(self, *args: Any, opened: _Opened, kind: type[StrictAnswer], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._opened = opened
        self.response_class = kind

    def _new_conn(self) -> socket.socket:
        # The place where botocore and others put their own connections too.
        try:
            return happy_eyeballs.connect(self._dns_host, self.port, self.timeout, self.socket_options or ())
        except socket.gaierror as exc:
            raise urllib3.exceptions.NameResolutionError(self.host, self, exc) from exc
        except TimeoutError as exc:
            raise urllib3.exceptions.ConnectTimeoutError(self, str(exc)) from exc
        except OSError as exc:
            raise urllib3.exceptions.NewConnectionError(self, str(exc)) from exc

    def connect(self) -> None:
        super().connect()
        self._opened(self.sock)


class _Tls(_Plain, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Tls


class _Adapter(HTTPAdapter):
    """Makes connections that can be cut: one kept for the service, one for the icons' host."""

    def __init__(self, opened: _Opened, kind: type[StrictAnswer]) -> None:
        # urllib3 passes arguments that a pool does not know on to its connections.
        extras: dict[str, Any] = {"opened": opened, "kind": kind}
        self._pools: Any = {
            "http": functools.partial(_PlainPool, **extras),
            "https": functools.partial(_TlsPool, **extras),
        }
        super().__init__(pool_connections=2, pool_maxsize=1)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith(
            "socks"
        ):  # SOCKS has connection classes of its own, which end by their time-out
            manager.pool_classes_by_scheme = self._pools
        return manager


def _prepared(request: Request, headers: CaseInsensitiveDict[str]) -> requests.PreparedRequest:
    # Request.prepare() would also look for cookies, files, parameters and hooks, and check a URL that has been checked
    # already. That holds the interpreter for a tenth of a millisecond, and the game waits for it.
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = request.url
    prepared.headers = headers
    prepared.body = request.body
    if request.body is not None:
        headers["Content-Length"] = str(len(request.body))
    return prepared


def _unsendable(headers: Mapping[str, str]) -> str | None:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            return name
    return None


def _whole(answer: requests.Response) -> Response:
    # If the length is known, urllib3 need not copy what it has read.
    amount = MAX_BODY_BYTES + 1
    if answer.raw.length_remaining is not None:
        amount = min(amount, answer.raw.length_remaining or 1)  # 0 would leave the connection in use
    with closing(answer):
        # In one go: almost all of it is waiting, without the lock. What is read after it is its end.
        body = answer.raw.read(amount, decode_content=False)
        while len(body) < amount and (more := answer.raw.read(amount - len(body), decode_content=False)):
            body += more
    if len(body) <= MAX_BODY_BYTES:
        body = _unpacked(body, answer.headers.get("content-encoding", "identity"))
    if len(body) > MAX_BODY_BYTES:
        raise TransportError(f"the answer from {_place(answer.url)} is larger than {MAX_BODY_BYTES} bytes")
    return _response(answer, body)


def _unpacked(body: bytes, coding: str) -> bytes:
    """Return a body as it was before it was compressed, or its first bytes if that is too large.

    urllib3 takes a compressed body that has lost its end for whole, and unpacks what it has read without a limit.
    """
    if coding.strip().lower() == "identity":
        return body
    if coding.strip().lower() not in ("gzip", "x-gzip"):
        raise ValueError(f"its body is compressed as {coding!r:.40}, which was not asked for")
    unpacked = b""
    while body and len(unpacked) <= MAX_BODY_BYTES:
        unpacker = zlib.decompressobj(_GZIP)
        unpacked += unpacker.decompress(body, MAX_BODY_BYTES + 1 - len(unpacked))
        if not unpacker.eof and len(unpacked) <= MAX_BODY_BYTES:
            raise ValueError("its compressed body is cut off")
        body = unpacker.unused_data  # several may follow one another: RFC 1952, section 2.2
    return unpacked


def _response(answer: requests.Response, body: bytes) -> Response:
    return Response(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)


def _translated(exc: BaseException, request: Request, *, closed: bool) -> TransportError:
    place = _place(request.url)
    if closed:
        return TransportError(f"the request to {place} was cancelled: this transport has been closed")
    if isinstance(exc, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return TransportError(f"no whole answer from {place} within {request.timeout_s:g} s", timed_out=True)
    reason = _reason(exc)
    if isinstance(exc, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        advice = "check its certificate and this machine's clock"
        return TransportError(f"no trusted TLS connection to {place}: {reason}; {advice}")
    return TransportError(f"no answer from {place}: {reason}")


def _reason(exc: BaseException) -> str:
    """Return the system's own message, which `requests` and urllib3 wrap in theirs."""
    cause: BaseException = exc
    deeper: BaseException | None = exc
    while deeper is not None:
        if isinstance(deeper, OSError | http.client.HTTPException):
            cause = deeper
        deeper = deeper.__cause__ or deeper.__context__
    return (str(cause) or type(cause).__name__)[:200]


def _place(url: str) -> str:
    try:
        # Without a user name or password in front of the host.
        return urlsplit(url).netloc.rpartition("@")[2] or "an address without a host"
    except ValueError:
        return "an address that is no URL"
