"""Makes every picture in the README and the documentation from the real program; `make screenshots` stores them.

The wall clock stands still at AT and random numbers have a seed, so that every run makes the same pictures. View each!
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pygame
from pygame import Rect, Surface

from discord_achievements.pygame_ui import DARK, LIGHT
from tests.docs.pages import DOCS, ROOT, blocks
from tests.docs.programs import PLAYER, environment
from tests.pictures import scenes

AT = "2026-05-02T20:15:00+00:00"
DEMO = ROOT / "examples" / "pygame_demo"
SIZE = (960, 400)
TIMEOUT_S = 120

# The demo, always at the same time of the same day.
_DEMO = f"""
import runpy, sys
from discord_achievements.client.clock import SystemClock
from discord_achievements.domain.wire import parse_time
SystemClock.at_us = lambda _: parse_time({AT!r})
sys.argv = ["pygame_demo", *sys.argv[1:]]
runpy.run_path({str(DEMO)!r}, run_name="__main__")
"""


def _run(*command: str | Path, folder: Path, **more: str) -> None:
    subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(folder / "home", PLAYER, ROOT) | more,
        stdout=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
        check=True,
    )


def _demo(folder: Path, *options: str) -> Surface:
    path = folder / "picture.png"
    how = ("--headless", "--autoplay", "--seed", "7", "--data-dir", str(folder / "data"), "--screenshot", str(path))
    _run("-c", _DEMO, *how, *options, folder=folder)
    return pygame.image.load(path)


def _tutorial(folder: Path, *runs: str) -> Surface:
    """Play the last game of the tutorial, once for the keys of each run."""
    files = {block.title: block.content for block in blocks(DOCS / "tutorial.md") if "." in block.title}
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    path = folder / "picture.png"
    for keys in runs:
        _run("game.py", folder=folder, PLAYER_KEYS=keys, PLAYER_PICTURE=str(path), PLAYER_AT=AT)
    return pygame.image.load(path)


PICTURES: dict[str, Callable[[Path], Surface]] = {
    "demo.png": lambda folder: _demo(folder, "--seconds", "9.5"),
    "demo_list.png": lambda folder: _demo(folder, "--seconds", "24", "--show-list"),
    "pictures/tutorial_toast.png": lambda folder: _tutorial(folder, "space", "space " * 10),
    "pictures/tutorial_list.png": lambda folder: _tutorial(folder, "space", "space " * 10, "tab"),
    "pictures/toasts_dark.png": lambda folder: scenes.toasts(folder, SIZE, DARK, "en-US"),
    "pictures/toasts_light.png": lambda folder: scenes.toasts(folder, SIZE, LIGHT, "en-US"),
}
# Where the demo shows how long its frames took, which differs each time.
CHANGING = {"demo.png": Rect(0, 550, 460, 50)}


def store() -> None:
    for name, paint in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            picture = paint(Path(folder))
        (DOCS / name).parent.mkdir(exist_ok=True)
        pygame.image.save(scenes.few_colours(picture), DOCS / name)
        print(f"docs/{name}")


if __name__ == "__main__":
    store()
