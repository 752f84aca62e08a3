"""What is particular to the transport over `requests`: secrets, limits, proxies, TLS, and being cut off."""

from __future__ import annotations

import gc
import gzip
import io
import logging
import math
import os
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from discord_achievements.client.net.requests_transport import RequestsTransport
from discord_achievements.client.net.transport import MAX_BODY_BYTES, Request, Response
from discord_achievements.domain import routes
from discord_achievements.domain.errors import TransportError
from discord_achievements.testing import ByteStream, FakeService, Fault, FaultServer
from tests.support.waiting import until

APP = 461618159171141643
LIST = routes.GET_USER_ACHIEVEMENTS.path(application_id=APP)
EVENTS = routes.USER_ACHIEVEMENT_EVENTS.path(application_id=APP)
TOKEN = "s3cr3t-t0k3n"
CERTIFICATE = Path(__file__).with_name("localhost.pem")
SOON_S = 5.0
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No proxy and no certificate authority except what a test sets."""
    for name in (*PROXY_VARIABLES, "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    threads = threading.active_count()
    with ExitStack() as stack:
        yield stack
    assert threading.active_count() == threads
    gc.collect()  # a socket that was left open would warn now, and warnings are errors


@pytest.fixture
def service() -> FakeService:
    service = FakeService(APP)
    service.fill(10)
    service.add_player(TOKEN, 1)
    return service


@pytest.fixture
def server(service: FakeService, stack: ExitStack) -> FaultServer:
    return stack.enter_context(FaultServer(service))


@pytest.fixture
def new_transport(stack: ExitStack) -> Callable[[], RequestsTransport]:
    """Return a function, since a transport looks at the environment when it is made."""

    def new() -> RequestsTransport:
        transport = RequestsTransport()
        stack.callback(transport.close)
        return transport

    return new


@pytest.fixture
def transport(new_transport: Callable[[], RequestsTransport]) -> RequestsTransport:
    return new_transport()


class RawServer:
    """Sends the same bytes to every client, then closes the connection or, if asked to, keeps it open."""

    def __init__(self, answer: bytes, *, stays: bool = False) -> None:
        self._answer = answer
        self._stays = stays
        self._connections: list[socket.socket] = []
        self.received = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        self._connections.append(connection)
        while b"\r\n\r\n" not in self.received:
            data = connection.recv(65536)
            if not data:
                return
            self.received += data
        try:
            connection.sendall(self._answer)
        except OSError:
            return  # the client has closed the connection
        if not self._stays:
            connection.close()

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()
        for connection in self._connections:
            connection.close()


def get(base_url: str, path: str = LIST, timeout_s: float = 5.0, token: str = TOKEN) -> Request:
    return Request("GET", base_url + path, {"Authorization": f"Bearer {token}"}, timeout_s=timeout_s)


def everything_about(error: BaseException) -> str:
    """Return everything that a log, a crash reporter with local variables or a debugger could show of an error."""
    # Only the transport's own frames matter; this test's frames are full of tokens.
    stack = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    frames = [(frame.line, frame.locals) for frame in stack if frame.filename != __file__]
    assert frames
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    return repr((frames, [(each, each.args, vars(each)) for each in chain]))


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.HANG_UP, Fault.STALL, Fault.CUT_BODY, Fault.DRIP])
def test_no_token_in_what_goes_wrong(
    server: FaultServer, transport: RequestsTransport, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.fail(fault)
    request = get(server.base_url, timeout_s=0.2)
    with pytest.raises(TransportError) as caught:
        transport.send(request)
    server.heal()
    server.fail(Fault.DROP_STREAM)
    stream_request = get(server.base_url, EVENTS)
    stream = transport.open_stream(stream_request)
    with pytest.raises(TransportError) as caught_of_stream:
        list(stream)
    logging.getLogger("a game").error("it failed", exc_info=caught.value)
    for error in (caught.value, caught_of_stream.value):
        assert TOKEN not in everything_about(error)
        assert error.__cause__ is None
        assert error.__context__ is None
    for shown in (caplog.text, repr(request), repr(stream_request), repr(stream), repr(transport)):
        assert TOKEN not in shown


@pytest.mark.parametrize("token", [f"{TOKEN}\nX-Evil: 1", f"{TOKEN}\r\n", f" {TOKEN}\0", f"{TOKEN}…"])
def test_a_token_that_cannot_be_sent_is_not_quoted(
    server: FaultServer, transport: RequestsTransport, token: str
) -> None:
    with pytest.raises(TransportError, match="Authorization") as caught:
        transport.send(get(server.base_url, token=token))
    assert TOKEN not in everything_about(caught.value)
    assert not server.requests


@pytest.mark.parametrize("url", ["http://", "nonsense", "ftp://example.invalid/x", "http://[::1/x", "http://a b/"])
def test_an_address_that_cannot_be_used(transport: RequestsTransport, url: str) -> None:
    with pytest.raises(TransportError):
        transport.send(Request("GET", url))


def test_a_user_name_in_the_address_is_not_shown(transport: RequestsTransport) -> None:
    with pytest.raises(TransportError) as caught:
        transport.send(Request("GET", "http://name:password@127.0.0.1:1/x"))
    assert "password" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)


def test_defaults_give_way_to_the_requests_own_headers(stack: ExitStack, transport: RequestsTransport) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    raw = stack.enter_context(RawServer(answer))
    transport.send(Request("GET", raw.base_url, {"user-agent": "a game/1.0"}))
    assert raw.received.lower().count(b"user-agent:") == 1
    assert b"user-agent: a game/1.0\r\n" in raw.received.lower()
    assert b"gzip" in raw.received


def test_a_connection_is_kept(server: FaultServer, transport: RequestsTransport) -> None:
    # Statuses whose answers end in different ways: with a body, without one, an error with one.
    connections: set[threading.Thread] = set()
    etag = transport.send(get(server.base_url)).headers["etag"]
    for headers in ({}, {"If-None-Match": etag}, {"Authorization": "Bearer wrong"}, {}):
        request = get(server.base_url)
        transport.send(Request("GET", request.url, {**request.headers, **headers}))
        connections |= {thread for thread in threading.enumerate() if thread.name == "fault server connection"}
    assert len(connections) == 1


def test_a_kept_connection_that_died_is_replaced(server: FaultServer, transport: RequestsTransport) -> None:
    assert transport.send(get(server.base_url)).status == 200
    server.go_down()
    server.come_back()
    assert transport.send(get(server.base_url)).status == 200


def test_a_compressed_answer_is_read(service: FakeService, stack: ExitStack, transport: RequestsTransport) -> None:
    service.fill(100)
    server = stack.enter_context(FaultServer(service, compress=True))
    response = transport.send(get(server.base_url))
    assert response.headers["content-encoding"] == "gzip"
    assert response.body.startswith(b"[{")
    assert response.body.endswith(b"}]")


def bomb() -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(2 * MAX_BODY_BYTES // 1_000_000 + 1):
            file.write(bytes(1_000_000))
    return packed.getvalue()


def with_length(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body])


def chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def until_close(body: bytes) -> bytes:
    return b"HTTP/1.0 200 OK\r\n\r\n" + body


@pytest.mark.parametrize("frame", [with_length, chunked, until_close])
@pytest.mark.parametrize("size", [0, 1, 500_000])
def test_a_body_of_any_framing_is_whole(
    stack: ExitStack, transport: RequestsTransport, frame: Callable[[bytes], bytes], size: int
) -> None:
    if size == 0 and frame is chunked:
        size = 2  # an empty chunk is the end
    raw = stack.enter_context(RawServer(frame(b"x" * size)))
    assert transport.send(get(raw.base_url)).body == b"x" * size


@pytest.mark.parametrize("frame", [with_length, chunked, until_close])
@pytest.mark.parametrize("excess", [0, 1])
def test_a_body_has_a_limit(
    stack: ExitStack, transport: RequestsTransport, frame: Callable[[bytes], bytes], excess: int
) -> None:
    raw = stack.enter_context(RawServer(frame(bytes(MAX_BODY_BYTES + excess))))
    if not excess:
        assert len(transport.send(get(raw.base_url)).body) == MAX_BODY_BYTES
        return
    with pytest.raises(TransportError, match="larger than 16777216 bytes"):
        transport.send(get(raw.base_url))


def test_the_limit_holds_for_what_is_unpacked(stack: ExitStack, transport: RequestsTransport) -> None:
    raw = stack.enter_context(RawServer(with_length(bomb(), b"Content-Encoding: gzip")))
    with pytest.raises(TransportError, match="larger than 16777216 bytes"):
        transport.send(get(raw.base_url))


PACKED = gzip.compress(b"[]" + b" " * 1000, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", b"not gzip at all"),
        (b"gzip", PACKED[:-1]),
        (b"gzip", PACKED[:-8]),
        (b"gzip", PACKED[:12]),
        (b"gzip", PACKED + PACKED[:-1]),
        (b"gzip", PACKED + b"more"),
        (b"br", b"[]"),
        (b"gzip, gzip", PACKED),
    ],
)
def test_a_body_that_cannot_be_unpacked_to_its_end(
    stack: ExitStack, transport: RequestsTransport, coding: bytes, body: bytes
) -> None:
    raw = stack.enter_context(RawServer(with_length(body, b"Content-Encoding: " + coding)))
    with pytest.raises(TransportError):
        transport.send(get(raw.base_url))


@pytest.mark.parametrize(
    ("coding", "body", "unpacked"),
    [
        (b"gzip", PACKED, gzip.decompress(PACKED)),
        (b"GZIP", PACKED + PACKED, gzip.decompress(PACKED) * 2),
        (b"x-gzip", PACKED, gzip.decompress(PACKED)),
        (b"gzip", b"", b""),
        (b"identity", b"[]", b"[]"),
    ],
)
def test_a_body_is_unpacked(
    stack: ExitStack, transport: RequestsTransport, coding: bytes, body: bytes, unpacked: bytes
) -> None:
    raw = stack.enter_context(RawServer(with_length(body, b"Content-Encoding: " + coding)))
    assert transport.send(get(raw.base_url)).body == unpacked


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_not_http_or_not_whole(stack: ExitStack, transport: RequestsTransport, answer: bytes) -> None:
    raw = stack.enter_context(RawServer(answer))
    with pytest.raises(TransportError):
        transport.send(get(raw.base_url))


def test_a_redirect_with_a_body_too_large_is_not_read_to_its_end(
    stack: ExitStack, transport: RequestsTransport
) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\n\r\n"
    raw = stack.enter_context(RawServer(head + bytes(MAX_BODY_BYTES + 1)))
    with pytest.raises(TransportError, match="larger"):
        transport.send(get(raw.base_url))


@pytest.mark.parametrize("path", [LIST, EVENTS])
def test_an_answer_that_drips_ends_within_three_time_outs(
    service: FakeService, stack: ExitStack, transport: RequestsTransport, path: str
) -> None:
    timeout_s = 0.3
    server = stack.enter_context(FaultServer(service, drip_s=timeout_s / 3))
    server.fail(Fault.DRIP, route="get_user_achievements")
    server.fail(Fault.DRIP, route="user_achievement_events")
    began = time.monotonic()
    with pytest.raises(TransportError) as caught:
        (transport.send if path == LIST else transport.open_stream)(get(server.base_url, path, timeout_s))
    assert caught.value.timed_out
    assert timeout_s < time.monotonic() - began < 3 * timeout_s + 0.2


class Talkative(FakeService):
    """Its event streams send nothing but comments, every `every_s` seconds."""

    every_s = math.inf

    def open_events(self, request: Request) -> ByteStream:
        return ByteStream(Response(200), comment_every_s=self.every_s)


def test_a_stream_may_take_longer_than_any_answer(stack: ExitStack, transport: RequestsTransport) -> None:
    timeout_s = 0.2
    service = Talkative(APP)
    service.every_s = timeout_s / 4
    server = stack.enter_context(FaultServer(service))
    began = time.monotonic()
    stream = transport.open_stream(get(server.base_url, EVENTS, timeout_s))
    comments = iter(stream)
    while time.monotonic() - began < 4 * timeout_s:
        assert next(comments).startswith(b":")
    stream.close()


def test_close_ends_a_stalled_request_long_before_its_time_out(
    server: FaultServer, transport: RequestsTransport
) -> None:
    server.fail(Fault.STALL)
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(transport.send, get(server.base_url, timeout_s=600.0))
        until(lambda: server.requests, "the request has arrived")
        began = time.monotonic()
        transport.close()
        with pytest.raises(TransportError, match="closed") as caught:
            waiting.result(SOON_S)
    assert not caught.value.timed_out
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"])
def test_close_ends_a_request_at_any_point_of_its_answer(
    stack: ExitStack, transport: RequestsTransport, sent: bytes
) -> None:
    raw = stack.enter_context(RawServer(sent, stays=True))
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(transport.send, get(raw.base_url, timeout_s=600.0))
        until(lambda: b"\r\n\r\n" in raw.received, "the request has arrived")
        transport.close()
        with pytest.raises(TransportError, match="closed"):
            waiting.result(SOON_S)


def test_close_ends_a_stream_that_has_not_been_answered_yet(stack: ExitStack, transport: RequestsTransport) -> None:
    raw = stack.enter_context(RawServer(b"", stays=True))
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(transport.open_stream, get(raw.base_url, EVENTS, timeout_s=600.0))
        until(lambda: b"\r\n\r\n" in raw.received, "the request has arrived")
        transport.close()
        with pytest.raises(TransportError, match="closed"):
            waiting.result(SOON_S)


def test_a_stream_without_length_over_a_closing_connection_can_be_closed(
    stack: ExitStack, transport: RequestsTransport
) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n"
    raw = stack.enter_context(RawServer(head, stays=True))
    stream = transport.open_stream(get(raw.base_url, EVENTS, timeout_s=600.0))
    chunks = iter(stream)
    assert next(chunks) == b": hello\n\n"
    with ThreadPoolExecutor(1) as executor:
        rest = executor.submit(list, chunks)
        stream.close()
        assert rest.result(SOON_S) == []


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    server: FaultServer, environment: pytest.MonkeyPatch, new_transport: Callable[[], RequestsTransport]
) -> None:
    proxy = server.base_url.removesuffix("/api/v10")
    environment.setenv("http_proxy", proxy)
    transport = new_transport()
    # The fault server looks at the path only, so as a proxy it answers for any host.
    assert transport.send(get("http://far-away.invalid/api/v10")).status == 200

    environment.setenv("http_proxy", "http://127.0.0.1:1")
    transport = new_transport()
    with pytest.raises(TransportError):
        transport.send(get("http://far-away.invalid/api/v10"))
    for host in ("127.0.0.1", "localhost"):
        assert transport.send(get(server.base_url.replace("127.0.0.1", host))).status == 200


def test_the_environment_is_read_once(
    server: FaultServer, environment: pytest.MonkeyPatch, new_transport: Callable[[], RequestsTransport]
) -> None:
    environment.setenv("http_proxy", server.base_url.removesuffix("/api/v10"))
    transport = new_transport()
    environment.setenv("http_proxy", "http://127.0.0.1:1")
    environment.setenv("REQUESTS_CA_BUNDLE", os.devnull)
    assert transport.send(get("http://far-away.invalid/api/v10")).status == 200


def test_no_proxy_is_obeyed(
    server: FaultServer, environment: pytest.MonkeyPatch, new_transport: Callable[[], RequestsTransport]
) -> None:
    environment.setenv("http_proxy", server.base_url.removesuffix("/api/v10"))
    environment.setenv("no_proxy", ".far-away.invalid,192.0.2.0/24")
    transport = new_transport()
    for host in ("api.far-away.invalid", "192.0.2.1"):
        with pytest.raises(TransportError):
            transport.send(get(f"http://{host}/api/v10", timeout_s=0.2))
    assert not server.requests


def test_a_stalled_proxy_can_be_cut_off(
    stack: ExitStack, environment: pytest.MonkeyPatch, new_transport: Callable[[], RequestsTransport]
) -> None:
    raw = stack.enter_context(RawServer(b"", stays=True))
    environment.setenv("http_proxy", raw.base_url)
    transport = new_transport()
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(transport.send, get("http://far-away.invalid", timeout_s=600.0))
        until(lambda: b"\r\n\r\n" in raw.received, "the request has arrived")
        transport.close()
        with pytest.raises(TransportError, match="closed"):
            waiting.result(SOON_S)


def test_netrc_is_not_used(
    stack: ExitStack, environment: pytest.MonkeyPatch, tmp_path: Path, new_transport: Callable[[], RequestsTransport]
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password s3cr3t\n")
    netrc.chmod(0o600)
    environment.setenv("NETRC", str(netrc))
    raw = stack.enter_context(RawServer(with_length(b"")))
    new_transport().send(Request("GET", raw.base_url))
    assert b"authorization" not in raw.received.lower()


@pytest.fixture
def tls_server(service: FakeService, stack: ExitStack) -> FaultServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return stack.enter_context(FaultServer(service, ssl_context=context))


def test_an_untrusted_certificate_is_refused(tls_server: FaultServer, transport: RequestsTransport) -> None:
    with pytest.raises(TransportError, match=r"TLS.*certificate verify failed"):
        transport.send(get(tls_server.base_url))
    with pytest.raises(TransportError, match="TLS"):
        transport.open_stream(get(tls_server.base_url, EVENTS))
    assert not tls_server.requests


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_may_name_a_certificate_authority(
    tls_server: FaultServer,
    environment: pytest.MonkeyPatch,
    new_transport: Callable[[], RequestsTransport],
    variable: str,
) -> None:
    environment.setenv(variable, str(CERTIFICATE))
    transport = new_transport()
    assert transport.send(get(tls_server.base_url)).status == 200
    chunks = iter(transport.open_stream(get(tls_server.base_url, EVENTS)))
    assert next(chunks) == b"retry: 5000\n\n"


def test_a_certificate_for_another_host_is_refused(
    tls_server: FaultServer, environment: pytest.MonkeyPatch, new_transport: Callable[[], RequestsTransport]
) -> None:
    environment.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with pytest.raises(TransportError, match="TLS"):
        new_transport().send(get(tls_server.base_url.replace("127.0.0.1", "localhost")))


def test_a_bundle_that_does_not_exist_is_named(
    tls_server: FaultServer, environment: pytest.MonkeyPatch, new_transport: Callable[[], RequestsTransport]
) -> None:
    environment.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    with pytest.raises(TransportError, match=r"/no/such/bundle\.pem"):
        new_transport().send(get(tls_server.base_url))


def test_close_ends_stalled_tls_too(
    tls_server: FaultServer, environment: pytest.MonkeyPatch, new_transport: Callable[[], RequestsTransport]
) -> None:
    environment.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    transport = new_transport()
    tls_server.fail(Fault.STALL)
    stream = transport.open_stream(get(tls_server.base_url, EVENTS, timeout_s=600.0))
    with ThreadPoolExecutor(2) as executor:
        rest = executor.submit(list, stream)
        waiting = executor.submit(transport.send, get(tls_server.base_url, timeout_s=600.0))
        until(lambda: tls_server.requests.total() == 2, "both requests have arrived")
        transport.close()
        with pytest.raises(TransportError, match="closed"):
            waiting.result(SOON_S)
        assert b"".join(rest.result(SOON_S)) in (b"", b"retry: 5000\n\n")
