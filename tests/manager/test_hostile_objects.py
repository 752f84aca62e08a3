"""Objects of the game that raise what nobody expects: the worker survives, and what was set is stored and delivered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from discord_achievements import AchievementManager, Result
from discord_achievements.client.clock import SystemClock
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.testing import FakeService, InProcessTransport
from tests.support.managers import APPLICATION_ID, OK, WALK, GameLoop, write_catalogue
from tests.support.service_games import eventually

ODD = [KeyboardInterrupt, asyncio.CancelledError, SystemExit, GeneratorExit, RecursionError, MemoryError]


class OddToken:
    """A token object that raises at first."""

    def __init__(self, error: type[BaseException], times: int = 1) -> None:
        self._error = error
        self._left = times

    def get_token(self) -> str:
        if self._left:
            self._left -= 1
            raise self._error
        return "ann"

    def refresh(self) -> str:
        return self.get_token()


class OddTransport(InProcessTransport):
    """A transport that raises at first, and whenever it is closed."""

    def __init__(self, service: FakeService, error: type[BaseException]) -> None:
        super().__init__(service)
        self._error: type[BaseException] | None = error

    def send(self, request: Request) -> Response:
        error, self._error = self._error, None
        if error is not None:
            raise error
        return super().send(request)

    def close(self) -> None:
        raise RuntimeError("it cannot be closed")


class OddClock(SystemClock):
    """A clock that raises on the worker's thread, once."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error: type[BaseException] | None = error

    def now(self) -> float:
        if self._error is not None and threading.current_thread() is not threading.main_thread():
            error, self._error = self._error, None
            raise error
        return super().now()


@pytest.fixture
def service() -> FakeService:
    service = FakeService(APPLICATION_ID)
    service.add_player("ann", 1)
    service.add_achievement(WALK)
    return service


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    assert not list((tmp_path / "data").glob("journal-*")), "the worker has ended as it should"


@pytest.mark.parametrize("error", ODD, ids=lambda error: error.__name__)
def test_whatever_a_token_object_raises_the_next_token_delivers(
    service: FakeService, data_dir: Path, error: type[BaseException]
) -> None:
    with AchievementManager(
        APPLICATION_ID,
        base_url="https://host.invalid/api/v10",
        token=OddToken(error),
        transport=InProcessTransport(service),
        data_dir=data_dir,
    ) as manager:
        assert GameLoop(manager).set(WALK, 40) is Result.OAUTH2_ERROR
        manager.set_token("ann")
        assert manager.flush(30)
    assert service.progress(1)[WALK].percent == 40


@pytest.mark.parametrize("error", ODD, ids=lambda error: error.__name__)
def test_whatever_a_transport_raises_the_update_is_sent_again(
    service: FakeService, data_dir: Path, error: type[BaseException]
) -> None:
    with AchievementManager(
        APPLICATION_ID,
        base_url="https://host.invalid/api/v10",
        token="ann",
        transport=OddTransport(service, error),
        data_dir=data_dir,
    ) as manager:
        manager.set_user_achievement(WALK, 40)
        assert manager.flush(30)
    assert service.progress(1)[WALK].percent == 40


@pytest.mark.parametrize("error", ODD, ids=lambda error: error.__name__)
@pytest.mark.filterwarnings("error")
def test_whatever_a_clock_raises_on_the_workers_thread_what_is_set_is_stored(
    tmp_path: Path, data_dir: Path, error: type[BaseException]
) -> None:
    with AchievementManager(
        APPLICATION_ID, achievements=write_catalogue(tmp_path), clock=OddClock(error), data_dir=data_dir
    ) as manager:
        game = GameLoop(manager)
        manager.run_callbacks()
        assert game.set(WALK, 40) is OK
        eventually(lambda: game.set(WALK, 50) is OK)
