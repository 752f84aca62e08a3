"""A service with the achievements of the catalogue, games that use it, and the connections between them."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import AchievementManager, Result
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.wire import USER_ACHIEVEMENT_UPDATE, format_event
from discord_achievements.testing import FakeService, InProcessTransport, ManualClock, ScriptedTransport
from tests.support.managers import APPLICATION_ID, ENTRIES, OK, PATIENCE_S, WALK, GameLoop
from tests.support.waiting import until

UNAVAILABLE = Result.SERVICE_UNAVAILABLE
BASE_URL = "https://achievements.invalid/api/v10"
ANN, BOB = 53908232506183680, 53908232506183681
LISTS_APART_S = 1.0  # a list that the service makes us fetch comes no sooner after the one before
LONG_S = 200.0  # more than any wait of the retry table, with its jitter
JSON = {"content-type": "application/json"}
ACCEPTED = Response(200, JSON, b"{}")
NO_STREAM = Response(404, {"content-type": "application/json"}, b'{"message": "404: Not Found", "code": 0}')


class Line:
    """The connection to a service: records requests, can hold them up, and can answer updates itself."""

    def __init__(self, service: FakeService, *, streams: bool = True) -> None:
        self.requests: list[Request] = []
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.answers: deque[Response | Exception] = deque()
        self.refusal: Response | None = None  # what a proxy answers to every request
        self._service = service
        self._streams = streams
        self._held = ""
        self._is_late = False
        self._free = threading.Event()
        self._free.set()
        self.transport = InProcessTransport(service, intercept=self._intercept)

    def hold(self, method: str = "", *, late: bool = False) -> None:
        """Hold all requests from now on, or only those by `method`, until `release` is called.

        With `late` the service answers at once, and it is the answer that is held.
        """
        self._held, self._is_late = method, late
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def of(self, method: str) -> list[Request]:
        """Return the requests by `method`, except those for the event stream."""
        return [one for one in self.requests if one.method == method and not one.url.endswith("/events")]

    @property
    def put(self) -> list[tuple[int, dict[str, Any]]]:
        """The updates that have been sent: id and body."""
        return [(int(one.url.rpartition("/")[2]), json.loads(one.body or b"")) for one in self.of("PUT")]

    def _intercept(self, request: Request) -> Response | None:
        self.requests.append(request)
        if self.refusal is not None:
            return self.refusal
        if request.url.endswith("/events"):
            return None if self._streams else NO_STREAM
        is_held = self._held in ("", request.method)
        if is_held and not self._is_late:
            self._wait()
        if self.answers and request.method == "PUT":
            answer = self.answers.popleft()
            if isinstance(answer, Exception):
                raise answer
        else:
            answer = self._service.handle(request)
        self.statuses.append(answer.status)
        self.bodies.append(answer.body)
        if is_held and self._is_late:
            self._wait()
        return answer

    def _wait(self) -> None:
        if not self._free.wait(PATIENCE_S):
            raise AssertionError("the test has not released the line")


class ServiceAndGames:
    """A service with the achievements of the catalogue, and games that play on one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.service = FakeService(APPLICATION_ID, clock=self.clock)
        for entry in ENTRIES:
            self.service.add_achievement(
                entry["id"],
                entry["name"],
                entry["description"],
                secret=entry.get("secret", False),
                secure=entry.get("secure", False),
            )
        self.service.add_player("ann-1", ANN)
        self.service.add_player("bob-1", BOB)
        self.lines: list[Line] = []
        self.managers: list[AchievementManager] = []

    def start(self, token: Any = "ann-1", *, line: Line | None = None, down: bool = False, **more: Any) -> GameLoop:
        """Start a game; with `down`, the service is unreachable from the start."""
        line = line or self.line()
        if down:
            line.transport.go_down()
        options: dict[str, Any] = {"data_dir": self.folder / "data", "base_url": BASE_URL, "clock": self.clock} | more
        manager = AchievementManager(APPLICATION_ID, token=token, transport=line.transport, **options)
        self.managers.append(manager)
        return GameLoop(manager)

    def online(self, token: Any = "ann-1", **options: Any) -> GameLoop:
        """Start a game, and fetch its list."""
        game = self.start(token, **options)
        assert game.fetch() is OK
        del game.results[:]
        return game

    def line(self, *, streams: bool = True) -> Line:
        self.lines.append(Line(self.service, streams=streams))
        return self.lines[-1]

    def percents(self, user_id: int = ANN) -> dict[int, int]:
        """Return what the service has stored for a player: percent by id."""
        return {id_: progress.percent for id_, progress in self.service.progress(user_id).items()}

    def close(self) -> None:
        for line in self.lines:
            line.release()
        for manager in self.managers:
            manager.close()


