"""One suite for every transport, fake or real: what the code that uses one may rely on."""

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


class TransportUnderTest(ABC):
    """A transport, and what a test does to the server on its other side."""

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
        """Send something on the open stream; return what it contains."""
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


class Scripted(TransportUnderTest):
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


class InProcess(TransportUnderTest):
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


class Requests(TransportUnderTest):
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
def subject(request: pytest.FixtureRequest, service: FakeService, stack: ExitStack) -> TransportUnderTest:
    subject = request.param(service, stack)
    assert isinstance(subject, TransportUnderTest)
    return subject


@pytest.fixture(params=[Scripted, Requests])
def stallable(request: pytest.FixtureRequest, service: FakeService, stack: ExitStack) -> Scripted | Requests:
    subject = request.param(service, stack)
    assert isinstance(subject, Scripted | Requests)
    return subject


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Another thread."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_an_answer_is_complete_and_its_header_names_are_lower_case(subject: TransportUnderTest) -> None:
    response = subject.transport.send(subject.request(LIST))
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert all(name == name.lower() for name in response.headers)
    assert [entry["id"] for entry in json.loads(response.body)] == [str(ACHIEVEMENT_ID)]


def test_a_body_arrives(subject: TransportUnderTest) -> None:
    response = subject.transport.send(subject.request(UPDATE, "PUT", b'{"percent_complete": 40}'))
    assert response.status == 200
    assert subject.service.progress(USER_ID)[ACHIEVEMENT_ID].percent == 40


def test_a_large_answer_is_complete(subject: TransportUnderTest) -> None:
    subject.service.fill(999)
    assert len(json.loads(subject.transport.send(subject.request(LIST)).body)) == 1000


@pytest.mark.parametrize(("method", "body", "status"), [("PUT", b"{", 400), ("PUT", b'{"percent_complete": 101}', 400)])
def test_an_error_status_is_an_answer(subject: TransportUnderTest, method: str, body: bytes, status: int) -> None:
    response = subject.transport.send(subject.request(UPDATE, method, body))
    assert response.status == status
    assert json.loads(response.body)["code"] in (50035, 50109)


def test_not_modified_has_no_body(subject: TransportUnderTest) -> None:
    first = subject.transport.send(subject.request(LIST))
    request = subject.request(LIST)
    again = Request("GET", request.url, {**request.headers, "If-None-Match": first.headers["etag"]})
    assert subject.transport.send(again).status == 304
    assert subject.transport.send(again).body == b""


def test_a_redirect_is_an_answer_too(subject: TransportUnderTest) -> None:
    subject.redirect()
    response = subject.transport.send(subject.request(LIST))
    assert response.status == 302
    assert response.headers["location"].startswith("http://")


def test_an_unreachable_service_is_a_transport_error(subject: TransportUnderTest) -> None:
    subject.be_unreachable()
    with pytest.raises(TransportError) as caught:
        subject.transport.send(subject.request(LIST))
    assert not caught.value.timed_out
    with pytest.raises(TransportError):
        subject.transport.open_stream(subject.request(EVENTS))


def test_nothing_is_sent_after_close(subject: TransportUnderTest) -> None:
    subject.transport.close()
    subject.transport.close()
    with pytest.raises(TransportError):
        subject.transport.send(subject.request(UPDATE, "PUT", b'{"percent_complete": 40}'))
    with pytest.raises(TransportError):
        subject.transport.open_stream(subject.request(EVENTS))
    assert subject.service.progress(USER_ID) == {}


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


def test_a_stream_yields_data_as_it_arrives(subject: TransportUnderTest) -> None:
    stream = subject.transport.open_stream(subject.request(EVENTS))
    assert stream.response.status == 200
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    chunks = iter(stream)
    for _ in range(3):
        expected = subject.emit()
        received = b""
        while expected not in received:
            received += next(chunks)
    stream.close()


def test_a_stream_ends_when_the_other_side_ends_it(subject: TransportUnderTest) -> None:
    stream = subject.transport.open_stream(subject.request(EVENTS))
    expected = subject.emit()
    subject.end_stream()
    assert expected in b"".join(stream)
    assert list(stream) == []


def test_a_stream_that_breaks_raises_a_transport_error(subject: TransportUnderTest) -> None:
    stream = subject.transport.open_stream(subject.request(EVENTS))
    chunks = iter(stream)
    expected = subject.emit()
    while expected not in next(chunks):
        pass
    subject.break_stream()
    with pytest.raises(TransportError) as caught:
        list(chunks)
    assert not caught.value.timed_out


def test_a_silent_stream_times_out(subject: TransportUnderTest) -> None:
    stream = subject.transport.open_stream(subject.request(EVENTS, timeout_s=0.05))
    with pytest.raises(TransportError) as caught:
        list(stream)
    assert caught.value.timed_out


def test_a_refused_stream_yields_only_its_answer(subject: TransportUnderTest) -> None:
    subject.refuse_streams()
    stream = subject.transport.open_stream(subject.request(EVENTS))
    assert stream.response.status == 404
    assert json.loads(stream.response.body)["code"] == 0
    assert list(stream) == []
    stream.close()


def reading(
    subject: TransportUnderTest, elsewhere: ThreadPoolExecutor
) -> tuple[Callable[[], None], Future[list[bytes]]]:
    """Have another thread read a stream to its end; return the stream's close and the future rest."""
    stream = subject.transport.open_stream(subject.request(EVENTS))
    chunks = iter(stream)
    expected = subject.emit()
    begun = threading.Event()

    def read() -> list[bytes]:
        while expected not in next(chunks):
            pass
        begun.set()
        return list(chunks)

    rest = elsewhere.submit(read)
    assert begun.wait(SOON_S)
    return stream.close, rest


def test_closing_a_stream_ends_a_read_that_waits(subject: TransportUnderTest, elsewhere: ThreadPoolExecutor) -> None:
    close, rest = reading(subject, elsewhere)
    close()
    close()
    assert rest.result(SOON_S) == []


def test_closing_the_transport_ends_a_read_that_waits(
    subject: TransportUnderTest, elsewhere: ThreadPoolExecutor
) -> None:
    _, rest = reading(subject, elsewhere)
    subject.transport.close()
    assert rest.result(SOON_S) == []


def test_closing_one_stream_does_not_affect_others(subject: TransportUnderTest, elsewhere: ThreadPoolExecutor) -> None:
    close, rest = reading(subject, elsewhere)
    other = subject.transport.open_stream(subject.request(EVENTS))
    close()
    assert rest.result(SOON_S) == []
    expected = subject.emit()
    chunks = iter(other)
    received = b""
    while expected not in received:
        received += next(chunks)
    other.close()
    assert subject.transport.send(subject.request(LIST)).status == 200


def test_requests_work_while_a_stream_is_open(subject: TransportUnderTest, elsewhere: ThreadPoolExecutor) -> None:
    close, rest = reading(subject, elsewhere)
    for percent in (10, 20, 30):
        body = json.dumps({"percent_complete": percent}).encode()
        assert subject.transport.send(subject.request(UPDATE, "PUT", body)).status == 200
    close()
    rest.result(SOON_S)
    assert subject.service.progress(USER_ID)[ACHIEVEMENT_ID].percent == 30
