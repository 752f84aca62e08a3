"""A game that reports each set on standard output once the call has returned, until it is killed."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator

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


def play(seed: int, round_: int, **arguments: str) -> None:
    """Set and report, with a frame now and then."""
    manager = AchievementManager(APPLICATION_ID, **arguments)  # type: ignore[arg-type]
    for number, (achievement_id, percent) in enumerate(sets(seed, round_), 1):
        manager.set_user_achievement(achievement_id, percent)
        print(number, flush=True)
        if number % 7 == 0:
            manager.run_callbacks()


if __name__ == "__main__":
    if "service" in sys.argv:
        import discord_achievements.client.net.requests_transport  # noqa: F401
    print("ready", flush=True)
    play(**json.loads(sys.stdin.readline()))
    sys.stdin.readline()  # the game is killed here at the latest
