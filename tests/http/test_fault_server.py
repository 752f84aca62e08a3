"""Every fault of the fault server, as the real transport sees it."""

from __future__ import annotations

import gc
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from discord_achievements.client.net.requests_transport import RequestsTransport
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain import routes
from discord_achievements.domain.errors import TransportError
from discord_achievements.testing import FakeService, Fault, FaultServer
from tests.support.waiting import until

APP = 461618159171141643
WIN = 580159119969878046
USER = 53908232506183680
LIST = routes.GET_USER_ACHIEVEMENTS.path(application_id=APP)
EVENTS = routes.USER_ACHIEVEMENT_EVENTS.path(application_id=APP)
UPDATE = routes.UPDATE_USER_ACHIEVEMENT.path(user_id="@me", application_id=APP, achievement_id=WIN)
SOON_S = 5.0


@pytest.fixture
def service() -> FakeService:
    service = FakeService(APP)
    service.add_achievement(WIN, "Win the Game")
    service.add_player("player", USER)
    return service


@pytest.fixture
def server(service: FakeService) -> Iterator[FaultServer]:
    threads = threading.active_count()
    with FaultServer(service) as server:
        yield server
    assert threading.active_count() == threads
    gc.collect()  # a socket that was left open would warn now, and warnings are errors


@pytest.fixture
def transport(server: FaultServer) -> Iterator[RequestsTransport]:
    transport = RequestsTransport()
    yield transport
    transport.close()


def get(server: FaultServer, path: str = LIST, timeout_s: float = 5.0) -> Request:
    return Request("GET", server.base_url + path, {"Authorization": "Bearer player"}, timeout_s=timeout_s)


def put(server: FaultServer, percent: int, timeout_s: float = 5.0) -> Request:
    headers = {"Authorization": "Bearer player", "Content-Type": "application/json"}
    body = json.dumps({"percent_complete": percent}).encode()
    return Request("PUT", server.base_url + UPDATE, headers, body, timeout_s)


def percent(service: FakeService) -> int:
    return service.progress(USER)[WIN].percent if service.progress(USER) else 0


ANSWERED = {
    Fault.UNAUTHORIZED: (401, 0),
    Fault.NOT_AUTHORIZED: (403, 20012),
    Fault.FORBIDDEN: (403, 50013),
    Fault.UNKNOWN_ACHIEVEMENT: (404, 990001),
    Fault.WRONG_VERSION: (400, 50041),
    Fault.GONE: (410, 0),
    Fault.RATE_LIMITED: (429, None),
    Fault.RATE_LIMITED_SILENT: (429, None),
    Fault.INTERNAL_ERROR: (500, 0),
    Fault.UNAVAILABLE: (503, None),
    Fault.UNAVAILABLE_FOR: (503, None),
    Fault.HTML: (200, None),
    Fault.INVALID_JSON: (200, None),
    Fault.REDIRECT: (302, None),
}
UNANSWERED = {Fault.REFUSE, Fault.HANG_UP, Fault.STALL, Fault.CUT_BODY, Fault.DRIP}
OF_STREAMS = {Fault.DROP_STREAM, Fault.REFUSE_STREAM}


def test_no_fault_is_left_out() -> None:
    assert set(ANSWERED) | UNANSWERED | OF_STREAMS == set(Fault)


@pytest.mark.parametrize("fault", ANSWERED)
def test_a_fault_with_an_answer(server: FaultServer, transport: RequestsTransport, fault: Fault) -> None:
    server.fail(fault)
    response = transport.send(put(server, 40))
    status, code = ANSWERED[fault]
    assert response.status == status
    if code is not None:
        assert json.loads(response.body)["code"] == code
    assert percent(server.service) == 0
    assert transport.send(put(server, 40)).status == 200
    assert percent(server.service) == 40


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.UNAVAILABLE_FOR])
def test_a_fault_with_a_retry_after(service: FakeService, transport: RequestsTransport, fault: Fault) -> None:
    with FaultServer(service, retry_after_s=7) as server:
        server.fail(fault)
        assert transport.send(put(server, 1)).headers["retry-after"] == "7"


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED_SILENT, Fault.UNAVAILABLE])
def test_a_fault_that_does_not(server: FaultServer, transport: RequestsTransport, fault: Fault) -> None:
    server.fail(fault)
    assert "retry-after" not in transport.send(put(server, 1)).headers


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.INVALID_JSON])
def test_a_success_that_is_not_json_cannot_be_read(
    server: FaultServer, transport: RequestsTransport, fault: Fault
) -> None:
    server.fail(fault)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(transport.send(get(server)).body)


def test_a_redirect_is_not_followed(server: FaultServer, transport: RequestsTransport) -> None:
    server.fail(Fault.REDIRECT)
    response = transport.send(get(server))
    assert response.headers["location"] == "http://sign-in.invalid/"
    assert response.body == b"moved"
    assert server.requests.total() == 1


@pytest.mark.parametrize("fault", [Fault.HANG_UP, Fault.STALL])
def test_a_fault_before_the_service_has_done_it(
    server: FaultServer, transport: RequestsTransport, fault: Fault
) -> None:
    server.fail(fault)
    with pytest.raises(TransportError) as caught:
        transport.send(put(server, 40, timeout_s=0.2))
    assert caught.value.timed_out is (fault is Fault.STALL)
    assert percent(server.service) == 0


