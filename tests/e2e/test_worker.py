"""The worker from start to end, and what two devices of one player see of each other."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from discord_achievements import AchievementManager, Result
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.testing import (
    FakeService,
    Fault,
    FaultServer,
    InProcessTransport,
    ManualClock,
    ScriptedTransport,
    run_until,
    stall,
)
from tests.support.waiting import until

APP = 461618159171141643
WIN = 580159119969878046
OTHER = WIN + 1
USER = 53908232506183680
URL = "https://service.invalid/api/v10"
TOKEN = "a-token-that-nobody-may-see"
LISTED = Response(200, {"content-type": "application/json"}, b"[]")


@pytest.fixture
def service() -> FakeService:
    service = FakeService(APP)
    service.add_achievement(WIN, "Win the Game")
    service.add_achievement(OTHER, "Another One")
    service.add_player(TOKEN, USER)
    return service


def start(
    transport: InProcessTransport | ScriptedTransport, folder: Path, *, clock: ManualClock | None = None
) -> AchievementManager:
    return AchievementManager(APP, base_url=URL, token=TOKEN, data_dir=folder, transport=transport, clock=clock)


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("discord_achievements")]


USES: dict[str, Callable[[AchievementManager], object]] = {
    "set": lambda manager: manager.set_user_achievement(WIN, 1),
    "fetch": lambda manager: manager.fetch_user_achievements(),
    "run_callbacks": lambda manager: manager.run_callbacks(),
    "set_token": lambda manager: manager.set_token("another"),
    "flush": lambda manager: manager.flush(),
}


@pytest.mark.parametrize("use", USES)
def test_the_thread_starts_with_the_first_use(use: str, service: FakeService, tmp_path: Path) -> None:
    with start(InProcessTransport(service), tmp_path) as manager:
        assert workers() == []
        USES[use](manager)
        assert [thread for thread in workers() if "worker" in thread.name]
    assert workers() == []


def test_a_manager_that_was_never_used_closes(service: FakeService, tmp_path: Path) -> None:
    with start(InProcessTransport(service), tmp_path):
        pass
    assert workers() == []
    assert list(tmp_path.glob("journal-*")) == []


def test_close_stores_what_the_worker_has_not_seen(service: FakeService, tmp_path: Path) -> None:
    transport = InProcessTransport(service)
    transport.go_down()
    with start(transport, tmp_path) as manager:
        for percent in range(1, 100):
            manager.set_user_achievement(WIN, percent)
    assert list(tmp_path.glob("journal-*")) == []
    with start(InProcessTransport(service), tmp_path) as manager:
        assert manager.flush()
    assert service.progress(USER)[WIN].percent == 99


def test_a_manager_that_is_forgotten_leaves_no_thread(service: FakeService, tmp_path: Path) -> None:
    manager = start(InProcessTransport(service), tmp_path)
    manager.set_user_achievement(WIN, 50)
    assert manager.flush()
    gone = weakref.ref(manager)
    del manager
    gc.collect()
    assert gone() is None
    until(lambda: not workers(), "the worker has ended")


@pytest.mark.parametrize("where", ["list", "update"])
def test_a_mistake_does_not_end_the_worker(
    where: str, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mistakes = [ZeroDivisionError("a mistake")]

    def stumble(request: Request) -> None:
        if mistakes and (request.method == "PUT") == (where == "update"):
            raise mistakes.pop()

    clock = ManualClock()
    results: list[Result] = []
    with start(InProcessTransport(service, intercept=stumble), tmp_path, clock=clock) as manager:
        manager.set_user_achievement(WIN, 50, results.append)
        run_until(manager, lambda: results)
        assert not mistakes
        assert results == [Result.OK]
    assert [record.exc_info is not None for record in caplog.records if record.levelno == logging.ERROR] == [True]
    assert service.progress(USER)[WIN].percent == 50


def test_an_error_that_quotes_the_token_does_not_bring_it_into_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def quoting(request: Request) -> Response:
        sent = request.headers["Authorization"]
        return Response(400, {}, f'{{"message": "what is {sent}?", "code": 50035}}'.encode())

    results: list[Result] = []
    with (
        ScriptedTransport({"get_user_achievements": quoting}) as transport,
        start(transport, tmp_path) as manager,
    ):
        manager.fetch_user_achievements(results.append)
        run_until(manager, lambda: results)
    assert results == [Result.INVALID_PAYLOAD]
    assert "[token]" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("etag", ['"gr\xfcn"', '"a" ', '"' + "x" * 100_000 + '"', '"a\x00"'])
def test_an_etag_that_cannot_be_said_back_does_no_harm(etag: str, tmp_path: Path) -> None:
    results: list[Result] = []
    transport = ScriptedTransport(
        {"get_user_achievements": Response(200, {"content-type": "application/json", "etag": etag}, b"[]")}
    )
    with transport, start(transport, tmp_path) as manager:
        for count in (1, 2):
            manager.fetch_user_achievements(results.append)
            run_until(manager, lambda count=count: len(results) == count)  # type: ignore[misc]
    assert results == [Result.OK, Result.OK]
    assert all("If-None-Match" not in request.headers for request in transport.requests)


@pytest.mark.parametrize(("event_id", "said_back"), [("7", "7"), ("gr\xfcn", None), ("x" * 5000, None)])
def test_only_an_event_id_that_can_be_said_back_is(event_id: str, said_back: str | None, tmp_path: Path) -> None:
    clock = ManualClock()
    transport = ScriptedTransport({"get_user_achievements": LISTED})

    def streams() -> list[Request]:
        return [request for request in transport.requests if request.url.endswith("/events")]

    def lists() -> int:
        return len(transport.requests) - len(streams())

    def frame(condition: Callable[[], bool]) -> bool:
        clock.advance(1.0)
        return condition()

    with transport, start(transport, tmp_path, clock=clock) as manager:
        transport.push(f"id: {event_id}\nevent: NEWS\ndata: x\n\n".encode())
        run_until(manager, lambda: frame(lambda: len(streams()) == 1 and lists() >= 2))
        clock.advance(20.0)
        transport.end_stream()
        run_until(manager, lambda: frame(lambda: len(streams()) == 2))
    assert streams()[1].headers.get("Last-Event-ID") == said_back


def test_achievements_that_share_an_icon_all_get_it(service: FakeService, tmp_path: Path) -> None:
    transport = InProcessTransport(service)
    results: list[Result] = []
    with start(transport, tmp_path) as manager:
        manager.fetch_user_achievements(results.append)
        run_until(manager, lambda: results)
        run_until(manager, lambda: manager.get_icon(WIN) and manager.get_icon(OTHER))
        assert manager.get_icon(WIN) == manager.get_icon(OTHER)


def test_a_waiting_call_gets_no_result_of_another_players_update(tmp_path: Path) -> None:
    """Both players have progress on one achievement; the first player's update is still pending when they sign out."""
    service = FakeService(APP)
    service.add_achievement(WIN)
    service.add_player("alice", 1)
    service.add_player("bob", 2)
    clock = ManualClock()
    results: list[Result] = []

    def limited(request: Request) -> Response | None:
        if request.method != "PUT" or not request.headers["Authorization"].endswith("alice"):
            return None
        return Response(429, {"retry-after": "5"}, b'{"message": "slow down", "retry_after": 5.0, "global": false}')

    transport = InProcessTransport(service, intercept=limited)
    with AchievementManager(APP, base_url=URL, token="bob", data_dir=tmp_path, transport=transport) as manager:
        manager.fetch_user_achievements(results.append)
        run_until(manager, lambda: results)
    results.clear()
    transport = InProcessTransport(service, intercept=limited)
    with AchievementManager(
        APP, base_url=URL, token="alice", data_dir=tmp_path, transport=transport, clock=clock
    ) as manager:
        manager.set_user_achievement(WIN, 90, results.append)
        run_until(manager, lambda: manager.is_online and manager.pending_count)
        manager.set_token("bob")
        manager.set_user_achievement(WIN, 10)
        run_until(manager, lambda: results and service.progress(2))
    assert results == [Result.NOT_AUTHENTICATED]
    assert not service.progress(1)
    assert service.progress(2)[WIN].percent == 10