def eventually(condition: Callable[[], object]) -> None:
    """Wait for another thread, without running callbacks."""
    until(condition, "the other thread's work", PATIENCE_S)


def bring_back(world: ServiceAndGames, line: Line) -> None:
    """Make the service reachable again, and advance the clock until the manager retries."""
    line.transport.come_back()
    world.clock.advance(LONG_S)


def wait_for_stream(game: GameLoop, line: Line) -> None:
    """Wait until the event stream is open and the list that closes its gap has arrived."""
    game.until(lambda: any(one.url.endswith("/events") for one in line.requests) and len(line.of("GET")) >= 2)
    count = len(line.statuses)
    game.fetch()
    assert len(line.statuses) > count
    del game.results[:]


def superset(achievement_id: int, percent: int, **more: Any) -> dict[str, Any]:
    """Return an entry of the list as our service sends it with API v10."""
    return {
        "application_id": str(APPLICATION_ID),
        "id": str(achievement_id),
        "name": "Walk",
        "name_localizations": {"de": "Gehe"},
        "description": "Walk a mile.",
        "description_localizations": None,
        "secret": False,
        "secure": False,
        "icon_hash": "0" * 32,
        "user_id": str(ANN),
        "achievement_id": str(achievement_id),
        "percent_complete": percent,
        "unlocked_at": None,
        "revision": 1,
    } | more


def update_event(achievement_id: int, percent: int, revision: int | None) -> bytes:
    """Return an event as the service sends it, or, without a revision, as others may."""
    data: dict[str, Any] = {
        "application_id": str(APPLICATION_ID),
        "user_id": str(ANN),
        "achievement_id": str(achievement_id),
        "percent_complete": percent,
        "unlocked_at": None,
    }
    if revision is not None:
        data["revision"] = revision
    return format_event(revision or 1, USER_ACHIEVEMENT_UPDATE, data)


def listing(*entries: Mapping[str, Any]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(entries).encode())


def scripted(world: ServiceAndGames, transport: ScriptedTransport, *, streams: bool = False, **more: Any) -> GameLoop:
    """Start a game whose service answers from the test's table; without streams, no list is fetched automatically."""
    if not streams:
        transport.answer("user_achievement_events", NO_STREAM)
    options: dict[str, Any] = {"data_dir": world.folder / "scripted", "clock": world.clock, "token": "t"} | more
    manager = AchievementManager(APPLICATION_ID, base_url=BASE_URL, transport=transport, **options)
    world.managers.append(manager)
    return GameLoop(manager)


STRINGS = superset(WALK, 35)


def error(status: int, code: int | None, **headers: str) -> Response:
    """Return an error answer in Discord's form, or a proxy's web page if there is no code."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if code is None:
        return Response(status, {"content-type": "text/html", **named}, b"<h1>error</h1>")
    body = json.dumps({"message": "no", "code": code}).encode()
    return Response(status, {"content-type": "application/json", **named}, body)


class Tokens:
    """A token object that records the calls."""

    def __init__(self, *tokens: str | Exception, user_id: int | None = None) -> None:
        self.asked: list[str] = []
        self._tokens = deque(tokens)
        if user_id is not None:
            self.user_id = user_id

    def get_token(self) -> str:
        self.asked.append("get_token")
        return self._next()

    def refresh(self) -> str:
        self.asked.append("refresh")
        return self._next()

    def _next(self) -> str:
        token = self._tokens.popleft() if len(self._tokens) > 1 else self._tokens[0]
        if isinstance(token, Exception):
            raise token
        return token


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the messages of warnings and errors."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def construct(tmp_path: Path, **more: Any) -> AchievementManager:
    transport = InProcessTransport(FakeService(APPLICATION_ID))
    options: dict[str, Any] = {"data_dir": tmp_path / "data", "transport": transport} | more
    return AchievementManager(APPLICATION_ID, **options)
