"""Draws the achievements' medals: a small picture in a ring that fills with progress."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import cos, pi, sin

import pygame
from pygame import Surface, Vector2

import awards
from discord_achievements import UserAchievement
from paint import EMBER, GOLD, Color, arc_points, mix, paint_bat, smooth

RIM, FACE = (72, 74, 116), (34, 34, 66)


class Glyph:
    """Draws shapes in coordinates from -1 to 1 around a point of a surface."""

    def __init__(self, surface: Surface, center: tuple[float, float], unit: float, color: Color) -> None:
        self.surface, self.center, self.unit, self.color = surface, center, unit, color

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.center[0] + x * self.unit, self.center[1] + y * self.unit

    def disc(self, x: float, y: float, radius: float, color: Color | None = None) -> None:
        pygame.draw.circle(self.surface, color or self.color, self.at(x, y), radius * self.unit)

    def polygon(self, *points: tuple[float, float], color: Color | None = None) -> None:
        pygame.draw.polygon(self.surface, color or self.color, [self.at(x, y) for x, y in points])

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float = 0.14) -> None:
        a, b = self.at(*start), self.at(*end)
        pygame.draw.line(self.surface, self.color, a, b, round(width * self.unit))
        for end_point in (a, b):
            pygame.draw.circle(self.surface, self.color, end_point, width * self.unit / 2)

    def rays(self, x: float, y: float, inner: float, outer: float, angles: list[float]) -> None:
        for way in [Vector2(cos(angle), sin(angle)) for angle in angles]:
            start, end = Vector2(x, y) + way * inner, Vector2(x, y) + way * outer
            self.line((start.x, start.y), (end.x, end.y), 0.13)


def _first_light(g: Glyph) -> None:
    g.disc(0, 0, 0.36)
    g.rays(0, 0, 0.58, 0.84, [i * pi / 4 for i in range(8)])


def _quick_spark(g: Glyph) -> None:
    g.polygon((0.2, -0.9), (-0.52, 0.14), (-0.06, 0.14), (-0.2, 0.9), (0.52, -0.2), (0.06, -0.2))


def _light_train(g: Glyph) -> None:
    for x, y, radius in ((0.52, -0.42, 0.34), (0.06, -0.06, 0.25), (-0.34, 0.3, 0.2), (-0.68, 0.62, 0.15)):
        g.disc(x, y, radius)


def _close_wings(g: Glyph) -> None:
    paint_bat(g.surface, g.at(0, 0.05), g.unit / 36, -0.4, g.color)


def _gentle_flight(g: Glyph) -> None:
    leaf = [Vector2(sin(i * pi / 16) * 0.38, 0.86 - i * 0.1075) for i in range(17)]
    leaf += [Vector2(-point.x, point.y) for point in reversed(leaf)]
    g.polygon(*[(turned.x, turned.y) for turned in (point.rotate(38) for point in leaf)])
    g.color = FACE
    g.line((-0.66, 0.8), (0.3, -0.4), 0.1)


def _lantern(g: Glyph, fill: bool) -> None:
    g.polygon((-0.62, -0.42), (-0.3, -0.74), (0.3, -0.74), (0.62, -0.42))
    g.disc(0, -0.78, 0.14)
    g.polygon((-0.44, -0.34), (0.44, -0.34), (0.56, 0.62), (-0.56, 0.62))
    g.polygon((-0.6, 0.66), (0.6, 0.66), (0.6, 0.84), (-0.6, 0.84))
    if not fill:
        g.polygon((-0.32, -0.24), (0.32, -0.24), (0.42, 0.54), (-0.42, 0.54), color=FACE)
        g.disc(0, 0.24, 0.2)
        g.polygon((-0.17, 0.16), (0, -0.16), (0.17, 0.16))
    else:
        g.polygon((-0.1, -0.24), (-0.04, -0.24), (-0.06, 0.54), (-0.14, 0.54), color=FACE)
        g.polygon((0.1, -0.24), (0.04, -0.24), (0.06, 0.54), (0.14, 0.54), color=FACE)


def _till_dawn(g: Glyph) -> None:
    g.disc(0, 0.3, 0.46)
    g.polygon((-1, 0.32), (1, 0.32), (1, 0.9), (-1, 0.9), color=FACE)
    g.line((-0.8, 0.42), (0.8, 0.42))
    g.line((-0.46, 0.7), (0.46, 0.7))
    g.rays(0, 0.3, 0.64, 0.9, [-pi * i / 6 for i in range(1, 6)])


def _moonstruck(g: Glyph) -> None:
    g.disc(-0.06, 0, 0.74)
    g.disc(0.28, -0.16, 0.6, FACE)
    g.disc(0.44, -0.3, 0.13)


def _star(g: Glyph) -> None:
    spikes = [(0.9 if i % 2 == 0 else 0.4, i * pi / 5) for i in range(10)]
    g.polygon(*[(sin(a) * r, 0.06 - cos(a) * r) for r, a in spikes])


PICTURES: dict[int, Callable[[Glyph], None]] = {
    awards.FIRST_LIGHT: _first_light,
    awards.QUICK_SPARK: _quick_spark,
    awards.LIGHT_TRAIN: _light_train,
    awards.CLOSE_WINGS: _close_wings,
    awards.GENTLE_FLIGHT: _gentle_flight,
    awards.BRIGHT_LANTERN: lambda g: _lantern(g, True),
    awards.LAMPLIGHTER: lambda g: _lantern(g, False),
    awards.TILL_DAWN: _till_dawn,
    awards.MOONSTRUCK: _moonstruck,
    awards.FESTIVAL_STAR: _star,
}


@cache
def medal(achievement_id: int, percent: int, size: int) -> Surface:
    done = percent == 100

    def paint(surface: Surface, k: int) -> None:
        center, radius = (size * k / 2, size * k / 2), size * k / 2 - k
        pygame.draw.circle(surface, mix(FACE, EMBER, 0.5) if done else RIM, center, radius)
        if percent > 0:
            pygame.draw.polygon(surface, GOLD, [center, *arc_points(center, radius, percent / 100)])
        pygame.draw.circle(surface, FACE, center, radius - 3 * k)
        color = GOLD if done else mix(FACE, (190, 192, 224), 0.62)
        PICTURES.get(achievement_id, _star)(Glyph(surface, center, radius * 0.58, color))

    return smooth((size, size), RIM, paint)


def icon(achievement: UserAchievement, size: int) -> Surface:
    # SDK: toasts and list draw this instead of the icon from the catalogue or the service.
    return medal(achievement.achievement_id, achievement.percent_complete, size)


def app_icon() -> Surface:
    return medal(awards.FIRST_LIGHT, 100, 64)
