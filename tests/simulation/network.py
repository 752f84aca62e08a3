"""The way from a device to the service: exchanges take time, and fail as the program says."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator

from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.errors import TransportError
from discord_achievements.testing.inline import NotYet

from .faults import LATENCY_S, Fault
from .host import Handling, Host
from .time_and_chance import Time


class Network:
    """What is under way, by time of arrival. While the network is down, nothing new gets through."""

    def __init__(self, time_: Time, host: Host) -> None:
        self.time = time_
        self.host = host
        self.is_down = False
        self._under_way: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    @property
    def due_at(self) -> float:
        """When the next arrival is due."""
        return self._under_way[0][0] if self._under_way else math.inf

    def later(self, seconds: float, arrive: Callable[[], None]) -> None:
        """Call `arrive` after `seconds`."""
        self._number += 1
        heapq.heappush(self._under_way, (self.time.now() + seconds, self._number, arrive))

    def run(self) -> int:
        """Run the arrivals that are due; return how many there were."""
        arrived = 0
        while self._under_way and self._under_way[0][0] <= self.time.now():
            heapq.heappop(self._under_way)[2]()
            arrived += 1
        return arrived


class Exchange:
    """One request and its outcome: an answer or an error, at the latest when its time-out ends."""

    def __init__(self, network: Network, request: Request, fault: Fault, wake: Callable[[], None]) -> None:
        self.request = request
        self.stream: Channel | None = None
        self._wake = wake
        self._network = network
        self._fault = fault
        self._until = network.time.now() + request.timeout_s
        self._outcome: Response | TransportError | None = None
        self._handling: Handling | None = None
        network.later(request.timeout_s, lambda: self._end(TransportError("no answer came in time", timed_out=True)))
        if network.is_down or fault.is_refused:
            self._end(TransportError("there is no network"))
        elif fault.stranger is not None:
            self._arrive(fault.stranger)
        elif not fault.is_lost:
            network.later(fault.request_s, self._reach_the_service)
            if fault.again_after_s is not None and request.method == "PUT":
                network.later(fault.again_after_s, self._reach_it_again)

    def outcome(self) -> Response:
        """Return the answer. Raises `TransportError`, and `NotYet` while there is neither."""
        if self._outcome is None:
            raise NotYet(self._until)
        if isinstance(self._outcome, TransportError):
            raise self._outcome
        return self._outcome

    def follow_with(self, stream: Channel) -> None:
        """Expect an event stream as the answer."""
        self.stream = stream

    def _reach_the_service(self) -> None:
        network = self._network
        if network.is_down or not network.host.is_up:
            network.later(LATENCY_S, lambda: self._end(TransportError("the connection was refused")))
            return
        if self.stream is None:
            self._handling = Handling(self.request, self._arrive)
        else:
            self._handling = Handling(self.request, self._arrive, self.stream.push)
            self.stream.handling = self._handling
        deaths = network.host.deaths
        network.host.handle(self._handling)
        self._watch(deaths)

    def _watch(self, deaths: int) -> None:
        """Break the connection when the service dies."""
        if self._outcome is None:
            if self._network.host.deaths != deaths:
                self._end(TransportError("the connection broke"))
            else:
                self._network.later(1.0, lambda: self._watch(deaths))

    def _reach_it_again(self) -> None:
        if not self._network.is_down and self._network.host.is_up:
            self._network.host.handle(Handling(self.request, lambda _: None))

    def _arrive(self, answer: Response) -> None:
        fault = self._fault
        if fault.is_answer_lost:
            return
        if fault.changed is not None:
            answer = fault.changed(answer)
        outcome = TransportError("the connection was cut") if fault.cut else answer
        self._network.later(fault.answer_s, lambda: self._end(outcome))

    def _end(self, outcome: Response | TransportError) -> None:
        if self._outcome is None:
            self._outcome = outcome
            self._wake()


class Channel:
    """An event stream as the device receives it. It ends with the service's last piece, or breaks.

    While `is_held`, nothing arrives through it, though it is open. What is sent takes `delay_s` longer than usual.
    """

    def __init__(self, network: Network, silence_s: float, wake: Callable[[], None]) -> None:
        self.response = Response(0)
        self.handling: Handling | None = None
        self._network = network
        self._silence_s = silence_s
        self._wake = wake
        self._waiting: deque[bytes | None] = deque()
        self._arrived: deque[bytes] = deque()
        self._end: TransportError | str | None = "open"
        self._heard_at = network.time.now()
        self._deaths = network.host.deaths
        self.is_held = False
        self.delay_s = 0.0
        self._last_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether what the service sends arrives."""
        return self._end == "open" and not self.is_held

    @property
    def is_idle(self) -> bool:
        """Whether there is neither data nor an end."""
        return not self._arrived and self._end == "open"

    def push(self, data: bytes | None) -> None:
        """Send data to the game; None is the end."""
        now = self._network.time.now()
        self._last_at = max(self._last_at, now + LATENCY_S + self.delay_s)  # nothing overtakes
        self._network.later(self._last_at - now, lambda: self._arrive(data))

    def _arrive(self, data: bytes | None) -> None:
        self._waiting.append(data)
        self._deliver()

    def _deliver(self) -> None:
        if self._network.is_down or self.is_held:
            return  # like an unplugged cable, which is noticed only by the silence: the connection loses nothing
        while self._waiting:
            data = self._waiting.popleft()
            self._heard_at = self._network.time.now()
            self._wake()
            if data is not None:
                self._arrived.append(data)
            elif self._end == "open":
                self._end = None

    def watch(self) -> None:
        """Break the stream when the service dies, or when it has been silent for too long."""
        if self._end != "open":
            return
        if self._deaths != self._network.host.deaths:
            self.break_off("the connection broke")
        elif self._network.time.now() - self._heard_at >= self._silence_s:
            self.break_off("the stream was silent for too long")
        else:
            self._deliver()
            self._network.later(1.0, self.watch)

    def break_off(self, why: str) -> None:
        """Break the connection."""
        self._wake()
        if self._end == "open":
            self._end = TransportError(why)
        if self.handling is not None:
            self.handling.disconnect()

    def __iter__(self) -> Iterator[bytes]:
        while self._arrived or self._end == "open":
            yield self._arrived.popleft()  # raises if a reader ignores `is_idle`
        if isinstance(self._end, TransportError):
            raise self._end

    def close(self) -> None:
        """End the stream at once."""
        self._arrived.clear()
        self.break_off("closed")
        self._end = None


