"""A small pygame game as players get it: frozen, with its catalogue, icons and font beside it.

A windowed game cannot print, so this one writes what it saw to the file named by `--report`.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pygame

from discord_achievements import AchievementManager, Result
from discord_achievements.pygame_ui import DARK, AchievementsScreen, Toast, Toasts

HERE = Path(__file__).parent  # frozen or not, the game's files are next to this one
APPLICATION_ID = 461618159171141643
WIN_THE_GAME = 580159119969878046
FPS = 60
LONGEST_RUN_S = 60.0


class ShippedGame:
    """Shows the list, wins if asked to, and ends once it has the answers, the toast and the icon."""

    def __init__(self, data_dir: Path, *, wins: bool) -> None:
        self.screen = pygame.display.set_mode((640, 360))
        self.manager = AchievementManager(APPLICATION_ID, achievements=HERE / "achievements.toml", data_dir=data_dir)
        theme = replace(DARK, fonts=(str(HERE / "fonts" / "game.ttf"),))
        self.toasts = Toasts(self.manager, theme=theme, on_toast=self._on_toast)
        self.list = AchievementsScreen(self.manager, theme=theme)
        self.wins = wins
        self.won: Result | None = None
        self.fetched: Result | None = None
        self.unlocked_before: list[int] = []
        self.toasted: list[str] = []
        self.manager.fetch_user_achievements(self._on_fetched)
        self.list.open()

    def run(self) -> None:
        clock = pygame.time.Clock()
        end = time.monotonic() + LONGEST_RUN_S
        while not self._has_seen_all() and time.monotonic() < end:
            for event in pygame.event.get():
                self.list.handle_event(event)
            self.manager.run_callbacks()
            self.toasts.update(1 / FPS)
            self.list.update(1 / FPS)
            self.list.draw(self.screen)
            self.toasts.draw(self.screen)
            pygame.display.flip()
            clock.tick(FPS)

    def report(self) -> dict[str, object]:
        return {
            "has_console": sys.stderr is not None,
            "fetched": None if self.fetched is None else self.fetched.name,
            "won": None if self.won is None else self.won.name,
            "unlocked_before": self.unlocked_before,
            "unlocked": self._unlocked(),
            "toasted": self.toasted,
            "icon": self.manager.get_icon(WIN_THE_GAME),
            "pending": self.manager.pending_count,
            "storage_error": self.manager.storage_error,
        }

    def _on_fetched(self, result: Result) -> None:
        self.fetched = result
        self.unlocked_before = self._unlocked()
        if self.wins:
            self.manager.set_user_achievement(WIN_THE_GAME, 100, self._on_won)

    def _on_won(self, result: Result) -> None:
        self.won = result

    def _on_toast(self, toast: Toast) -> Toast:
        self.toasted.append(toast.name)
        return toast

    def _unlocked(self) -> list[int]:
        count = self.manager.count_user_achievements()
        listed = [self.manager.get_user_achievement_at(index) for index in range(count)]
        return [achievement.achievement_id for achievement in listed if achievement.unlocked]

    def _has_seen_all(self) -> bool:
        has_won = not self.wins or (self.won is not None and self.toasts.is_visible)
        return self.fetched is not None and has_won and self.manager.get_icon(WIN_THE_GAME) is not None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--win", action="store_true")
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    if options.log is not None:
        logging.basicConfig(filename=options.log, encoding="utf-8", level=logging.INFO)
    # Without a console, none of these is visible.
    print("a line")
    warnings.warn("a warning", stacklevel=1)
    logging.getLogger("discord_achievements").warning("a message")
    pygame.init()
    game = ShippedGame(options.data_dir, wins=options.win)
    game.run()
    report = game.report()
    game.manager.close()
    pygame.quit()
    options.report.write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
