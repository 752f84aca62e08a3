"""Every fault of the fault server, seen from the game: manager, worker and real HTTP together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from discord_achievements import AchievementManager, Result
from discord_achievements.testing import FakeService, Fault, FaultServer, ManualClock, run_until

APP = 461618159171141643
WIN = 580159119969878046
OTHER = WIN + 1
USER = 53908232506183680
TOKEN = "a-token-that-nobody-may-see"
LONG_S = 130.0  # longer than the longest wait of the retry table, jitter included
LOGGER = "discord_achievements"

KEPT_WITH = {
    Fault.REFUSE: Result.SERVICE_UNAVAILABLE,
    Fault.HANG_UP: Result.SERVICE_UNAVAILABLE,
    Fault.STALL: Result.SERVICE_UNAVAILABLE,
    Fault.CUT_BODY: Result.SERVICE_UNAVAILABLE,
    Fault.DRIP: Result.SERVICE_UNAVAILABLE,
    Fault.UNAUTHORIZED: Result.INVALID_ACCESS_TOKEN,
    Fault.WRONG_VERSION: Result.INVALID_VERSION,
    Fault.GONE: Result.SERVICE_UNAVAILABLE,
    Fault.RATE_LIMITED: Result.RATE_LIMITED,
    Fault.RATE_LIMITED_SILENT: Result.RATE_LIMITED,
    Fault.INTERNAL_ERROR: Result.SERVICE_UNAVAILABLE,
    Fault.UNAVAILABLE: Result.SERVICE_UNAVAILABLE,
    Fault.UNAVAILABLE_FOR: Result.SERVICE_UNAVAILABLE,
    Fault.HTML: Result.INTERNAL_ERROR,
    Fault.INVALID_JSON: Result.INTERNAL_ERROR,
    Fault.REDIRECT: Result.SERVICE_UNAVAILABLE,
}
DROPPED_WITH = {
    Fault.NOT_AUTHORIZED: Result.UNAUTHORIZED_FOR_ACHIEVEMENT,
    Fault.FORBIDDEN: Result.INVALID_PERMISSIONS,
    Fault.UNKNOWN_ACHIEVEMENT: Result.NOT_FOUND,
}
OF_STREAMS = (Fault.DROP_STREAM, Fault.REFUSE_STREAM)
UNTIL_ASKED = {Fault.UNAUTHORIZED, Fault.WRONG_VERSION, Fault.GONE}  # these do not pass on their own
SLOW = {Fault.STALL, Fault.DRIP}


class FastGame:
    """A game with one manager, the results it has received, and a clock that can run fast."""

    def __init__(self, server: FaultServer, clock: ManualClock, folder: Path, *, timeout_s: float = 10.0) -> None:
        self.clock = clock
        self.results: list[Result] = []
        self.connection: list[bool] = []
        self.manager = AchievementManager(
            APP, base_url=server.base_url, token=TOKEN, data_dir=folder, clock=clock, timeout_s=timeout_s
        )
        self.manager.on_connection_change = self.connection.append

    def fetch(self) -> Result:
        return self._wait_for(lambda: self.manager.fetch_user_achievements(self.results.append))

    def set(self, percent: int, achievement_id: int = WIN) -> Result:
        return self._wait_for(lambda: self.manager.set_user_achievement(achievement_id, percent, self.results.append))

    def until(self, condition: Callable[[], object]) -> None:
        """Run callbacks, advancing the clock, until `condition` is true."""

        def is_so() -> bool:
            if condition():
                return True
            self.clock.advance(1.0)
            return False

        run_until(self.manager, is_so, timeout_s=20.0)

    def _wait_for(self, call: Callable[[], None]) -> Result:
        count = len(self.results)
        call()
        self.until(lambda: len(self.results) > count)
        assert len(self.results) == count + 1
        return self.results[-1]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service(clock: ManualClock) -> FakeService:
    service = FakeService(APP, clock=clock)
    service.add_achievement(WIN, "Win the Game")
    service.add_achievement(OTHER, "Another One")
    service.add_player(TOKEN, USER)
    return service


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    threads = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= threads
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert TOKEN not in caplog.text


@pytest.fixture
def server(service: FakeService) -> Iterator[FaultServer]:
    with FaultServer(service) as server:
        yield server


def timeout_s(fault: Fault) -> float:
    return 0.1 if fault in SLOW else 10.0


def stored(service: FakeService, achievement_id: int = WIN) -> int:
    """Return the percent that the service holds."""
    found = service.progress(USER).get(achievement_id)
    return 0 if found is None else found.percent


def shown(manager: AchievementManager, achievement_id: int = WIN) -> int:
    return manager.get_user_achievement(achievement_id).percent_complete


def test_every_fault_is_here() -> None:
    assert KEPT_WITH.keys() | DROPPED_WITH.keys() | set(OF_STREAMS) == set(Fault)


@pytest.mark.parametrize("fault", KEPT_WITH)
def test_an_update_is_kept_and_delivered_after_recovery(
    fault: Fault, server: FaultServer, clock: ManualClock, tmp_path: Path
) -> None:
    server.fail(Fault.REFUSE_STREAM, times=None)  # otherwise the event of success may come first
    game = FastGame(server, clock, tmp_path, timeout_s=timeout_s(fault))
    with game.manager as manager:
        assert game.fetch() is Result.OK
        server.fail(fault, times=None)
        assert game.set(40) is KEPT_WITH[fault]
        assert shown(manager) == 40
        assert manager.pending_count == 1
        game.until(lambda: game.connection)
        server.heal()
        if fault in UNTIL_ASKED:
            game.manager.fetch_user_achievements()
        game.until(lambda: not manager.pending_count)
        game.until(lambda: game.connection == [False, True])
        assert stored(server.service) == 40
        assert manager.get_user_achievement(WIN).synced
        assert manager.is_online
    assert game.results == [Result.OK, KEPT_WITH[fault]]


@pytest.mark.parametrize("fault", KEPT_WITH)
def test_an_update_is_kept_for_the_next_start(
    fault: Fault, server: FaultServer, clock: ManualClock, tmp_path: Path
) -> None:
    game = FastGame(server, clock, tmp_path, timeout_s=timeout_s(fault))
    with game.manager:
        server.fail(fault, times=None)
        unlocked_at_us = clock.at_us()
        assert game.set(100) is KEPT_WITH[fault]
    server.heal()
    clock.advance(3600)
    later = FastGame(server, clock, tmp_path)
    with later.manager as manager:
        later.until(lambda: stored(server.service) == 100 and not manager.pending_count)
    unlocked = server.service.progress(USER)[WIN].unlocked_at_us
    assert unlocked is not None
    assert abs(unlocked - unlocked_at_us) < 600_000_000  # an hour ago, not now


@pytest.mark.parametrize("fault", DROPPED_WITH)
def test_a_refused_update_is_dropped_and_the_list_reverts(
    fault: Fault, server: FaultServer, clock: ManualClock, tmp_path: Path
) -> None:
    game = FastGame(server, clock, tmp_path)
    with game.manager as manager:
        assert game.fetch() is Result.OK
        assert game.set(20) is Result.OK
        seen: list[int] = []
        manager.on_user_achievement_update = lambda achievement: seen.append(achievement.percent_complete)
        server.fail(fault, method="PUT")
        assert game.set(60) is DROPPED_WITH[fault]
        assert seen == [60, 20]
        assert shown(manager) == 20
        assert manager.pending_count == 0
        assert manager.is_online
        assert game.set(70) is Result.OK
        assert stored(server.service) == 70
    assert game.connection == []


@pytest.mark.parametrize("fault", KEPT_WITH | DROPPED_WITH)
def test_a_failed_fetch_is_reported_and_the_list_is_the_last_known(
    fault: Fault, server: FaultServer, clock: ManualClock, tmp_path: Path
) -> None:
    with FastGame(server, clock, tmp_path).manager as manager:
        results: list[Result] = []
        manager.fetch_user_achievements(results.append)
        manager.set_user_achievement(WIN, 30)
        run_until(manager, lambda: results and not manager.pending_count)
    game = FastGame(server, clock, tmp_path, timeout_s=timeout_s(fault))
    with game.manager as manager:
        server.fail(fault, times=None)
        assert game.fetch() is (KEPT_WITH | DROPPED_WITH)[fault]
        assert manager.count_user_achievements() == 2
        assert shown(manager) == 30
        server.heal()
        game.until(lambda: game.fetch() is Result.OK)


@pytest.mark.parametrize("fault", OF_STREAMS)
def test_without_a_stream_changes_still_arrive(
    fault: Fault, server: FaultServer, clock: ManualClock, tmp_path: Path
) -> None:
    server.fail(fault, times=None)
    game = FastGame(server, clock, tmp_path)
    with game.manager as manager:
        assert game.fetch() is Result.OK
        seen: list[int] = []
        manager.on_user_achievement_update = lambda achievement: seen.append(achievement.percent_complete)
        server.service.grant(USER, WIN, 80)
        game.until(lambda: seen == [80])
        assert shown(manager) == 80
        assert game.set(90) is Result.OK
        server.heal()
        start = clock.now()
        game.until(lambda: clock.now() > start + 700)  # the stream is tried again after ten minutes
        server.service.grant(USER, OTHER, 10)
        before = clock.now()
        run_until(manager, lambda: seen[-1] == 10)  # immediately: the clock stands still
        assert clock.now() == before


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.DRIP])
def test_close_does_not_wait_for_a_service_that_does_not_answer(
    fault: Fault, service: FakeService, clock: ManualClock, tmp_path: Path
) -> None:
    with FaultServer(service, drip_s=0.2) as server:
        server.fail(fault, times=None)
        game = FastGame(server, clock, tmp_path, timeout_s=60.0)
        game.manager.set_user_achievement(WIN, 100, game.results.append)
        run_until(game.manager, lambda: server.requests)
        start = time.monotonic()
        game.manager.close(timeout_s=5.0)
        assert time.monotonic() - start < 4.0
        assert game.results == [Result.TRANSACTION_ABORTED]
        game.manager.close()
        game.manager.run_callbacks()
        assert game.results == [Result.TRANSACTION_ABORTED]
        server.heal()
        later = FastGame(server, clock, tmp_path)
        with later.manager as manager:
            later.until(lambda: not manager.pending_count and stored(service) == 100)


def test_an_update_that_the_service_chokes_on_does_not_starve_the_others(
    clock: ManualClock, service: FakeService, server: FaultServer, tmp_path: Path
) -> None:
    game = FastGame(server, clock, tmp_path)
    with game.manager as manager:
        assert game.fetch() is Result.OK
        server.fail(Fault.INTERNAL_ERROR, times=2, method="PUT")
        manager.set_user_achievement(WIN, 10, game.results.append)
        manager.set_user_achievement(OTHER, 10, game.results.append)
        game.until(lambda: stored(service) == stored(service, OTHER) == 10 and not manager.pending_count)
    assert len(game.results) == 3


class Renewing:
    """A token object whose first token has expired."""

    def __init__(self) -> None:
        self.refreshed = 0

    def get_token(self) -> str:
        return "expired"

    def refresh(self) -> str:
        self.refreshed += 1
        return TOKEN


def test_an_expired_token_is_renewed_once(server: FaultServer, tmp_path: Path) -> None:
    renewing, results = Renewing(), list[Result]()
    with AchievementManager(APP, base_url=server.base_url, token=renewing, data_dir=tmp_path) as manager:
        manager.set_user_achievement(WIN, 50, results.append)
        run_until(manager, lambda: results)
    assert results == [Result.OK]
    assert renewing.refreshed == 1


class Talkative:
    """A token object whose exceptions contain the token."""

    user_id = USER

    def __init__(self, *, has_one: bool) -> None:
        self._has_one = has_one

    def get_token(self) -> str:
        if self._has_one:
            return TOKEN
        raise RuntimeError(f"cannot use {TOKEN}") from ValueError(TOKEN)

    def refresh(self) -> str:
        raise SystemExit(f"cannot renew {TOKEN}")


@pytest.mark.parametrize("has_one", [True, False])
def test_a_token_object_that_raises_shows_no_token(
    has_one: bool, server: FaultServer, clock: ManualClock, tmp_path: Path
) -> None:
    """The fixture checks that no line of the log contains the token."""
    server.fail(Fault.UNAUTHORIZED, times=None)
    results: list[Result] = []
    with AchievementManager(
        APP, base_url=server.base_url, token=Talkative(has_one=has_one), data_dir=tmp_path, clock=clock
    ) as manager:
        manager.set_user_achievement(WIN, 50, results.append)
        run_until(manager, lambda: results)
        assert results == [Result.OAUTH2_ERROR]
        assert manager.pending_count == 1
        assert TOKEN not in repr(manager)
        if has_one:  # a later sign-in may work, and the update is still stored
            server.heal()
            clock.advance(LONG_S)
            run_until(manager, lambda: not manager.pending_count)


def test_a_renewal_that_fails_is_tried_again(server: FaultServer, clock: ManualClock, tmp_path: Path) -> None:
    class Offline(Renewing):
        def refresh(self) -> str:
            if super().refresh() and self.refreshed == 1:
                raise ConnectionError("the sign-in is out of reach")
            return TOKEN

    renewing, results = Offline(), list[Result]()
    with AchievementManager(APP, base_url=server.base_url, token=renewing, data_dir=tmp_path, clock=clock) as manager:
        manager.set_user_achievement(WIN, 50, results.append)
        run_until(manager, lambda: results)
        assert results == [Result.OAUTH2_ERROR]
        clock.advance(LONG_S)
        run_until(manager, lambda: not manager.pending_count)
    assert renewing.refreshed == 2
    assert stored(server.service) == 50
