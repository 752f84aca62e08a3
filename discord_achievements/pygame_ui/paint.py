"""Paints shapes with soft edges, by painting them larger and scaling down; each is painted once and cached."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import cos, pi, sin

import pygame
from pygame import Surface

from .theme import Color

Size = tuple[int, int]
_OVERSIZE = 4


def mix(a: Color, b: Color, share: float) -> Color:
    """Return the colour that is `share` (0 to 1) of the way from `a` to `b`."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def clear(size: Size, color: Color) -> Surface:
    """Return a transparent surface; what is scaled down on it fades to `color` at its edges."""
    surface = Surface((max(1, size[0]), max(1, size[1])), pygame.SRCALPHA, 32)
    surface.fill((*color, 0))
    return surface


def smooth(size: Size, color: Color, paint: Callable[[Surface, int], object]) -> Surface:
    """Call `paint(surface, k)`, which paints `k` times too large, and scale the result down to `size`."""
    large = clear((size[0] * _OVERSIZE, size[1] * _OVERSIZE), color)
    paint(large, _OVERSIZE)
    return pygame.transform.smoothscale(large, (max(1, size[0]), max(1, size[1])))


@lru_cache(maxsize=48)
def panel(size: Size, fill: Color, border: Color, radius: int, opacity: float, line: float = 1.5) -> Surface:
    """Return a rounded box; `line` is the width of its border."""
    alpha = round(255 * opacity)

    def paint(surface: Surface, k: int) -> None:
        box = surface.get_rect()
        inset = max(1, round(line * k))
        pygame.draw.rect(surface, (*border, alpha), box, border_radius=radius * k)
        inner = box.inflate(-2 * inset, -2 * inset)
        pygame.draw.rect(surface, (*fill, alpha), inner, border_radius=max(0, radius * k - inset))

    return smooth(size, border, paint)


