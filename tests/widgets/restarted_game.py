"""A game that ends pygame, or parts of it, while its widgets live on; prints what is drawn and played afterwards.

Runs in a process of its own, because the use of a font or sound that is no longer valid can crash the interpreter.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

os.environ["SDL_VIDEODRIVER"] = os.environ["SDL_AUDIODRIVER"] = "dummy"

import pygame

from discord_achievements import AchievementManager
from discord_achievements.pygame_ui import AchievementsScreen, ProgressIndicator, Toasts
from discord_achievements.testing import run_until
from tests.widgets.stage import APPLICATION_ID, FIRST_ID

BACKGROUND = pygame.Color(1, 2, 3)
STEREO, FLOATS, BYTES = (44100, -16, 2), (48000, 32, 2), (22050, 8, 1)


class Game:
    """One round of a game, with a new manager and new widgets."""

    def __init__(self, catalogue: Path, folder: Path) -> None:
        pygame.mixer.init(*STEREO, allowedchanges=0)
        pygame.init()
        self.surface = pygame.display.set_mode((640, 360))
        self.manager = AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir=folder)
        self.own = pygame.mixer.Sound(buffer=bytes(4000))
        self.toasts = Toasts(self.manager, sound=True, stay_s=0.2, stay_min_s=0.1)
        self.others = Toasts(self.manager, sound=self.own, stay_s=0.2, stay_min_s=0.1, anchor="topleft")
        self.bar = ProgressIndicator(self.manager)
        self.screen = AchievementsScreen(self.manager)
        self.seen: set[str] = set()
        self.next_id = FIRST_ID
        fetched: list[object] = []
        self.manager.fetch_user_achievements(fetched.append)  # answered after the widgets' own
        run_until(self, lambda: fetched)

    def run_callbacks(self) -> None:
        """Run one frame."""
        self.manager.run_callbacks()
        for widget in (self.toasts, self.others, self.bar, self.screen):
            widget.update(0.1)
        self.surface.fill(BACKGROUND)
        self.screen.draw(self.surface)
        if self.screen.is_open and self.surface.get_at((320, 180)) != BACKGROUND:
            self.seen.add("list")
        for name, widget in (("toast", self.toasts), ("other", self.others), ("bar", self.bar)):
            if widget.draw(self.surface):
                self.seen.add(name)
        if pygame.mixer.get_init() and pygame.mixer.get_busy():
            self.seen.add("sound")

    def play(self) -> str:
        """Unlock one achievement, advance another, look at the list; return what has been seen of that."""
        self.seen = set()
        self.manager.set_user_achievement(self.next_id, 100)
        self.manager.set_user_achievement(self.next_id + 1, 60)
        self.next_id += 2
        wanted = {"list", "toast", "other", "bar"} | ({"sound"} if pygame.mixer.get_init() else set())
        self.screen.open()
        with suppress(TimeoutError):  # what is missing is not printed
            run_until(self, lambda: self.seen >= wanted, timeout_s=10)
        self.screen.close()
        run_until(self, lambda: not (self.toasts.is_visible or self.others.is_visible or self.bar.is_visible))
        return " ".join(sorted(self.seen))

    # What becomes of pygame

    def nothing(self) -> None:
        pass

    def all_of_it(self) -> None:
        pygame.quit()
        pygame.mixer.init(*STEREO, allowedchanges=0)
        pygame.init()
        self.surface = pygame.display.set_mode((640, 360))

    def font(self) -> None:
        pygame.font.quit()
        pygame.font.init()

    def no_font(self) -> None:
        pygame.font.quit()

    def display(self) -> None:
        pygame.display.quit()
        pygame.display.init()
        self.surface = pygame.display.set_mode((800, 600))

    def larger_window(self) -> None:
        self.surface = pygame.display.set_mode((1280, 720), pygame.RESIZABLE)

    def floats(self) -> None:
        pygame.mixer.quit()
        pygame.mixer.init(*FLOATS, allowedchanges=0)

    def bytes(self) -> None:
        pygame.mixer.quit()
        pygame.mixer.init(*BYTES, allowedchanges=0)

    def same_mixer(self) -> None:
        pygame.mixer.quit()
        pygame.mixer.init(*STEREO, allowedchanges=0)

    def no_mixer(self) -> None:
        pygame.mixer.quit()

    def no_pygame(self) -> None:
        pygame.quit()
        self.surface = pygame.Surface((640, 360))


def main(catalogue: Path, folder: Path) -> None:
    game = Game(catalogue, folder / "old")
    restarts: tuple[Callable[[], None], ...] = (
        game.nothing, game.all_of_it, game.font, game.no_font, game.display, game.larger_window, game.same_mixer,
        game.floats, game.bytes, game.no_mixer, game.all_of_it, game.no_pygame, game.all_of_it,
    )  # fmt: skip
    for restart in restarts:
        restart()
        print(restart.__name__, game.play(), flush=True)
    game.manager.close()
    pygame.quit()
    for round_ in range(3):
        game = Game(catalogue, folder / f"new{round_}")
        print("new", game.play(), flush=True)
        game.manager.close()
        pygame.quit()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
