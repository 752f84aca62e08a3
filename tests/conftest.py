"""Shared by all tests: how property tests run, and the servers that the service's tests need.

A busy machine must not fail a property test. PostgreSQL comes from PyPI, so every machine that runs the tests has it.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.databases import Caddy, Nginx, Postgres, RedisServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """Leave what the whole suite has imported out of later collections: tests that need one wait half a second less."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL server for this test run."""
    # Not in pytest's folder: when started by root, PostgreSQL runs as another user, who may not enter that.
    with tempfile.TemporaryDirectory(prefix="postgres", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder), durable=False)
        yield server
        server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Start a Redis for this test run; if the machine has none, the tests that need it are reported as not run."""
    if not RedisServer.is_installed():
        pytest.skip("not run: this machine has no redis-server or valkey-server")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def make_nginx(tmp_path: Path) -> Iterator[Callable[[str, int], Nginx]]:
    """Return a function that starts nginx; if the machine has none, the tests that need it are reported as not run."""
    if not Nginx.is_installed():
        pytest.skip("not run: this machine has no nginx")
    with ExitStack() as stack:

        def make(servers: str, port: int) -> Nginx:
            nginx = Nginx(tmp_path / "nginx", servers, port)
            stack.callback(nginx.stop)
            return nginx

        yield make


@pytest.fixture
def make_caddy(tmp_path: Path) -> Iterator[Callable[[str, int], Caddy]]:
    """Return a function that starts Caddy; if the machine has none, the tests that need it are reported as not run."""
    if not Caddy.is_installed():
        pytest.skip("not run: this machine has no caddy")
    with ExitStack() as stack:

        def make(sites: str, port: int) -> Caddy:
            caddy = Caddy(tmp_path / "caddy", sites, port)
            stack.callback(caddy.stop)
            return caddy

        yield make


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser for a module; if the machine has none, the tests that need it are reported as not run."""
    from tests.support.browser import is_installed, running_browser  # Playwright takes a third of a second

    if not is_installed():
        pytest.skip("not run: this machine has neither Chromium nor Chrome")
    with running_browser() as browser:
        yield browser


@pytest.fixture(params=["sqlite", "postgresql"])
def make_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Make a new database of either kind, and return its URL."""
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        return server.new_database
    return lambda: f"sqlite:///{tmp_path_factory.mktemp('sqlite').as_posix()}/service.sqlite3"


@pytest.fixture(params=["sqlite", "postgresql"])
def make_empty_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Make a new database of either kind, without tables, and return its URL."""
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        return server.empty_database
    return lambda: f"sqlite:///{tmp_path_factory.mktemp('sqlite').as_posix()}/service.sqlite3"
