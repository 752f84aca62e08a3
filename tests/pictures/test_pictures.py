"""The widgets look as reviewed: each picture is compared with the stored one, within a tolerance.

The pictures are those of pygame-ce; plain pygame 2 has other line heights. When a change is meant:
`python -m tests.pictures.scenes`, then look at every picture before it goes in.
"""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest

from tests.pictures.compare import BLOCK_MAX, MEAN_MAX, differences
from tests.pictures.scenes import FOLDER, LOCALES, PAINTERS, SIZES, THEMES, name_of

# SDL paints them, whichever Python calls it.
pytestmark = pytest.mark.any_python


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("scene", PAINTERS)
def test_it_looks_like_the_stored_picture(
    scene: str, size: tuple[int, int], theme: str, locale: str, tmp_path: Path
) -> None:
    name = name_of(scene, size, theme, locale)
    picture = PAINTERS[scene](tmp_path, size, THEMES[theme], locale)
    stored = pygame.image.load(FOLDER / name)
    assert picture.get_size() == stored.get_size()
    mean, worst = differences(picture, stored)
    if mean > MEAN_MAX or worst > BLOCK_MAX:
        pygame.image.save(picture, tmp_path / name)
        pytest.fail(f"{name} differs from the stored one (mean {mean:.2f}, worst block {worst}): {tmp_path / name}")


def test_a_moved_or_missing_part_is_noticed() -> None:
    stored = pygame.image.load(FOLDER / name_of("toasts", (1280, 720), "dark", "de"))
    moved = stored.copy()
    moved.scroll(0, 6)
    without = stored.copy()
    without.fill((70, 104, 128), (0, 0, 400, 120))
    assert differences(stored, stored) == (0, 0)
    assert differences(moved, stored)[1] > BLOCK_MAX
    assert differences(without, stored)[1] > BLOCK_MAX


def test_every_stored_picture_is_compared() -> None:
    wanted = {
        name_of(scene, size, theme, locale)
        for scene in PAINTERS
        for size in SIZES
        for theme in THEMES
        for locale in LOCALES
    }
    assert {path.name for path in FOLDER.iterdir()} == wanted
