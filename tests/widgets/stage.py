"""A stage for widgets: a manager and a main loop without a window, which the test runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from discord_achievements import AchievementManager
from discord_achievements.testing import run_until

APPLICATION_ID = 461618159171141643
FRAME_S = 1 / 60
FIRST_ID = 100


class Updates(Protocol):
    """A widget."""

    def update(self, dt_s: float) -> object: ...


class Stage:
    """Runs the main loop of one manager and its widgets."""

    def __init__(self, manager: AchievementManager) -> None:
        self.manager = manager
        self.widgets: list[Updates] = []

    def run_callbacks(self) -> None:
        """Run one frame."""
        self.manager.run_callbacks()
        for widget in self.widgets:
            widget.update(FRAME_S)

    def frames(self, count: int) -> None:
        for _ in range(count):
            self.run_callbacks()

    def play(self, seconds: float) -> None:
        self.frames(round(seconds / FRAME_S))

    def until(self, condition: Callable[[], object]) -> None:
        run_until(self, condition, timeout_s=20)


def catalogue(folder: Path, *entries: dict[str, object], count: int = 0) -> Path:
    """Write a catalogue of `entries`, filled up to `count` with plain ones; ids count up from 100."""
    plain: list[dict[str, object]] = [
        {"name": f"Number {index}", "description": f"Do it {index} times."} for index in range(len(entries), count)
    ]
    achievements = [
        {"id": FIRST_ID + index, "key": f"key_{index}", **entry} for index, entry in enumerate([*entries, *plain])
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "achievements.json"
    path.write_text(json.dumps({"application_id": APPLICATION_ID, "achievement": achievements}), encoding="utf-8")
    return path


@contextmanager
def local_game(folder: Path, *entries: dict[str, object], count: int = 6, locale: str = "en-US") -> Iterator[Stage]:
    """Open a game in local mode; opening it again with the same folder is its next start."""
    path = catalogue(folder, *entries, count=count)
    with AchievementManager(APPLICATION_ID, achievements=path, data_dir=folder / "data", locale=locale) as manager:
        yield Stage(manager)
