"""Fixtures of all tests of the widgets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from discord_achievements.pygame_ui.background import Background


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    """Wait for the thread that all widgets share, so that a test finds only its own work in the log."""
    yield
    Background().settle()
