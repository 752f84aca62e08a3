"""Fixtures of the manager's tests: games without a service, and games with one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import AchievementManager
from tests.support.managers import APPLICATION_ID, GameLoop, Start, write_catalogue
from tests.support.service_games import ServiceAndGames


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISCORD_ACHIEVEMENTS_URL", "DISCORD_ACCESS_TOKEN", "DISCORD_CURRENT_LOCALE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def start_local(tmp_path: Path) -> Iterator[Start]:
    managers: list[AchievementManager] = []

    def start(**more: Any) -> GameLoop:
        options: dict[str, Any] = {"data_dir": tmp_path / "data"} | more
        if "achievements" not in options:
            options["achievements"] = write_catalogue(tmp_path)
        managers.append(AchievementManager(APPLICATION_ID, **options))
        return GameLoop(managers[-1])

    yield start
    for manager in managers:
        manager.close()


@pytest.fixture(params=["local", "service"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    """Starts games on one machine; each test runs without a service and with one."""
    if request.param == "local":
        start: Start = request.getfixturevalue("start_local")
        return start
    world: ServiceAndGames = request.getfixturevalue("world")

    def start_online(**more: Any) -> GameLoop:
        return world.start(**{"achievements": write_catalogue(tmp_path)} | more)

    return start_online


@pytest.fixture
def game(start: Start) -> GameLoop:
    """A game without a service, and one with a service."""
    return start()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServiceAndGames]:
    world = ServiceAndGames(tmp_path)
    yield world
    world.close()