@lru_cache(maxsize=16)
def shadow(size: Size, color: Color, radius: int, blur: int, opacity: float) -> Surface:
    """Return the shadow of a rounded box, `blur` wider than the box on each side."""
    whole = (size[0] + 2 * blur, size[1] + 2 * blur)
    # An edge that is scaled down to a few pixels and up again becomes as wide as it should be soft.
    for step in (max(2, blur // 2), max(2, blur // 3)):
        small = clear((whole[0] // step + 2, whole[1] // step + 2), color)
        inner = pygame.Rect(0, 0, size[0] // step, size[1] // step)
        inner.center = small.get_rect().center
        pygame.draw.rect(small, (*color, round(255 * opacity)), inner, border_radius=max(1, radius // step))
        if step == max(2, blur // 2):
            first = pygame.transform.smoothscale(small, whole)
        else:
            small = pygame.transform.smoothscale(first, small.get_size())
    return pygame.transform.smoothscale(small, whole)


@lru_cache(maxsize=256)
def bar(size: Size, filled: int, fill: Color, track: Color) -> Surface:
    """Return a progress bar of which `filled` pixels are full."""

    def paint(surface: Surface, k: int) -> None:
        box = surface.get_rect()
        pygame.draw.rect(surface, track, box, border_radius=box.height // 2)
        if filled > 0:
            full = pygame.Rect(0, 0, max(filled * k, box.height), box.height)
            pygame.draw.rect(surface, fill, full, border_radius=box.height // 2)

    return smooth(size, track, paint)


def bar_of(size: Size, percent: float, fill: Color, track: Color) -> Surface:
    """Return a progress bar that is `percent` (0 to 100) full."""
    return bar(size, round(size[0] * max(0.0, min(percent, 100.0)) / 100), fill, track)


@lru_cache(maxsize=32)
def medal(size: int, ring: Color, face: Color, star: Color) -> Surface:
    """Return the icon of an achievement without its own: a star on a medal."""

    def paint(surface: Surface, k: int) -> None:
        center = size * k / 2
        pygame.draw.circle(surface, ring, (center, center), center - k / 2)
        pygame.draw.circle(surface, face, (center, center), center * 0.88)
        points = []
        for corner in range(10):
            radius = center * (0.56 if corner % 2 == 0 else 0.25)
            points.append((center + radius * sin(corner * pi / 5), center * 1.03 - radius * cos(corner * pi / 5)))
        pygame.draw.polygon(surface, star, points)

    return smooth((size, size), ring, paint)


def icon_of(image: Surface, size: int, radius: int, *, grey: bool) -> Surface:
    """Return `image` as a square icon with round corners, grey for a locked achievement.

    **Thread**: any; it changes no other surface.
    """
    source = clear(image.get_size(), (0, 0, 0))
    source.blit(image, (0, 0))
    width, height = source.get_size()
    scale = min(size / width, size / height)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    icon = clear((size, size), (0, 0, 0))
    small = pygame.transform.smoothscale(source, fitted)
    icon.blit(small, small.get_rect(center=(size // 2, size // 2)))
    if grey:
        icon = pygame.transform.grayscale(icon)
        icon.fill((255, 255, 255, 150), special_flags=pygame.BLEND_RGBA_MULT)
    if radius:
        corners = smooth(
            (size, size),
            (255, 255, 255),
            lambda surface, k: pygame.draw.rect(
                surface, (255, 255, 255, 255), surface.get_rect(), border_radius=radius * k
            ),
        )
        icon.blit(corners, (0, 0), special_flags=pygame.BLEND_RGBA_MULT)
    return icon


@lru_cache(maxsize=8)
def frame(size: Size, color: Color, radius: int, width: int) -> Surface:
    """Return the outline of a rounded box."""
    return smooth(
        size,
        color,
        lambda surface, k: pygame.draw.rect(
            surface, (*color, 255), surface.get_rect(), width=width * k, border_radius=radius * k
        ),
    )


@lru_cache(maxsize=8)
def ground(size: Size, color: Color, opacity: float) -> Surface:
    """Return the cover that darkens the game behind the list."""
    surface = Surface(size, pygame.SRCALPHA, 32)
    surface.fill((*color, round(255 * opacity)))
    return surface


@lru_cache(maxsize=8)
def cross(size: int, color: Color, width: float) -> Surface:
    """Return the sign of a close button."""

    def paint(surface: Surface, k: int) -> None:
        low, high = size * k * 0.28, size * k * 0.72
        for start, end in (((low, low), (high, high)), ((low, high), (high, low))):
            pygame.draw.line(surface, color, start, end, round(width * k))
            for point in (start, end):
                pygame.draw.circle(surface, color, point, width * k / 2)

    return smooth((size, size), color, paint)


@lru_cache(maxsize=8)
def shield(size: int, color: Color, sign: Color) -> Surface:
    """Return the mark of a secure achievement: a shield with a tick."""

    def paint(surface: Surface, k: int) -> None:
        side = size * k
        outline = ((0.5, 0.06), (0.86, 0.18), (0.84, 0.52), (0.72, 0.76), (0.5, 0.95), (0.28, 0.76), (0.16, 0.52),
                   (0.14, 0.18))  # fmt: skip
        pygame.draw.polygon(surface, color, [(x * side, y * side) for x, y in outline])
        tick = [(x * side, y * side) for x, y in ((0.33, 0.48), (0.46, 0.62), (0.68, 0.34))]
        pygame.draw.lines(surface, sign, False, tick, max(1, round(0.09 * side)))

    return smooth((size, size), color, paint)


@lru_cache(maxsize=64)
def dot(radius: int, color: Color, opacity: float = 1.0) -> Surface:
    """Return a small disc."""
    side = 2 * radius + 2
    return smooth(
        (side, side),
        color,
        lambda surface, k: pygame.draw.circle(
            surface, (*color, round(255 * opacity)), (side * k / 2, side * k / 2), radius * k
        ),
    )


def faded(surface: Surface, area: pygame.Rect, *, downwards: bool) -> Surface:
    """Return a copy of an area that fades out, downwards or upwards."""
    copy = Surface(area.size, pygame.SRCALPHA, 32)
    copy.blit(surface, (0, 0), area)
    copy.blit(_gradient(area.size, downwards), (0, 0), special_flags=pygame.BLEND_RGBA_MULT)
    return copy


@lru_cache(maxsize=8)
def _gradient(size: Size, downwards: bool) -> Surface:
    gradient = Surface(size, pygame.SRCALPHA, 32)
    for y in range(size[1]):
        share = y / max(1, size[1] - 1)
        gradient.fill((255, 255, 255, round(255 * (1 - share if downwards else share))), (0, y, size[0], 1))
    return gradient
