"""Managers as a game has them, and the loop that a game turns while it waits."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from discord_achievements import AchievementManager, Result

from .measure import CouldNotMeasure
from .service import APPLICATION_ID, Service, achievement_ids

PATIENCE_S = 20.0
FRAME_PAUSE_S = 0.001


def write_catalogue(path: Path, count: int) -> Path:
    """Write a catalogue of `count` achievements, and return its path."""
    achievements = [
        {
            "id": achievement_id,
            "key": f"number_{index}",
            "name": f"Achievement number {index}",
            "description": f"Do the thing that this game asks for {index} times.",
        }
        for index, achievement_id in enumerate(achievement_ids(count))
    ]
    path.write_text(json.dumps({"application_id": APPLICATION_ID, "achievement": achievements}))
    return path


def local_manager(folder: Path, count: int) -> AchievementManager:
    """Return a manager in local mode whose list of `count` has been fetched."""
    folder.mkdir(parents=True)
    catalogue = write_catalogue(folder / "achievements.json", count)
    manager = AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir=folder / "data")
    fetch(manager)
    return manager


def service_manager(folder: Path, base_url: str, token: str) -> AchievementManager:
    """Return a manager in service mode that has fetched nothing yet."""
    return AchievementManager(APPLICATION_ID, base_url=base_url, token=token, data_dir=folder)


def turn_until(manager: AchievementManager, done: Callable[[], bool], what: str) -> None:
    """Turn a game's loop until `done`, releasing the interpreter between frames."""
    deadline = monotonic() + PATIENCE_S
    while not done():
        if monotonic() > deadline:
            raise CouldNotMeasure(f"{what} did not happen within {PATIENCE_S:g} s")
        manager.run_callbacks()
        sleep(FRAME_PAUSE_S)


def fetch(manager: AchievementManager) -> None:
    """Fetch the list and wait for it."""
    results: list[Result] = []
    manager.fetch_user_achievements(results.append)
    turn_until(manager, lambda: bool(results), "the answer to a fetch")
    if results[0] is not Result.OK:
        raise CouldNotMeasure(f"a fetch answered {results[0]!r}")


def sign_in(manager: AchievementManager, service: Service, token: str) -> None:
    """Fetch, and wait for the event stream; from here on everything changes before each answer."""
    service.answers_change(token, "all")
    fetch(manager)
    turn_until(manager, lambda: service.answers_change(token, "all") > 0, "an event stream")


@contextmanager
def port_without_service() -> Iterator[int]:
    """Hold a port at which nobody listens, so that a connection is refused at once."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
