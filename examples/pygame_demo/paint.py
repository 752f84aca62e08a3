"""The tools that paint everything on screen: text, soft shapes, light."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from math import cos, pi, sin

import pygame
from pygame import Surface, Vector2

Color = tuple[int, int, int]

INK = (11, 12, 30)
WHITE = (240, 238, 250)
MUTED = (158, 160, 196)
GOLD = (255, 205, 112)
EMBER = (255, 168, 80)
DANGER = (255, 110, 110)


TEXT_SCALE = 4


@cache
def _font(size: int) -> pygame.font.Font:
    return pygame.font.Font(None, round(size * TEXT_SCALE * 1.3))


@lru_cache(maxsize=200)
def _written(words: str, size: int, color: Color) -> Surface:
    """Render one line large and scale it down, which spaces small letters evenly."""
    image = _font(size).render(words, True, color)
    return pygame.transform.smoothscale(image, (width_of(words, size), image.get_height() // TEXT_SCALE))


@lru_cache(maxsize=100)
def _shadow(words: str, size: int) -> Surface:
    image = _written(words, size, INK).copy()
    image.set_alpha(110)
    return image


def width_of(words: str, size: int) -> int:
    return max(1, _font(size).size(words)[0] // TEXT_SCALE)


def text(
    target: Surface,
    words: str,
    pos: tuple[float, float],
    size: int,
    color: Color = WHITE,
    anchor: str = "topleft",
    shadow: bool = False,
) -> pygame.Rect:
    """Write one line; `anchor` names its point that lies at `pos`."""
    image = _written(words, size, color)
    rect = image.get_rect(**{anchor: (round(pos[0]), round(pos[1]))})
    if shadow:
        target.blit(_shadow(words, size), rect.move(0, 2))
    target.blit(image, rect)
    return rect


def mix(a: Color, b: Color, share: float) -> Color:
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def smooth(size: tuple[int, int], color: Color, paint: Callable[[Surface, int], None]) -> Surface:
    """Paint four times too large and scale down, which softens edges; they fade to `color`."""
    large = Surface((size[0] * 4, size[1] * 4), pygame.SRCALPHA)
    large.fill((*color, 0))
    paint(large, 4)
    return pygame.transform.smoothscale(large, size)


def coarse(color: Color) -> Color:
    """Round a colour, so that flickering lights share a few cached pictures."""
    return color[0] & 0xF8, color[1] & 0xF8, color[2] & 0xF8


@lru_cache(maxsize=400)
def glow(radius: int, color: Color) -> Surface:
    """Return a soft light, which is added to what is below it."""
    small = radius if radius < 60 else radius // 4  # a large one is soft enough to be scaled up
    image = Surface((small * 2, small * 2))
    for r in range(small, 0, -1):
        pygame.draw.circle(image, mix((0, 0, 0), color, (1 - r / small) ** 2.2), (small, small), r)
    return pygame.transform.smoothscale(image, (radius * 2, radius * 2))


def shine(target: Surface, pos: Vector2 | tuple[float, float], radius: int, color: Color) -> None:
    image = glow(radius, coarse(color))
    target.blit(image, (pos[0] - radius, pos[1] - radius), special_flags=pygame.BLEND_RGB_ADD)


@lru_cache(maxsize=400)
def dot(radius: int, color: Color) -> Surface:
    size = radius * 2 + 2

    def paint(image: Surface, k: int) -> None:
        pygame.draw.circle(image, color, (size * k / 2, size * k / 2), radius * k)

    return smooth((size, size), color, paint)


def arc_points(center: tuple[float, float], radius: float, share: float) -> list[tuple[float, float]]:
    """Points along a circle, clockwise from the top."""
    steps = max(2, round(share * 60))
    angles = [-pi / 2 + 2 * pi * share * i / steps for i in range(steps + 1)]
    return [(center[0] + radius * cos(a), center[1] + radius * sin(a)) for a in angles]


def paint_bat(image: Surface, at: tuple[float, float], k: float, lift: float, color: Color) -> None:
    """A bat with its wing tips raised (-1) or lowered (1)."""
    upper_edge = [(3, -4), (9, -7 + lift * 3), (16, -9 + lift * 7), (24, -8 + lift * 12), (34, lift * 19)]
    lower_edge = [(27, 2 + lift * 12), (23, 7 + lift * 10), (16, 3 + lift * 5), (11, 9 + lift * 3), (3, 6)]
    for side in (-1, 1):
        wing = [(at[0] + side * x * k, at[1] + y * k) for x, y in upper_edge + lower_edge]
        pygame.draw.polygon(image, color, wing)
        ear = [(side * 1, -7), (side * 5, -13), (side * 5.5, -5)]
        pygame.draw.polygon(image, color, [(at[0] + x * k, at[1] + y * k) for x, y in ear])
    pygame.draw.ellipse(image, color, (at[0] - 6 * k, at[1] - 9 * k, 12 * k, 19 * k))


def panel(
    target: Surface,
    box: pygame.Rect,
    border: Color,
    fill: Color = (26, 26, 54),
    radius: int = 14,
    alpha: int = 240,
) -> None:
    """A rounded box with a thin border and soft corners."""
    target.blit(_panel(box.size, border, fill, radius, alpha), box)


@cache
def _panel(size: tuple[int, int], border: Color, fill: Color, radius: int, alpha: int) -> Surface:
    def paint(image: Surface, k: int) -> None:
        box = image.get_rect()
        pygame.draw.rect(image, (*mix(fill, border, 0.5), alpha), box, border_radius=radius * k)
        pygame.draw.rect(image, (*fill, alpha), box.inflate(-3 * k, -3 * k), border_radius=(radius - 1) * k)

    return smooth(size, border, paint)


def key_hint(target: Surface, key: str, words: str, pos: tuple[float, float], anchor: str) -> None:
    """A key and what it does."""
    cap = pygame.Rect(0, 0, width_of(key, 12) + 18, 24)
    box = pygame.Rect(0, 0, cap.width + 8 + width_of(words, 13), cap.height)
    setattr(box, anchor, (round(pos[0]), round(pos[1])))
    cap.topleft = box.topleft
    panel(target, cap, MUTED, radius=7)
    text(target, key, cap.center, 12, WHITE, "center")
    text(target, words, box.midright, 13, MUTED, "midright", shadow=True)


@cache
def moon_icon(size: int, color: Color) -> Surface:
    def paint(image: Surface, k: int) -> None:
        pygame.draw.circle(image, color, (size * k / 2, size * k / 2), size * k / 2)
        pygame.draw.circle(image, (0, 0, 0, 0), (size * k * 0.72, size * k * 0.36), size * k * 0.4)

    return smooth((size, size), color, paint)
