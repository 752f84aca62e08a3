"""A game that reports each set once the call has returned, until it is killed."""

from __future__ import annotations

import random
import threading
import warnings
from collections.abc import Iterator
from multiprocessing.connection import Connection

from discord_achievements import AchievementManager

APPLICATION_ID = 461618159171141643
IDS = range(580159119969878001, 580159119969878201)
SETS = 400
ROUNDS = 50


def sets(seed: int, round_: int) -> Iterator[tuple[int, int]]:
    """Yield ids and percents; later rounds are always higher, so that no set is without effect."""
    rng = random.Random(f"{seed} {round_}")
    for _ in range(SETS):
        yield rng.choice(IDS), min(100, 2 * round_ + rng.randrange(1, 4))


def play(reports: Connection[bytes, bytes], seed: int, round_: int, arguments: dict[str, str]) -> None:
    """Report the beginning, then set and report, with a frame now and then."""
    warnings.simplefilter("error")
    reports.send_bytes(b"playing")
    manager = AchievementManager(APPLICATION_ID, **arguments)  # type: ignore[arg-type]
    for number, (achievement_id, percent) in enumerate(sets(seed, round_), 1):
        manager.set_user_achievement(achievement_id, percent)
        reports.send_bytes(b"set")
        if number % 7 == 0:
            manager.run_callbacks()
    threading.Event().wait()  # the game is killed here at the latest