class Line:
    """The transport of one run of a game; it calls `wake` when something has arrived.

    `channels` holds the event stream that was opened last. `requests` are the time and kind of each request.
    """

    def __init__(self, network: Network, next_fault: Callable[[str], Fault], wake: Callable[[], None]) -> None:
        self._network = network
        self._wake = wake
        self._next_fault = next_fault
        self._exchange: Exchange | None = None
        self._opening: Exchange | None = None
        self.channels: list[Channel] = []
        self.is_closed = False
        self.requests: list[tuple[float, str]] = []

    def send(self, request: Request) -> Response:
        """Return the answer to a request. Raises `TransportError`, and `NotYet` until it has arrived."""
        if self.is_closed:
            raise TransportError("this transport is closed")
        if self._exchange is None or self._exchange.request is not request:
            self._note(request.method)
            self._exchange = Exchange(self._network, request, self._next_fault(request.method), self._wake)
        return self._exchange.outcome()

    def open_stream(self, request: Request) -> Channel:
        """Return the event stream. Raises `TransportError`, and `NotYet` until its headers have arrived."""
        if self.is_closed:
            raise TransportError("this transport is closed")
        if self._opening is None or self._opening.request is not request:
            self._note("STREAM")
            self._opening = Exchange(self._network, request, self._next_fault("STREAM"), self._wake)
            self._opening.follow_with(Channel(self._network, request.timeout_s, self._wake))
        response, channel = self._opening.outcome(), self._opening.stream
        self._opening = None
        assert channel is not None
        channel.response = response
        if response.status != 200 or channel.handling is None:
            channel.close()
        else:
            self.channels = [channel]
            channel.watch()
        return channel

    @property
    def has_stream(self) -> bool:
        """Whether an event stream is open."""
        return any(channel.is_open for channel in self.channels)

    def close(self) -> None:
        """Close the connections."""
        self.is_closed = True
        for channel in self.channels:
            channel.close()

    def _note(self, what: str) -> None:
        self.requests.append((self._network.time.now(), what))
