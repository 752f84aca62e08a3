"""The pytest plugin: fixtures for testing a game with achievements.

pytest imports it at every start, in every project of the environment, so the fixtures import what they need.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import CheckedManager, ServiceControl, UnknownId

CATALOGUE = "achievements_catalogue"
SOURCES = "achievements_sources"
_SERVICE = pytest.StashKey["ServiceControl"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's two settings."""
    parser.addini(CATALOGUE, "the game's catalogue file, relative to the rootdir", type="string")
    parser.addini(SOURCES, "files and folders with the game's code, relative to the rootdir", type="linelist")


@pytest.fixture(scope="session")
def achievements_catalogue(pytestconfig: pytest.Config) -> Path:
    """The path of the game's catalogue file; override this fixture to use another one."""
    given: str = pytestconfig.getini(CATALOGUE)
    if not given:
        pytest.fail(_missing(pytestconfig, CATALOGUE, '"achievements.toml"'), pytrace=False)
    return pytestconfig.rootpath / given


@pytest.fixture
def achievement_service(request: pytest.FixtureRequest, achievements_catalogue: str | Path) -> Iterator[ServiceControl]:
    """The service behind `achievements`: go offline, refuse, delay, grant, and check its state."""
    from .client.disk.catalogue_file import read_catalogue
    from .domain.errors import CatalogueError
    from .testing import ServiceControl

    try:
        service = ServiceControl(read_catalogue(achievements_catalogue))
    except CatalogueError as exc:
        raise pytest.fail.Exception(str(exc), pytrace=False) from None
    request.node.stash[_SERVICE] = service
    yield service
    del request.node.stash[_SERVICE]  # pytest keeps the test itself until the end of the run
    service.close()


@pytest.fixture
def achievements(achievement_service: ServiceControl, tmp_path_factory: pytest.TempPathFactory) -> CheckedManager:
    """An `AchievementManager` for the game under test, with assertions and without progress."""
    return achievement_service.start_manager(tmp_path_factory.mktemp("achievements"))


@pytest.fixture
def unknown_achievement_ids(pytestconfig: pytest.Config, achievements_catalogue: str | Path) -> list[UnknownId]:
    """The calls in the game's code with an achievement id that is not in the catalogue."""
    from .domain.errors import CatalogueError
    from .testing import unknown_ids

    given: list[str] = pytestconfig.getini(SOURCES)
    if not given:
        pytest.fail(_missing(pytestconfig, SOURCES, '["my_game"]'), pytrace=False)
    try:
        return unknown_ids([pytestconfig.rootpath / path for path in given], achievements_catalogue)
    except (CatalogueError, ValueError) as exc:
        raise pytest.fail.Exception(str(exc), pytrace=False) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test in which the game set an id that is not in the catalogue."""
    result = yield
    service = item.stash.get(_SERVICE, None)
    wrong = [manager.describe_unknown_ids() for manager in service.managers if manager.unknown_ids] if service else []
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)
    return result


def _missing(config: pytest.Config, setting: str, example: str) -> str:
    return (
        f"{setting} is not set: write {setting} = {example} under [tool.pytest.ini_options] in pyproject.toml"
        f" (relative to {config.rootpath})"
        + (f", or define a fixture {setting} that returns the path" if setting == CATALOGUE else "")
    )
