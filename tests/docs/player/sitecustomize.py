"""Plays `game.py` instead of a player. Python imports this automatically if its folder is in PYTHONPATH.

PLAYER_KEYS names the keys to press, separated by spaces; after them it waits until everything has settled, saves a
picture to PLAYER_PICTURE and closes the window. A frame takes no time, but the clock reports a sixtieth of a second, so
that all runs make the same picture. With PLAYER_AT the wall clock stands still at that ISO 8601 time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from discord_achievements import AchievementManager

_FRAME_MS = 16
_PAUSE_S = 0.002  # lets the background threads run
_FRAMES_BETWEEN_KEYS = 5
_FRAMES_OF_QUIET = 60
_FRAMES_MAX = 10_000


class _Player:
    def __init__(self, keys: list[str], picture: str) -> None:
        self.keys = keys
        self.picture = picture
        self.frames = 0
        self.quiet = 0

    def frame(self) -> None:
        """Do what the player does after each frame."""
        import pygame

        self.frames += 1
        if self.frames > _FRAMES_MAX:
            raise TimeoutError(f"in {_FRAMES_MAX} frames the achievements of the game have not settled")
        if self.frames % _FRAMES_BETWEEN_KEYS:
            pass
        elif self.keys:
            key = pygame.key.key_code(self.keys.pop(0))
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0))
            pygame.event.post(pygame.event.Event(pygame.KEYUP, key=key, mod=0))
            self.quiet = 0
        if self.keys or not _is_settled():
            return
        self.quiet += 1
        if self.quiet == _FRAMES_OF_QUIET:
            window = pygame.display.get_surface()
            if self.picture and window is not None:
                pygame.image.save(window, self.picture)
            pygame.event.post(pygame.event.Event(pygame.QUIT))


def _is_settled() -> bool:
    """Whether background work has settled: the list, pictures and fonts, the service."""
    manager: AchievementManager | None = getattr(sys.modules["__main__"], "manager", None)
    if manager is None:
        return True
    draws, has_service = "discord_achievements.pygame_ui" in sys.modules, "DISCORD_ACHIEVEMENTS_URL" in os.environ
    if draws:
        from discord_achievements.pygame_ui.background import Background

        Background().settle()
    entries = [manager.get_user_achievement_at(index) for index in range(manager.count_user_achievements())]
    if draws and not entries:
        return False
    synced = [entry.synced for entry in entries if entry.percent_complete]
    return not has_service or (manager.is_online is True and synced != [] and all(synced))


def _sit_down(keys: list[str], picture: str, at: str) -> None:
    import threading

    import pygame

    player = _Player(keys, picture)
    flip, pause = pygame.display.flip, threading.Event()

    class Clock:
        def tick(self, _: float = 0) -> int:
            pause.wait(_PAUSE_S)
            return _FRAME_MS

    def flip_and_play() -> None:
        flip()
        player.frame()

    pygame.display.flip = flip_and_play
    setattr(pygame.time, "Clock", Clock)  # noqa: B010  mypy takes a class for a constant
    if at:
        from discord_achievements.client.clock import SystemClock
        from discord_achievements.domain.wire import parse_time

        at_us = parse_time(at)
        setattr(SystemClock, "at_us", lambda _: at_us)  # noqa: B010


if Path(sys.orig_argv[-1]).name == "game.py":
    _sit_down(
        os.environ.get("PLAYER_KEYS", "").split(),
        os.environ.get("PLAYER_PICTURE", ""),
        os.environ.get("PLAYER_AT", ""),
    )
