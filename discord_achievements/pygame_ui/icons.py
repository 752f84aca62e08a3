"""Loads the achievements' icons in the sizes that are drawn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import pygame
from pygame import Surface

from ..client.manager import AchievementManager
from ..domain.models import UserAchievement
from . import paint
from .background import Background
from .theme import Theme

IconMaker = Callable[[UserAchievement, int], Surface | None]
_KEPT = 256
_MAX_SIDE = 1024
_Key = tuple[str, int, bool]
K = TypeVar("K")


class Icons:
    """Icons from the manager, loaded and scaled in the background; a medal is drawn until they are ready.

    A game's own `maker` comes first: `maker(user_achievement, size)` returns a surface that is drawn unchanged, or None
    for the usual icon. It is called once for each value and size. The same icon is always the same surface.
    """

    def __init__(self, manager: AchievementManager, theme: Theme, background: Background, maker: IconMaker | None):
        self._manager = manager
        self._theme = theme
        self._background = background
        self._maker = maker
        self._ready: OrderedDict[_Key, Surface | None] = OrderedDict()
        self._made: OrderedDict[tuple[UserAchievement, int], Surface | None] = OrderedDict()

    def get(self, achievement: UserAchievement, size: int) -> Surface:
        """Return the icon, `size` pixels wide and high: in colour if unlocked, else grey."""
        if self._maker is not None and (made := self._make(self._maker, achievement, size)) is not None:
            return made
        path = self._manager.get_icon(achievement.achievement_id)
        if path is not None:
            key = (path, size, not achievement.unlocked)
            if key not in self._ready:
                self._load(key)
            elif (icon := self._ready[key]) is not None:
                self._ready.move_to_end(key)
                return icon
        return self.stand_in(size, achievement.unlocked)

    def stand_in(self, size: int, unlocked: bool) -> Surface:
        """Return the medal that is drawn instead of an icon."""
        theme = self._theme
        if unlocked:
            return paint.medal(size, theme.accent, paint.mix(theme.panel, theme.accent, 0.16), theme.accent)
        locked = paint.mix(theme.track, theme.muted, 0.45)
        return paint.medal(size, paint.mix(theme.track, theme.muted, 0.15), theme.panel, locked)

    def _make(self, maker: IconMaker, achievement: UserAchievement, size: int) -> Surface | None:
        key = (achievement, size)
        if key not in self._made:
            self._made[key] = maker(achievement, size)
            _forget_oldest(self._made)
        return self._made[key]

    def _load(self, key: _Key) -> None:
        path, size, grey = key
        self._ready[key] = None
        radius = round(size * 0.22 * min(1.0, self._theme.roundness * 1.6))

        def load() -> Surface:
            image = pygame.image.load(path)
            if max(image.get_size()) > _MAX_SIDE:
                width, height = image.get_size()
                raise ValueError(f"icons have at most {_MAX_SIDE} x {_MAX_SIDE} pixels, got {width} x {height}")
            return paint.icon_of(image, size, radius, grey=grey)

        def keep(icon: Surface) -> None:
            self._ready[key] = icon
            _forget_oldest(self._ready)

        self._background.run(f"loading the icon {path}", load, keep)


def _forget_oldest(kept: OrderedDict[K, Surface | None]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
