"""Measures the visible difference between two pictures."""

from __future__ import annotations

import pygame
from pygame import Surface

# Other versions of the font library place letters slightly differently, which hardly changes a block of 8x8 pixels.
BLOCK = 8
MEAN_MAX = 1.5
BLOCK_MAX = 44


def _plain(picture: Surface) -> Surface:
    plain = Surface(picture.get_size(), 0, 32)
    plain.blit(picture, (0, 0))
    return plain


def differences(picture: Surface, stored: Surface) -> tuple[float, int]:
    """Return the difference of two pictures, 0 to 255: the mean over all blocks, and the worst block."""
    size = (picture.get_width() // BLOCK, picture.get_height() // BLOCK)
    one, other = (
        pygame.image.tobytes(pygame.transform.smoothscale(_plain(each), size), "RGB") for each in (picture, stored)
    )
    apart = [abs(a - b) for a, b in zip(one, other, strict=True)]
    return sum(apart) / len(apart), max(apart)
