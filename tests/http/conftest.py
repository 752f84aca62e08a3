"""A database with tokens of every kind, for each module that starts the service."""

from __future__ import annotations

import pytest

from tests.support.running import Tokens, prepare


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('service').as_posix()}/service.sqlite3"


@pytest.fixture(scope="module")
def tokens(database: str) -> Tokens:
    return prepare(database)
