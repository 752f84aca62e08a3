"""One suite over every transport: what the code behind the boundary may rely on, be it a fake or the real thing."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from discord_achievements.client.net.requests_transport import RequestsTransport
from discord_achievements.client.net.transport import Request, Response, Transport
from discord_achievements.domain import routes
from discord_achievements.domain.errors import TransportError
from discord_achievements.testing import (
    FakeService,
    Fault,
    FaultServer,
    InProcessTransport,
    ScriptedTransport,
    stall,
)
from tests.support.waiting import until

APPLICATION_ID = 461618159171141643
ACHIEVEMENT_ID = 580159119969878046
USER_ID = 53908232506183680
TOKEN = "a-token"
LIST = routes.GET_USER_ACHIEVEMENTS.path(application_id=APPLICATION_ID)
EVENTS = routes.USER_ACHIEVEMENT_EVENTS.path(application_id=APPLICATION_ID)
UPDATE = routes.UPDATE_USER_ACHIEVEMENT.path(
    user_id="@me", application_id=APPLICATION_ID, achievement_id=ACHIEVEMENT_ID
)
SOON_S = 5.0


class World(ABC):
    """A transport, and what a test does to whatever is on its other side."""

    transport: Transport
    base_url = "http://fake.invalid/api/v10"

    def __init__(self, service: FakeService, stack: ExitStack) -> None:
        self.service = service
        self._percent = 0

    def request(self, path: str, method: str = "GET", body: bytes | None = None, timeout_s: float = 30.0) -> Request:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return Request(method, self.base_url + path, headers, body, timeout_s)

    def emit(self) -> bytes:
        """Have the open stream bring something; return what it contains."""
        self._percent += 1
        self.service.grant(USER_ID, ACHIEVEMENT_ID, self._percent)
        return f'"percent_complete": {self._percent},'.encode()

    def end_stream(self) -> None:
        self.service.end_streams()

    @abstractmethod
    def be_unreachable(self) -> None: ...

    @abstractmethod
    def redirect(self) -> None: ...

    @abstractmethod
    def refuse_streams(self) -> None: ...

    @abstractmethod
    def break_stream(self) -> None: ...


class Scripted(World):
    def __init__(self, service: FakeService, stack: ExitStack) -> None:
        super().__init__(service, stack)
        self.scripted = stack.enter_context(ScriptedTransport())
        self.transport = self.scripted
        self._always(service.handle)

    def emit(self) -> bytes:
        self._percent += 1
        data = f"event {self._percent}".encode()
        self.scripted.push(data)
        return data

    def end_stream(self) -> None:
        self.scripted.end_stream()

    def be_unreachable(self) -> None:
        self._always(TransportError("out of reach"))
        self.scripted.answer(routes.USER_ACHIEVEMENT_EVENTS.name, TransportError("out of reach"))

    def redirect(self) -> None:
        self._always(Response(302, {"location": "http://elsewhere.invalid/"}))

    def refuse_streams(self) -> None:
        self.scripted.answer(routes.USER_ACHIEVEMENT_EVENTS.name, Response(404, {}, b'{"code": 0}'))

    def break_stream(self) -> None:
        self.scripted.end_stream(TransportError("broken"))

    def stall(self) -> None:
        self._always(stall)

    def has_stalled(self) -> bool:
        return bool(self.scripted.requests)

    def _always(self, answer: Response | Exception | Callable[[Request], Response]) -> None:
        for route in (routes.GET_USER_ACHIEVEMENTS, routes.UPDATE_USER_ACHIEVEMENT):
            self.scripted.answer(route.name, answer)


class InProcess(World):
    def __init__(self, service: FakeService, stack: ExitStack) -> None:
        super().__init__(service, stack)
        self.in_process = InProcessTransport(service)
        self.transport = self.in_process
        stack.callback(self.transport.close)

    def be_unreachable(self) -> None:
        self.in_process.go_down()

    def redirect(self) -> None:
        self.in_process.intercept = lambda request: Response(302, {"location": "http://elsewhere.invalid/"})

    def refuse_streams(self) -> None:
        self.in_process.intercept = lambda request: Response(404, {}, b'{"code": 0}')

    def break_stream(self) -> None:
        self.in_process.go_down()


class Requests(World):
    def __init__(self, service: FakeService, stack: ExitStack) -> None:
        super().__init__(service, stack)
        self.server = stack.enter_context(FaultServer(service))
        self.base_url = self.server.base_url
        self.transport = RequestsTransport()
        stack.callback(self.transport.close)

    def be_unreachable(self) -> None:
        self.server.go_down()

    def redirect(self) -> None:
        self.server.fail(Fault.REDIRECT)

    def refuse_streams(self) -> None:
        self.server.fail(Fault.REFUSE_STREAM)

    def break_stream(self) -> None:
        self.server.drop_streams()

    def stall(self) -> None:
        self.server.fail(Fault.STALL, times=None)

    def has_stalled(self) -> bool:
        return bool(self.server.requests)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    before = threading.active_count()
    with ExitStack() as stack:
        yield stack
    assert threading.active_count() == before


@pytest.fixture
def service() -> FakeService:
    service = FakeService(APPLICATION_ID)
    service.add_achievement(ACHIEVEMENT_ID)
    service.add_player(TOKEN, USER_ID)
    return service


@pytest.fixture(params=[Scripted, InProcess, Requests])
def world(request: pytest.FixtureRequest, service: FakeService, stack: ExitStack) -> World:
    world = request.param(service, stack)
    assert isinstance(world, World)
    return world


@pytest.fixture(params=[Scripted, Requests])
def stallable(request: pytest.FixtureRequest, service: FakeService, stack: ExitStack) -> Scripted | Requests:
    world = request.param(service, stack)
    assert isinstance(world, Scripted | Requests)
    return world


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Another thread."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_an_answer_is_whole_and_its_header_names_are_lower_case(world: World) -> None:
    response = world.transport.send(world.request(LIST))
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert all(name == name.lower() for name in response.headers)
    assert [entry["id"] for entry in json.loads(response.body)] == [str(ACHIEVEMENT_ID)]


def test_a_body_arrives(world: World) -> None:
    response = world.transport.send(world.request(UPDATE, "PUT", b'{"percent_complete": 40}'))
    assert response.status == 200
    assert world.service.progress(USER_ID)[ACHIEVEMENT_ID].percent == 40


def test_a_large_answer_is_whole(world: World) -> None:
    world.service.fill(999)
    assert len(json.loads(world.transport.send(world.request(LIST)).body)) == 1000


@pytest.mark.parametrize(("method", "body", "status"), [("PUT", b"{", 400), ("PUT", b'{"percent_complete": 101}', 400)])
def test_an_error_status_is_an_answer(world: World, method: str, body: bytes, status: int) -> None:
    response = world.transport.send(world.request(UPDATE, method, body))
    assert response.status == status
    assert json.loads(response.body)["code"] in (50035, 50109)


def test_not_modified_has_no_body(world: World) -> None:
    first = world.transport.send(world.request(LIST))
    request = world.request(LIST)
    again = Request("GET", request.url, {**request.headers, "If-None-Match": first.headers["etag"]})
    assert world.transport.send(again).status == 304
    assert world.transport.send(again).body == b""


def test_a_redirect_is_an_answer_too(world: World) -> None:
    world.redirect()
    response = world.transport.send(world.request(LIST))
    assert response.status == 302
    assert response.headers["location"].startswith("http://")


def test_out_of_reach_is_a_transport_error(world: World) -> None:
    world.be_unreachable()
    with pytest.raises(TransportError) as caught:
        world.transport.send(world.request(LIST))
    assert not caught.value.timed_out
    with pytest.raises(TransportError):
        world.transport.open_stream(world.request(EVENTS))


def test_nothing_is_sent_after_close(world: World) -> None:
    world.transport.close()
    world.transport.close()
    with pytest.raises(TransportError):
        world.transport.send(world.request(UPDATE, "PUT", b'{"percent_complete": 40}'))
    with pytest.raises(TransportError):
        world.transport.open_stream(world.request(EVENTS))
    assert world.service.progress(USER_ID) == {}


def test_no_answer_in_time_is_a_time_out(stallable: Scripted | Requests) -> None:
    stallable.stall()
    with pytest.raises(TransportError) as caught:
        stallable.transport.send(stallable.request(LIST, timeout_s=0.05))
    assert caught.value.timed_out


def test_close_ends_a_request_that_waits(stallable: Scripted | Requests, elsewhere: ThreadPoolExecutor) -> None:
    stallable.stall()
    waiting = elsewhere.submit(stallable.transport.send, stallable.request(LIST))
    until(stallable.has_stalled, "the request has stalled")
    stallable.transport.close()
    with pytest.raises(TransportError) as caught:
        waiting.result(SOON_S)
    assert not caught.value.timed_out


def test_a_stream_brings_what_comes_as_it_comes(world: World) -> None:
    stream = world.transport.open_stream(world.request(EVENTS))
    assert stream.response.status == 200
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    chunks = iter(stream)
    for _ in range(3):
        expected = world.emit()
        received = b""
        while expected not in received:
            received += next(chunks)
    stream.close()


def test_a_stream_ends_when_the_other_side_ends_it(world: World) -> None:
    stream = world.transport.open_stream(world.request(EVENTS))
    expected = world.emit()
    world.end_stream()
    assert expected in b"".join(stream)
    assert list(stream) == []


def test_a_stream_that_breaks_says_so(world: World) -> None:
    stream = world.transport.open_stream(world.request(EVENTS))
    chunks = iter(stream)
    expected = world.emit()
    while expected not in next(chunks):
        pass
    world.break_stream()
    with pytest.raises(TransportError) as caught:
        list(chunks)
    assert not caught.value.timed_out


def test_a_silent_stream_times_out(world: World) -> None:
    stream = world.transport.open_stream(world.request(EVENTS, timeout_s=0.05))
    with pytest.raises(TransportError) as caught:
        list(stream)
    assert caught.value.timed_out


def test_a_refused_stream_brings_nothing_but_its_answer(world: World) -> None:
    world.refuse_streams()
    stream = world.transport.open_stream(world.request(EVENTS))
    assert stream.response.status == 404
    assert json.loads(stream.response.body)["code"] == 0
    assert list(stream) == []
    stream.close()


def reading(world: World, elsewhere: ThreadPoolExecutor) -> tuple[Callable[[], None], Future[list[bytes]]]:
    """Have another thread read a stream to its end; return the stream's close and the future rest."""
    stream = world.transport.open_stream(world.request(EVENTS))
    chunks = iter(stream)
    expected = world.emit()
    begun = threading.Event()

    def read() -> list[bytes]:
        while expected not in next(chunks):
            pass
        begun.set()
        return list(chunks)

    rest = elsewhere.submit(read)
    assert begun.wait(SOON_S)
    return stream.close, rest


