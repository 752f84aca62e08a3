"""What the transport makes of a connection: which bytes answer which request, and which address of a host is used."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import Any

import pytest

from discord_achievements.client.net.happy_eyeballs import Address, in_turns
from discord_achievements.client.net.requests_transport import RequestsTransport
from discord_achievements.client.net.transport import Request
from discord_achievements.domain.errors import TransportError
from tests.support.waiting import until

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nX-Long: " + b"x" * 200 + b"\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


class Echo:
    """A server whose answer to a request is its path, with other bytes `before` and `after` it.

    The first answer is `first`, if that is given. Its bytes `late` come once the next request has been sent.
    """

    def __init__(
        self,
        *,
        before: bytes = b"",
        after: bytes = b"",
        status: bytes = b"200 OK",
        first: bytes = b"",
        late: bytes = b"",
    ) -> None:
        self._before, self._after, self._status = before, after, status
        self._first, self._late = first, late
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while head := connection.recv(65536):
                path = head.split()[1]
                if self._first:
                    connection.sendall(self._first)
                    self._first = b""
                    if connection.recv(65536):
                        connection.sendall(self._late)
                        return
                else:
                    connection.sendall(self._before + answer(path, self._status) + self._after)
        except OSError:
            pass  # the client has closed the connection

    def __enter__(self) -> Echo:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread in accept() is not woken by close() everywhere.
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            with closing(connection), suppress(OSError):  # the client may have cut it already
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def transport(stack: ExitStack) -> RequestsTransport:
    transport = RequestsTransport()
    stack.callback(transport.close)
    return transport


def get(transport: RequestsTransport, url: str, timeout_s: float = 5.0) -> tuple[int, bytes]:
    response = transport.send(Request("GET", url, timeout_s=timeout_s))
    return response.status, response.body


@pytest.mark.parametrize("before", [HINTS, CONTINUE, PROCESSING, HINTS * 3 + CONTINUE + PROCESSING, HINTS * 20])
@pytest.mark.parametrize("status", [b"200 OK", b"503 Service Unavailable"])
def test_interim_answers_are_skipped(
    stack: ExitStack, transport: RequestsTransport, before: bytes, status: bytes
) -> None:
    server = stack.enter_context(Echo(before=before, status=status))
    for path in ("/1", "/2"):
        assert get(transport, server.base_url + path) == (int(status[:3]), path.encode())


@pytest.mark.parametrize("before", [HINTS * 21, CONTINUE * 100])
def test_interim_answers_have_a_bound(stack: ExitStack, transport: RequestsTransport, before: bytes) -> None:
    server = stack.enter_context(Echo(before=before))
    with pytest.raises(TransportError, match="interim"):
        get(transport, server.base_url + "/1")


@pytest.mark.parametrize(
    "after",
    [
        b"\r\n",
        b"HTTP",
        answer(b"{}"),
        answer(b"{}") * 2000,  # more than any buffer takes in at once
        answer(b"", b"408 Request Timeout"),
        HINTS,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    ],
)
def test_surplus_bytes_do_not_answer_the_next_request(
    stack: ExitStack, transport: RequestsTransport, after: bytes
) -> None:
    server = stack.enter_context(Echo(after=after))
    for path in ("/1", "/2", "/3"):
        assert get(transport, server.base_url + path) == (200, path.encode())


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 40\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 40\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        answer(b"{}", b"500 Internal Server Error"),
        answer(b"", b"302 Found"),
    ],
)
def test_what_comes_late_does_not_answer_the_next_request(
    stack: ExitStack, transport: RequestsTransport, first: bytes
) -> None:
    server = stack.enter_context(Echo(first=first, late=answer(b"of the first request")))
    get(transport, server.base_url + "/1")
    assert get(transport, server.base_url + "/2") == (200, b"/2")


# Addresses


@pytest.fixture
def dead(stack: ExitStack) -> tuple[str, int]:
    """An address where connections are neither accepted nor refused: its queue is full."""
    listener = stack.enter_context(socket.create_server(("127.0.0.2", 0), backlog=0))
    address = listener.getsockname()[:2]
    for _ in range(3):
        sock = stack.enter_context(socket.socket())
        sock.setblocking(False)
        sock.connect_ex(address)
    return str(address[0]), int(address[1])


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_an_address_that_does_not_answer_costs_a_moment(
    stack: ExitStack, transport: RequestsTransport, dead: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stack.enter_context(Echo())
    port = int(server.base_url.rpartition(":")[2])
    resolve_to(monkeypatch, dead, ("127.0.0.1", port))
    began = time.monotonic()
    assert get(transport, "http://game.invalid/1", timeout_s=20.0) == (200, b"/1")
    assert time.monotonic() - began < 5.0, "it is the second address that answers, long before the first one's time-out"


def test_an_address_that_refuses_costs_nothing(
    stack: ExitStack, transport: RequestsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()
    server = stack.enter_context(Echo())
    resolve_to(monkeypatch, refusing, refusing, ("127.0.0.1", int(server.base_url.rpartition(":")[2])))
    assert get(transport, "http://game.invalid/1") == (200, b"/1")


def test_if_no_address_answers_the_error_says_why(
    transport: RequestsTransport, dead: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()
    resolve_to(monkeypatch, refusing, refusing)
    with pytest.raises(TransportError, match="refused") as refused:
        get(transport, "http://game.invalid/1")
    assert not refused.value.timed_out
    resolve_to(monkeypatch, dead, dead)
    with pytest.raises(TransportError) as late:
        get(transport, "http://game.invalid/1", timeout_s=0.5)
    assert late.value.timed_out


def test_families_take_turns_and_the_first_stays_first() -> None:
    address = partial(Address, kind=socket.SOCK_STREAM, protocol=0, canonical_name="")
    six = [address(family=socket.AF_INET6, address=(f"::{number}", 80)) for number in range(3)]
    four = [address(family=socket.AF_INET, address=(f"127.0.0.{number}", 80)) for number in range(2)]
    assert in_turns([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert in_turns([*four, *six]) == [four[0], six[0], four[1], six[1], six[2]]


def test_no_socket_is_left_open(
    stack: ExitStack, transport: RequestsTransport, dead: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stack.enter_context(Echo())
    made: list[socket.socket] = []

    class Counted(socket.socket):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            if threading.current_thread() is threading.main_thread():
                made.append(self)

    resolve_to(monkeypatch, dead, dead, ("127.0.0.1", int(server.base_url.rpartition(":")[2])))
    monkeypatch.setattr(socket, "socket", Counted)
    get(transport, "http://game.invalid/1")
    transport.close()
    assert len(made) == 3
    until(lambda: all(one.fileno() == -1 for one in made), "every socket is closed")