# Two devices


def test_two_devices_see_each_other_and_end_up_the_same(service: FakeService, tmp_path: Path) -> None:
    transports = [InProcessTransport(service), InProcessTransport(service)]
    clock = ManualClock()
    with (
        start(transports[0], tmp_path / "a", clock=clock) as one,
        start(transports[1], tmp_path / "b", clock=clock) as two,
    ):
        both = Both(one, two, clock=clock)
        fetched: list[Result] = []
        for manager in (one, two):
            manager.fetch_user_achievements(fetched.append)
        run_until(both, lambda: len(fetched) == 2)
        one.set_user_achievement(WIN, 60)
        run_until(both, lambda: shown(two, WIN) == 60)
        for transport in transports:
            transport.go_down()
        one.set_user_achievement(WIN, 80)
        two.set_user_achievement(WIN, 70)
        two.set_user_achievement(OTHER, 100)
        run_until(both, lambda: one.is_online is False and two.is_online is False)
        assert (shown(one, WIN), shown(two, WIN)) == (80, 70)
        for transport in transports:
            transport.come_back()
        for manager in (one, two):
            manager.fetch_user_achievements()
        run_until(
            both,
            lambda: all((shown(device, WIN), shown(device, OTHER)) == (80, 100) for device in (one, two)),
        )
        run_until(both, lambda: not one.pending_count and not two.pending_count)
    assert {id_: progress.percent for id_, progress in service.progress(USER).items()} == {WIN: 80, OTHER: 100}


