"""Fixtures of the tests of what is on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.storages import ANNA, DrivenStorage


@pytest.fixture
def start() -> Iterator[Callable[..., DrivenStorage]]:
    """Starts games, and closes them after the test."""
    games: list[DrivenStorage] = []

    def start(folder: Path, owner: bytes = ANNA) -> DrivenStorage:
        games.append(DrivenStorage(folder, owner))
        return games[-1]

    yield start
    for game in games:
        game.storage.close()
