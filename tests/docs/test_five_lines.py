"""The first code that a reader sees shows a toast when it is put into an ordinary pygame loop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, blocks, name_of
from tests.docs.programs import environment

# Thirty lines of somebody's game; the lines of the page replace the braces.
GAME = """\
import sys
import pygame
{imports}

pygame.init()
screen = pygame.display.set_mode((960, 540))
clock = pygame.time.Clock()
x, won, frames = 100, False, 0
{start}

while frames < 90:
    frames += 1
    dt_s = clock.tick(60) / 1000
    for event in pygame.event.get():
        if event.type == pygame.QUIT:
            sys.exit()

    x += 10
    if x > 300 and not won:
        won = True
        if "win" in sys.argv:
            {earned}

    screen.fill((40, 60, 90))
    pygame.draw.circle(screen, (255, 202, 104), (x, 270), 40)
    {frame}
    pygame.display.flip()

pygame.image.save(screen, sys.argv[1])
pygame.quit()
"""


def game_with(page: Path) -> str:
    """Return the game with the lines of the page, each group in its place."""
    (code,) = [block.content for block in blocks(page) if "toasts = Toasts(manager)" in block.content]
    imports, start, earned, frame = code.strip().split("\n\n")
    assert len((start + "\n" + frame).splitlines()) == 5
    indented = frame.replace("\n", "\n    ")
    return GAME.format(imports=imports, start=start, earned=earned, frame=indented)


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "index.md"], ids=name_of)
def test_five_lines_and_a_catalogue_show_a_toast(page: Path, tmp_path: Path) -> None:
    (catalogue,) = [block.content for block in blocks(page) if block.title == "achievements.toml"]
    (tmp_path / "game.py").write_text(game_with(page), "utf-8")
    (tmp_path / "achievements.toml").write_text(catalogue, "utf-8")

    def picture(*arguments: str) -> bytes:
        png = tmp_path / f"{'-'.join(arguments) or 'plain'}.bmp"
        subprocess.run(
            [sys.executable, "game.py", str(png), *arguments],
            cwd=tmp_path, env=environment(tmp_path / "home", ROOT), check=True, timeout=60,
        )  # fmt: skip
        return png.read_bytes()

    before = picture()
    unlocked = picture("win")
    assert before != unlocked, "there is a toast"
    assert picture("win") == before, "it is announced once, also across starts"
