"""The pictures in the documentation show what the program shows today.

After a deliberate change: `make screenshots`, then look at every picture before committing it.
"""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest

from tests.docs.pages import DOCS
from tests.docs.screenshots import CHANGING, PICTURES
from tests.pictures.compare import BLOCK_MAX, MEAN_MAX, differences

# SDL paints them, whichever Python calls it.
pytestmark = pytest.mark.any_python


@pytest.mark.parametrize("name", PICTURES)
def test_the_stored_picture_is_current(name: str, tmp_path: Path) -> None:
    picture = PICTURES[name](tmp_path)
    stored = pygame.image.load(DOCS / name)
    assert picture.get_size() == stored.get_size()
    for each in (picture, stored):
        each.fill((0, 0, 0), CHANGING.get(name, (0, 0, 0, 0)))
    mean, worst = differences(picture, stored)
    assert (mean <= MEAN_MAX, worst <= BLOCK_MAX) == (True, True), f"docs/{name} is old: run make screenshots"


def test_every_stored_picture_has_its_maker() -> None:
    assert {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.png")} == set(PICTURES)