def test_closing_a_stream_ends_a_read_that_waits(world: World, elsewhere: ThreadPoolExecutor) -> None:
    close, rest = reading(world, elsewhere)
    close()
    close()
    assert rest.result(SOON_S) == []


def test_closing_the_transport_ends_a_read_that_waits(world: World, elsewhere: ThreadPoolExecutor) -> None:
    _, rest = reading(world, elsewhere)
    world.transport.close()
    assert rest.result(SOON_S) == []


def test_closing_one_stream_leaves_the_rest_alone(world: World, elsewhere: ThreadPoolExecutor) -> None:
    close, rest = reading(world, elsewhere)
    other = world.transport.open_stream(world.request(EVENTS))
    close()
    assert rest.result(SOON_S) == []
    expected = world.emit()
    chunks = iter(other)
    received = b""
    while expected not in received:
        received += next(chunks)
    other.close()
    assert world.transport.send(world.request(LIST)).status == 200


def test_requests_go_on_beside_a_stream(world: World, elsewhere: ThreadPoolExecutor) -> None:
    close, rest = reading(world, elsewhere)
    for percent in (10, 20, 30):
        body = json.dumps({"percent_complete": percent}).encode()
        assert world.transport.send(world.request(UPDATE, "PUT", body)).status == 200
    close()
    rest.result(SOON_S)
    assert world.service.progress(USER_ID)[ACHIEVEMENT_ID].percent == 30