def shown(manager: AchievementManager, achievement_id: int) -> int:
    return manager.get_user_achievement(achievement_id).percent_complete


class Both:
    """Two games whose frames take turns, a second each."""

    def __init__(self, *managers: AchievementManager, clock: ManualClock) -> None:
        self._managers = managers
        self._clock = clock

    def run_callbacks(self) -> None:
        self._clock.advance(1.0)
        for manager in self._managers:
            manager.run_callbacks()


# The end of the process

GAME = """
import sys
from discord_achievements import AchievementManager
manager = AchievementManager({app}, base_url={url!r}, token="player", data_dir={folder!r}, timeout_s=60)
manager.set_user_achievement({win}, 100, lambda result: print(result.name))
manager.run_callbacks()
sys.stdin.readline()
"""


@pytest.mark.parametrize("fault", [None, Fault.STALL])
def test_a_process_that_forgets_to_close_ends_promptly(fault: Fault | None, tmp_path: Path) -> None:
    service = FakeService(APP)
    service.add_achievement(WIN)
    service.add_player("player", USER)
    with FaultServer(service) as server:
        if fault is not None:
            server.fail(fault, times=None)
        script = GAME.format(app=APP, url=server.base_url, folder=str(tmp_path), win=WIN)
        with subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as game:
            wait_for_request(server, game)
            start_s = time.monotonic()
            out, err = game.communicate("\n", timeout=20)
            took_s = time.monotonic() - start_s
        assert (game.returncode, err) == (0, "")
        assert out in ("OK\n", "TRANSACTION_ABORTED\n")
        assert took_s < 10
        server.heal()
        manager = AchievementManager(APP, base_url=server.base_url, token="player", data_dir=tmp_path)
        with manager:
            run_until(manager, lambda: not manager.pending_count and service.progress(USER))
    assert service.progress(USER)[WIN].percent == 100


def wait_for_request(server: FaultServer, game: subprocess.Popen[str]) -> None:
    until(lambda: server.requests or game.poll() is not None, "the game has sent a request")
    assert game.poll() is None, "the game has ended too early"


def test_close_while_a_request_is_under_way_does_not_wait_for_it(tmp_path: Path) -> None:
    results: list[Result] = []
    transport = ScriptedTransport({"get_user_achievements": LISTED, "update_user_achievement": stall})
    with transport:
        manager = start(transport, tmp_path)
        manager.set_user_achievement(WIN, 10, results.append)
        run_until(manager, lambda: any(request.method == "PUT" for request in transport.requests))
        manager.close()
    assert results == [Result.TRANSACTION_ABORTED]
    assert workers() == []


def test_a_reset_that_takes_the_list_back_to_what_it_was_is_seen(tmp_path: Path) -> None:
    """A locked secret is in no list, so this list is identical to one that is already known."""
    service = FakeService(APP)
    service.add_achievement(WIN, secret=True)
    service.add_player(TOKEN, USER)
    with start(InProcessTransport(service), tmp_path) as manager:
        asked: list[Result] = []
        manager.fetch_user_achievements(asked.append)
        run_until(manager, lambda: asked)
        results: list[Result] = []
        manager.set_user_achievement(WIN, 100, results.append)
        run_until(manager, lambda: results)
        service.reset(USER, WIN)
        manager.fetch_user_achievements(asked.append)
        run_until(manager, lambda: len(asked) == 2)
        assert asked + results == [Result.OK] * 3
        assert manager.count_user_achievements() == 0
