"""Widgets on surfaces of every size, and with pictures and texts of every size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest
from pygame import Surface
from pygame.event import Event

from discord_achievements import UserAchievement
from discord_achievements.pygame_ui import AchievementsScreen, ProgressIndicator, Toasts
from tests.widgets.stage import FIRST_ID, Stage, local_game

SIDES = (0, 1, 2, 3, 10, 33, 100, 150, 400, 2000)
ODD_PICTURES = ((1, 1), (1, 1000), (1000, 1), (2, 3), (1024, 1024))


class Everything:
    """All widgets, of which each has something to show."""

    def __init__(self, game: Stage, **options: object) -> None:
        self.toasts = Toasts(game.manager, progress_step=1, **options)  # type: ignore[arg-type]
        self.indicator = ProgressIndicator(game.manager, **options)  # type: ignore[arg-type]
        self.screen = AchievementsScreen(game.manager, **options)  # type: ignore[arg-type]
        self.game = game
        game.widgets = [self.toasts, self.indicator, self.screen]
        fetched: list[object] = []
        game.manager.fetch_user_achievements(fetched.append)
        game.until(lambda: fetched)

    def show(self, achievement_id: int, percent: int) -> None:
        self.game.manager.set_user_achievement(achievement_id, percent)
        self.game.until(lambda: self.toasts.is_visible and self.indicator.is_visible)
        self.screen.open()
        self.game.frames(2)

    def draw(self, surface: Surface) -> None:
        self.screen.draw(surface)
        assert self.toasts.draw(surface) is not None
        assert self.indicator.draw(surface) is not None

    def handle(self, width: int, height: int) -> None:
        for code in (pygame.K_DOWN, pygame.K_PAGEDOWN, pygame.K_END, pygame.K_TAB):
            self.screen.handle_event(Event(pygame.KEYDOWN, key=code, mod=0))
        for pos in ((width // 2, height // 2), (width - 1, height - 1), (0, 0)):
            self.screen.handle_event(Event(pygame.MOUSEBUTTONDOWN, button=1, pos=pos))
            self.screen.handle_event(Event(pygame.MOUSEMOTION, pos=pos))
            self.screen.handle_event(Event(pygame.MOUSEBUTTONUP, button=1, pos=pos))
        self.screen.handle_event(Event(pygame.MOUSEWHEEL, y=-1))


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Stage]:
    with local_game(tmp_path, count=40) as game:
        yield game


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_a_surface_may_have_any_size(game: Stage, scale: float) -> None:
    widgets = Everything(game, scale=scale)
    widgets.show(FIRST_ID, 30)
    for width, height in itertools.product(SIDES, SIDES):
        surface = Surface((width, height))
        widgets.screen.open()
        for _ in range(2):
            widgets.draw(surface)
            widgets.handle(width, height)


def test_a_surface_may_be_of_any_kind(game: Stage) -> None:
    widgets = Everything(game)
    widgets.show(FIRST_ID, 30)
    whole = Surface((640, 360))
    kinds = [Surface((640, 360), 0, depth) for depth in (8, 16, 24, 32)]
    parts = [whole.subsurface(area) for area in ((0, 0, 0, 0), (10, 10, 30, 20), (639, 359, 1, 1))]
    for surface in (*kinds, *parts, Surface((640, 360), pygame.SRCALPHA)):
        widgets.draw(surface)


def test_an_icon_may_have_any_size(tmp_path: Path) -> None:
    for number, size in enumerate(ODD_PICTURES):
        pygame.image.save(Surface(size), tmp_path / f"{number}.png")
    entries: list[dict[str, object]] = [
        {"name": "A", "description": "a", "icon": f"{number}.png"} for number in range(len(ODD_PICTURES))
    ]
    with local_game(tmp_path, *entries) as game:
        widgets = Everything(game)
        for number in range(len(entries)):
            widgets.show(FIRST_ID + number, 30)
            widgets.draw(Surface((640, 360)))


def test_the_games_own_picture_may_have_any_size(game: Stage) -> None:
    made = iter([None, *(Surface(size) for size in ((0, 0), (0, 5), (1, 1), (900, 3), (3000, 3000)))])

    def icon(_: UserAchievement, __: int) -> Surface | None:
        return next(made, None)

    widgets = Everything(game, icon=icon)
    widgets.show(FIRST_ID, 30)
    for height in range(200, 1000, 100):
        widgets.draw(Surface((640, height)))
    assert next(made, None) is None


@pytest.mark.parametrize("text", ["\u200d", " \u200d ", "\u0301", "\u00ad", "W" * 100, "\u0e01" * 60])
def test_a_text_may_be_as_wide_or_narrow_as_it_likes(tmp_path: Path, text: str) -> None:
    with local_game(tmp_path, {"name": text, "description": text}) as game:
        widgets = Everything(game)
        widgets.show(FIRST_ID, 30)
        widgets.draw(Surface((640, 360)))
