"""What toasts and the list cost a frame at 1280x720, with everything painted that will be painted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median

from pygame import Surface

from discord_achievements import AchievementManager
from discord_achievements.pygame_ui import AchievementsScreen, Toasts

from .driving import local_manager, turn_until
from .measure import Readings, interleaved, ns_per_call
from .service import achievement_ids

SIZE = (1280, 720)
MANY = 1000
FRAME_S = 1 / 60
IDLE_CALLS = 1000
ROWS_A_FRAME = 0.5


def measure(folder: Path, quick: bool) -> Readings:
    """Measure the keys of this module."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    readings = Readings()
    with local_manager(folder / "toasts", 10) as manager:
        readings.add(_toasts(manager, rounds=5 if quick else 200))
    with local_manager(folder / "list", MANY) as manager:
        readings.add(_list(manager, frames=20 if quick else 600))
    return readings


def _toasts(manager: AchievementManager, rounds: int) -> Readings:
    toasts = Toasts(manager, stay_s=3600.0)
    surface = Surface(SIZE)

    def frame() -> None:
        toasts.update(FRAME_S)
        toasts.draw(surface)

    def frame_without() -> None:
        pass

    for _ in range(20):
        manager.run_callbacks()
        frame()
    idle_ns, nothing_ns = interleaved(
        rounds, lambda: ns_per_call(frame, IDLE_CALLS), lambda: ns_per_call(frame_without, IDLE_CALLS)
    )
    manager.set_user_achievement(achievement_ids(1)[0], 100)
    turn_until(manager, _drawn(toasts, surface), "a toast")
    for _ in range(60):
        frame()
    (draw_ns,) = interleaved(rounds, lambda: ns_per_call(frame, 10))
    toasts.close()
    return Readings(
        {"toast_idle_us": (idle_ns - nothing_ns) / 1000, "toast_draw_ms": draw_ns / 1e6},
    )


def _drawn(toasts: Toasts, surface: Surface) -> Callable[[], bool]:
    def is_drawn() -> bool:
        toasts.update(FRAME_S)
        return toasts.draw(surface) is not None

    return is_drawn


def _list(manager: AchievementManager, frames: int) -> Readings:
    """Scroll steadily through the list, half a row each frame, so that new entries come in all the time."""
    screen = AchievementsScreen(manager)
    surface = Surface(SIZE)
    screen.open()
    for _ in range(20):
        manager.run_callbacks()
        screen.update(FRAME_S)
        screen.draw(surface)
    scrolling: list[float] = []
    standing: list[float] = []
    for number in range(frames):
        screen.scroll(ROWS_A_FRAME if number % 200 < 100 else -ROWS_A_FRAME)
        screen.update(FRAME_S)
        scrolling.append(ns_per_call(lambda: screen.draw(surface), 1) / 1e6)
        standing.append(ns_per_call(lambda: screen.draw(surface), 1) / 1e6)
    screen.close()
    return Readings(
        {"screen_draw_ms": median(scrolling)},
        {"screen_draw_still_ms": median(standing), "screen_draw_worst_ms": max(scrolling)},
    )