@pytest.mark.parametrize("fault", [Fault.CUT_BODY, Fault.DRIP])
def test_a_fault_after_the_service_has_done_it(server: FaultServer, transport: RequestsTransport, fault: Fault) -> None:
    server.fail(fault)
    with pytest.raises(TransportError) as caught:
        transport.send(put(server, 40, timeout_s=0.2))
    assert caught.value.timed_out is (fault is Fault.DRIP)
    assert percent(server.service) == 40


def test_down_is_refused_and_back_at_the_same_address(server: FaultServer, transport: RequestsTransport) -> None:
    address = server.base_url
    assert transport.send(get(server)).status == 200
    for end in (server.come_back, server.heal):
        server.fail(Fault.REFUSE)
        server.go_down()
        with pytest.raises(TransportError, match=r"refused|10061"):
            transport.send(get(server))
        with pytest.raises(TransportError):
            transport.open_stream(get(server, EVENTS))
        end()
        end()
        assert server.base_url == address
        assert transport.send(get(server)).status == 200


def test_while_it_is_down_no_other_program_gets_its_port(server: FaultServer) -> None:
    server.go_down()
    with socket.socket() as other, pytest.raises(OSError, match=r"in use|10048|10013"):
        other.bind(("127.0.0.1", urlsplit(server.base_url).port))


def test_faults_happen_in_order_and_as_often_as_asked(server: FaultServer, transport: RequestsTransport) -> None:
    server.fail(Fault.INTERNAL_ERROR, times=2)
    server.fail(Fault.GONE)
    assert [transport.send(get(server)).status for _ in range(4)] == [500, 500, 410, 200]
    server.fail(Fault.UNAVAILABLE, times=None)
    assert {transport.send(get(server)).status for _ in range(5)} == {503}
    server.heal()
    assert transport.send(get(server)).status == 200


def test_a_fault_may_be_for_some_requests_only(server: FaultServer, transport: RequestsTransport) -> None:
    server.fail(Fault.INTERNAL_ERROR, method="PUT")
    server.fail(Fault.GONE, route="get_user_achievements")
    assert [transport.send(get(server)).status for _ in range(2)] == [410, 200]
    assert [transport.send(put(server, 1)).status for _ in range(2)] == [500, 200]


def test_the_stream_fails_only_when_it_is_meant(server: FaultServer, transport: RequestsTransport) -> None:
    server.fail(Fault.INTERNAL_ERROR)
    server.fail(Fault.UNAUTHORIZED, route="user_achievement_events")
    assert [transport.open_stream(get(server, EVENTS)).response.status for _ in range(2)] == [401, 200]
    assert transport.send(get(server)).status == 500


def test_a_stream_that_breaks_at_once(server: FaultServer, transport: RequestsTransport) -> None:
    server.fail(Fault.DROP_STREAM)
    stream = transport.open_stream(get(server, EVENTS))
    assert stream.response.status == 200
    with pytest.raises(TransportError):
        list(stream)
    assert next(iter(transport.open_stream(get(server, EVENTS)))) == b"retry: 5000\n\n"


def test_streams_break_while_requests_continue(server: FaultServer, transport: RequestsTransport) -> None:
    streams = [iter(transport.open_stream(get(server, EVENTS))) for _ in range(2)]
    for stream in streams:
        next(stream)
    server.drop_streams()
    for stream in streams:
        with pytest.raises(TransportError):
            next(stream)
    assert transport.send(get(server)).status == 200


def test_a_stalled_request_is_let_go_when_healed(server: FaultServer, transport: RequestsTransport) -> None:
    server.fail(Fault.STALL)
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(transport.send, get(server, timeout_s=60.0))
        until(lambda: server.requests, "the request has arrived")
        server.heal()
        with pytest.raises(TransportError) as caught:
            waiting.result(SOON_S)
    assert not caught.value.timed_out


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.DRIP, None])
def test_closing_the_server_leaves_no_client_waiting(
    service: FakeService, transport: RequestsTransport, fault: Fault | None
) -> None:
    server = FaultServer(service, drip_s=60.0)
    if fault:
        server.fail(fault)
    with ThreadPoolExecutor(2) as executor:
        stream = executor.submit(lambda: list(transport.open_stream(get(server, EVENTS, timeout_s=60.0))))
        request = executor.submit(transport.send, get(server, timeout_s=60.0))
        until(lambda: server.requests.total() == 2, "both requests have arrived")
        server.close()
        with pytest.raises(TransportError):
            stream.result(SOON_S)
        if fault:
            with pytest.raises(TransportError):
                request.result(SOON_S)
    server.close()


def test_requests_are_counted(server: FaultServer, transport: RequestsTransport) -> None:
    transport.send(get(server, f"{LIST}?started=true"))
    transport.send(get(server))
    transport.send(put(server, 1))
    assert server.requests == {("GET", f"/api/v10{LIST}"): 2, ("PUT", f"/api/v10{UPDATE}"): 1}


def test_a_mistake_in_the_service_is_not_hidden(transport: RequestsTransport) -> None:
    class Broken(FakeService):
        def handle(self, request: Request) -> Response:
            raise ZeroDivisionError("a mistake")

    server = FaultServer(Broken(APP))
    with pytest.raises(TransportError):
        transport.send(get(server))
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        server.close()
