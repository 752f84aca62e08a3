"""Reproducible pictures of the widgets; `python -m tests.pictures.scenes` stores them again. Look at each one!"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygame
from pygame import Surface

from discord_achievements import AchievementManager
from discord_achievements.pygame_ui import DARK, LIGHT, AchievementsScreen, ProgressIndicator, Theme, Toasts
from discord_achievements.pygame_ui.background import Background
from discord_achievements.testing import ManualClock
from tests.widgets.stage import APPLICATION_ID, Stage, catalogue

FOLDER = Path(__file__).with_name("stored")
SIZES = ((640, 360), (1280, 720), (1920, 1080))
THEMES = {"dark": DARK, "light": LIGHT}
LOCALES = ("en-US", "de")

_TEXTS = (
    ("First Light", "Bring your first spark home.", "Erstes Licht", "Bring deinen ersten Funken heim."),
    ("Light Train", "Lead a train of ten sparks at once, without losing a single one on the long way home to the old"
     " lantern.", "Lichterzug", "Führ einen Zug von zehn Funken auf einmal an, ohne auf dem langen Weg zur alten"
     " Laterne einen zu verlieren."),
    ("Lamplighter", "Bring 100 sparks home, all nights together.", "Laternenanzünder",
     "Bring 100 Funken heim, alle Nächte zusammen."),
    ("Till Dawn", "Stay up until the sun rises.", "Bis zum Morgen", "Bleib wach, bis die Sonne aufgeht."),
    ("A Name That Is Far Too Long for the Place That Was Meant for It and so Has to Be Cut",
     "It still has to look well.",
     "Ein Name, der viel zu lang für seinen Platz ist und deshalb gekürzt werden muss",
     "Es soll trotzdem gut aussehen."),
    ("Close Wings", "Slip past five bats in one night.", "Um Flügelbreite",
     "Entwische in einer Nacht fünf Fledermäusen."),
    ("Gentle Flight", "Bring 20 sparks home before you lose one.", "Sanfter Flug",
     "Bring 20 Funken heim, bevor du einen verlierst."),
    ("Bright Lantern", "Fill the lantern: 40 sparks in one night.", "Helle Laterne",
     "Füll die Laterne: 40 Funken in einer Nacht."),
)  # fmt: skip
_PROGRESS = {100: 100, 101: 100, 102: 42, 103: 0, 104: 75, 105: 100, 106: 5, 107: 60}


@contextmanager
def _game(folder: Path, locale: str) -> Iterator[Stage]:
    picture = Surface((64, 64))
    picture.fill((36, 92, 84))
    pygame.draw.circle(picture, (150, 240, 190), (32, 32), 20)
    pygame.draw.circle(picture, (36, 92, 84), (40, 26), 17)
    folder.mkdir(parents=True, exist_ok=True)
    pygame.image.save(picture, folder / "moon.png")
    entries: list[dict[str, object]] = [
        {
            "name": name,
            "description": description,
            "name_localizations": {"de": german},
            "description_localizations": {"de": german_description},
            **({"icon": "moon.png"} if index % 2 else {}),
        }
        for index, (name, description, german, german_description) in enumerate(_TEXTS)
    ]
    with AchievementManager(
        APPLICATION_ID,
        achievements=catalogue(folder, *entries, count=20),
        data_dir=folder / "data",
        locale=locale,
        clock=ManualClock(),
    ) as manager:
        yield Stage(manager)


def toasts(folder: Path, size: tuple[int, int], theme: Theme, locale: str) -> Surface:
    """The first of five unlocks, progress, and the indicator, on a plain background."""
    surface = Surface(size)
    surface.fill((70, 104, 128))
    with _game(folder, locale) as game:
        first = Toasts(game.manager, theme=theme)
        second = Toasts(game.manager, theme=theme, anchor="topright")
        indicator = ProgressIndicator(game.manager, theme=theme, anchor="topleft")
        game.widgets = [first, second]
        game.until(game.manager.count_user_achievements)
        game.frames(3)
        for achievement_id in (101, 100, 104):
            game.manager.set_user_achievement(achievement_id, 100)
        game.play(0.5)
        game.until(lambda: _drawn(first, size) and first._style.icons._ready)
        _settle(game)
        game.play(0.2)
        first.draw(surface)
        game.play(12)
        game.widgets.append(indicator)
        game.manager.set_user_achievement(102, 42)
        game.play(1.2)
        _settle(game)
        second.draw(surface)
        indicator.draw(surface)
    return surface


def _drawn(widget: Toasts, size: tuple[int, int]) -> bool:
    return widget.draw(Surface(size)) is not None


def _settle(game: Stage) -> None:
    """Wait until the background thread has delivered everything."""
    Background().settle()
    game.frames(1)


def achievements_list(folder: Path, size: tuple[int, int], theme: Theme, locale: str) -> Surface:
    """The list with an entry selected."""
    surface = Surface(size)
    with _game(folder, locale) as game:
        screen = AchievementsScreen(game.manager, theme=theme, reduced_motion=True)
        game.widgets = [screen]
        screen.open()
        game.until(game.manager.count_user_achievements)
        for achievement_id, percent in _PROGRESS.items():
            game.manager.set_user_achievement(achievement_id, percent)
        game.until(lambda: _looks_done(game, screen, size))
        for _ in range(3):
            game.frames(5)
            screen.handle_event(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_RIGHT, mod=0))
            screen.handle_event(pygame.event.Event(pygame.KEYUP, key=pygame.K_RIGHT, mod=0))
            screen.draw(surface)
        for _ in range(30):  # until every card has been painted
            game.frames(1)
            surface.fill((70, 104, 128))
            screen.draw(surface)
    return surface


def _looks_done(game: Stage, screen: AchievementsScreen, size: tuple[int, int]) -> bool:
    screen.draw(Surface(size))
    _settle(game)
    icons = screen._style.icons._ready
    return bool(icons) and all(icons.values())


PAINTERS = {"toasts": toasts, "list": achievements_list}


def name_of(scene: str, size: tuple[int, int], theme: str, locale: str) -> str:
    return f"{scene}-{size[0]}x{size[1]}-{theme}-{locale}.png"


def store() -> None:
    FOLDER.mkdir(exist_ok=True)
    for scene, painter in PAINTERS.items():
        for size in SIZES:
            for theme, colors in THEMES.items():
                for locale in LOCALES:
                    with tempfile.TemporaryDirectory() as folder:
                        picture = painter(Path(folder), size, colors, locale)
                    pygame.image.save(few_colours(picture), FOLDER / name_of(scene, size, theme, locale))


def few_colours(picture: Surface) -> Surface:
    """Round colours invisibly, so that the files are small."""
    table = bytes(min(255, (value + 2) // 4 * 4) for value in range(256))
    rounded = pygame.image.tobytes(picture, "RGB").translate(table)
    return pygame.image.frombytes(rounded, picture.get_size(), "RGB")


if __name__ == "__main__":
    store()
    sys.exit(0)
