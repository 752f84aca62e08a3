"""Toasts, a list and a progress indicator for pygame, drawn on the game's own surface.

    from discord_achievements.pygame_ui import AchievementsScreen, Toasts

    toasts = Toasts(manager)
    while playing:
        manager.run_callbacks()
        toasts.update(dt_s)         # seconds since the last frame
        toasts.draw(surface)        # last, over everything else

Works with pygame-ce and with pygame 2, on any surface: a window, a scaled one, or one that is uploaded to OpenGL.
**Thread**: everything here belongs to the game's thread. Files (icons, fonts, which unlocks were shown) are read in the
constructor or on a background thread, never while a frame is drawn.
"""

from __future__ import annotations

try:
    import pygame as _pygame
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "discord_achievements.pygame_ui draws with pygame: pip install discord-achievements[pygame]", name="pygame"
    ) from exc

from .indicator import ProgressIndicator
from .screen import AchievementsScreen
from .theme import DARK, LIGHT, Theme
from .toast_queue import Anchor, Toast
from .toasts import Toasts

__all__ = ["DARK", "LIGHT", "AchievementsScreen", "Anchor", "ProgressIndicator", "Theme", "Toast", "Toasts"]

del _pygame
