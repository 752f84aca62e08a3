"""Draws a night with pygame's own shapes; it reads the game and never changes it."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin
from random import Random

import pygame
from pygame import Surface, Vector2

from game import HEIGHT, LANTERN, LANTERN_SIZE, MOON, MOON_RADIUS, SHORE, WIDTH, Bat, Game
from paint import DANGER, EMBER, GOLD, INK, Color, coarse, dot, glow, mix, paint_bat, shine, smooth

SUN = Vector2(214, 352)
# The sky from top to horizon at dusk, at night and at dawn.
SKIES: dict[str, tuple[Color, Color, Color]] = {
    "dusk": ((34, 30, 86), (118, 64, 124), (250, 152, 112)),
    "night": ((9, 12, 40), (28, 36, 92), (88, 90, 158)),
    "dawn": ((66, 92, 164), (214, 148, 168), (255, 214, 160)),
}


def light(target: Surface, pos: Vector2, radius: int, color: Color) -> None:
    """A glowing point, mirrored in the lake when it is near the shore."""
    shine(target, pos, radius * 6, mix(INK, color, 0.55))
    image = dot(radius, mix(coarse(color), (255, 255, 255), 0.65))
    target.blit(image, image.get_rect(center=(round(pos.x), round(pos.y))))
    if (depth := SHORE - pos.y) < HEIGHT - SHORE + 10:
        shine(target, (pos.x, SHORE + depth * 0.8 + 8), radius * 4, mix((0, 0, 0), color, 0.25))


# --- the landscape, painted once ---


def landscape(mood: str) -> Surface:
    """Sky, moon, hills and lake, painted at twice the size and scaled down."""
    top, middle, horizon = SKIES[mood]
    stripe = Surface((1, 3))
    for y, color in enumerate((top, middle, horizon)):
        stripe.set_at((0, y), color)
    image = Surface((WIDTH * 2, HEIGHT * 2))
    sky = pygame.transform.smoothscale(stripe, (1, SHORE * 2))
    image.blit(pygame.transform.scale(sky, (WIDTH * 2, SHORE * 2)), (0, 0))

    rng = Random(5)
    brightness = {"dusk": 0.35, "night": 1.0, "dawn": 0.12}[mood]
    for _ in range(230):
        x, y = rng.uniform(0, WIDTH * 2), rng.uniform(0, 1) ** 1.6 * SHORE * 1.4
        behind = image.get_at((int(x), int(y)))
        strength = brightness * rng.uniform(0.15, 0.9) * (1 - y / 1100)
        shade = mix((behind.r, behind.g, behind.b), (255, 250, 235), strength)
        pygame.draw.circle(image, shade, (x, y), rng.choice((1, 1, 2, 2, 3)))
    _paint_moon(image, brightness)

    if mood == "dawn":
        shine(image, (SUN.x * 2, SUN.y * 2), 560, (150, 96, 40))
        pygame.draw.circle(image, (255, 246, 214), SUN * 2, 80)
    for distance, base, height in ((0.2, 372, 60), (0.5, 418, 46), (0.8, 458, 30)):
        color = mix(mix(middle, horizon, 0.15), INK, distance)
        _paint_hills(image, color, mix(horizon, middle, 0.5), base, height)
    return _with_lake(pygame.transform.smoothscale(image, (WIDTH, HEIGHT)))


def _paint_moon(image: Surface, brightness: float) -> None:
    x, y, radius = MOON.x * 2, MOON.y * 2, MOON_RADIUS * 2
    shine(image, (x, y), 460, mix((0, 0, 0), (104, 108, 170), 0.25 + brightness * 0.5))
    pale = mix((250, 214, 196), (246, 240, 222), brightness)
    pygame.draw.circle(image, pale, (x, y), radius)
    for dx, dy, r in ((-30, -22, 20), (22, -38, 12), (26, 20, 25), (-24, 38, 13), (-50, 12, 8), (4, 2, 7)):
        pygame.draw.circle(image, mix(pale, (164, 158, 182), 0.32), (x + dx, y + dy), r)


def _ridge(x: float, base: float, height: float) -> float:
    return base - height * (0.55 * sin(x / 97 + base) + 0.3 * sin(x / 41 + base * 2) + 0.15 * sin(x / 17))


def _paint_hills(image: Surface, color: Color, mist: Color, base: int, height: int) -> None:
    edge = [(x * 2, _ridge(x, base, height) * 2) for x in range(0, WIDTH + 4, 4)]
    pygame.draw.polygon(image, color, [(0, SHORE * 2), *edge, (WIDTH * 2, SHORE * 2)])
    rng = Random(base)
    for x in range(0, WIDTH, 7):
        if sin(x / 60 + base) + rng.uniform(-1, 1) > 0.2:
            _paint_pine(image, color, x * 2, _ridge(x, base, height) * 2 + 6, rng.uniform(0.6, 1.3) * base / 8)
    for step in range(40):  # mist below the hills
        veil = Surface((WIDTH * 2, 4))
        veil.fill(mist)
        veil.set_alpha(step * 2)
        image.blit(veil, (0, (SHORE - 80 + step * 2) * 2))


def _paint_pine(image: Surface, color: Color, x: float, foot: float, tall: float) -> None:
    for tier in range(3):
        tip, width = foot - tall * (1 - tier * 0.26), tall * (0.11 + tier * 0.06)
        bottom = tip + tall * 0.42
        pygame.draw.polygon(image, color, [(x, tip), (x - width, bottom), (x + width, bottom)])
    pygame.draw.rect(image, color, (x - 2, foot - tall * 0.2, 4, tall * 0.3))


def _with_lake(image: Surface) -> Surface:
    depth = HEIGHT - SHORE
    mirror = pygame.transform.flip(image.subsurface((0, SHORE - depth * 2, WIDTH, depth * 2)), False, True)
    mirror = pygame.transform.smoothscale(mirror, (WIDTH // 12, depth))  # blurred sideways, like water
    mirror = pygame.transform.smoothscale(mirror, (WIDTH, depth))
    mirror.fill((150, 156, 190), special_flags=pygame.BLEND_RGB_MULT)
    image.blit(mirror, (0, SHORE))
    rng = Random(9)
    for _ in range(70):
        y = SHORE + rng.uniform(0, 1) ** 1.5 * depth
        width = rng.uniform(12, 70) * (0.4 + (y - SHORE) / depth)
        ripple = Surface((round(width), 1))
        ripple.fill(rng.choice(((255, 255, 255), (0, 0, 20))))
        ripple.set_alpha(rng.randint(8, 26))
        image.blit(ripple, (rng.uniform(-20, WIDTH), y))
    return image


def foreground() -> Surface:
    """Reeds in the corners and the lantern's islet."""

    def paint(image: Surface, k: int) -> None:
        rng = Random(3)
        for side in (0, 1):
            for _ in range(34):
                x = rng.uniform(0, 1) ** 1.5 * 170
                tall, lean = rng.uniform(50, 150) * (1 - x / 260), rng.uniform(-26, 30)
                points = [(x + lean * t * t, HEIGHT + 4 - tall * t) for t in (0, 0.25, 0.5, 0.75, 1)]
                if side:
                    points = [(WIDTH - px, py) for px, py in points]
                for (ax, ay), (bx, by), width in zip(points, points[1:], (3.4, 2.8, 2.1, 1.3), strict=False):
                    pygame.draw.line(image, INK, (ax * k, ay * k), (bx * k, by * k), round(width * k))
                if rng.random() < 0.3:
                    px, py = points[3]
                    pygame.draw.ellipse(image, (30, 24, 38), ((px - 3) * k, (py - 10) * k, 6 * k, 24 * k))
        x, y = LANTERN
        pygame.draw.ellipse(image, INK, ((x - 92) * k, (SHORE + 2) * k, 184 * k, 26 * k))
        pygame.draw.ellipse(image, (26, 26, 50), ((x - 80) * k, (SHORE - 3) * k, 160 * k, 20 * k))
        for dx, width, tall in ((-50, 26, 12), (46, 32, 16), (26, 18, 9)):
            stone = ((x + dx - width / 2) * k, (SHORE - tall + 6) * k, width * k, tall * 1.6 * k)
            pygame.draw.ellipse(image, (19, 19, 40), stone)
        pygame.draw.rect(image, (24, 22, 42), ((x - 4) * k, (y + 36) * k, 8 * k, 40 * k))
        foot = [((x + dx) * k, (y + dy) * k) for dx, dy in ((-16, 78), (-6, 62), (6, 62), (16, 78))]
        pygame.draw.polygon(image, (24, 22, 42), foot)

    return smooth((WIDTH, HEIGHT), INK, paint)


# --- things that move, painted once in a few poses ---


def lantern_frame() -> Surface:
    def paint(image: Surface, k: int) -> None:
        wood, trim = (44, 32, 50), (84, 60, 70)
        for dx in (-22, -8, 8, 22):
            pygame.draw.line(image, wood, ((40 + dx * 0.86) * k, 26 * k), ((40 + dx) * k, 76 * k), 3 * k)
        pygame.draw.line(image, wood, (18 * k, 50 * k), (62 * k, 50 * k), 2 * k)
        pygame.draw.rect(image, wood, (12 * k, 75 * k, 56 * k, 7 * k), border_radius=2 * k)
        pygame.draw.rect(image, trim, (12 * k, 75 * k, 56 * k, 2 * k), border_radius=k)
        roof = [(x * k, y * k) for x, y in ((4, 28), (20, 14), (32, 10), (48, 10), (60, 14), (76, 28))]
        pygame.draw.polygon(image, wood, roof)
        pygame.draw.line(image, trim, (6 * k, 27 * k), (74 * k, 27 * k), 2 * k)
        pygame.draw.circle(image, wood, (40 * k, 8 * k), 5 * k)

    return smooth((80, 84), (44, 32, 50), paint)


def bat_poses(color: Color = (16, 12, 30)) -> list[Surface]:
    def pose(lift: float) -> Surface:
        return smooth((76, 60), color, lambda image, k: paint_bat(image, (38 * k, 30 * k), k, lift, color))

    return [pose(lift) for lift in (-1.0, -0.6, -0.1, 0.45, 0.9, 0.45, -0.1, -0.6)]


def firefly_poses() -> list[Surface]:
    def paint(image: Surface, k: int, spread: float) -> None:
        for side in (-1, 1):
            wing = Surface((24 * k, 12 * k), pygame.SRCALPHA)
            wing.fill((210, 226, 255, 0))
            pygame.draw.ellipse(wing, (210, 226, 255, 125), (0, 0, 20 * k, 9 * k))
            wing = pygame.transform.rotate(wing, side * spread if side == 1 else 180 - spread)
            image.blit(wing, wing.get_rect(center=(26 * k + side * 9 * k, 19 * k)))
        for side in (-1, 1):
            feeler = [((26 + side * dx) * k, y * k) for dx, y in ((1, 12), (4, 7), (6, 6))]
            pygame.draw.lines(image, (40, 30, 44), False, feeler, k)
        pygame.draw.ellipse(image, (255, 238, 160), (20 * k, 22 * k, 12 * k, 18 * k))
        pygame.draw.ellipse(image, (70, 48, 56), (21 * k, 15 * k, 10 * k, 15 * k))
        pygame.draw.circle(image, (44, 32, 46), (26 * k, 14 * k), 5 * k)

    def pose(spread: float) -> Surface:
        return smooth((52, 52), (210, 226, 255), lambda image, k: paint(image, k, spread))

    return [pose(spread) for spread in (10, 28, 44, 28)]


@dataclass
class Mote:
    """A decoration: a moving point of light."""

    pos: Vector2
    vel: Vector2
    color: Color
    life: float = 1.0
    goal: Vector2 | None = None


class Scene:
    """Draws a night. Its own state is only decoration."""

    def __init__(self) -> None:
        self.moods = {mood: landscape(mood).convert() for mood in SKIES}
        self.front = foreground().convert_alpha()
        self.lantern = lantern_frame().convert_alpha()
        self.bats = [pose.convert_alpha() for pose in bat_poses()]
        self.firefly = [pose.convert_alpha() for pose in firefly_poses()]
        self.motes: list[Mote] = []
        self.rng = Random(1)
        self.shake = 0.0

    def step(self, game: Game) -> None:
        """Turn the game's events into motes, and move these."""
        for name, pos in game.events:
            if name == "home":
                up = Vector2(self.rng.uniform(-4, 4), -3)
                self.motes.append(Mote(pos, up, GOLD, goal=LANTERN + Vector2(0, 6)))
            elif name == "gather":
                self._burst(pos, 5, 1.6, (214, 255, 170))
            elif name == "hit":
                self._burst(pos, 16, 4.0, DANGER)
                self.shake = 8.0
            elif name == "close":
                self._burst(pos, 8, 2.4, (150, 200, 255))
            elif name == "moon":
                self._burst(pos, 40, 5.0, (255, 246, 214))
        for mote in self.motes:
            if mote.goal is None:
                mote.life -= 0.03
                mote.vel *= 0.95
            else:
                to_goal = mote.goal - mote.pos
                mote.vel = mote.vel * 0.86 + to_goal * 0.02
                if to_goal.length() < 14:
                    mote.life = 0
            mote.pos += mote.vel
        self.motes = [mote for mote in self.motes if mote.life > 0]
        self.shake *= 0.85

    def _burst(self, pos: Vector2, count: int, speed: float, color: Color) -> None:
        for _ in range(count):
            vel = Vector2(self.rng.uniform(0.3, speed), 0).rotate(self.rng.uniform(0, 360))
            self.motes.append(Mote(pos.copy(), vel, color))

    def draw(self, target: Surface, game: Game) -> None:
        self._draw_sky(target, game)
        self._draw_lantern(target, game)
        for spark in game.sparks:
            pulse = 0.65 + 0.35 * sin(game.seconds * 3 + spark.phase)
            light(target, spark.pos, 3, mix((70, 110, 70), (190, 255, 130), pulse))
        for index, spark in enumerate(reversed(game.train)):
            light(target, spark.pos, 4 if index > len(game.train) - 4 else 3, mix(EMBER, GOLD, 0.5))
        for bat in [] if game.over else game.bats:  # bats leave at dawn
            self._draw_bat(target, game, bat)
        self._draw_firefly(target, game)
        for mote in self.motes:
            light(target, mote.pos, 3 if mote.goal else 2, mix(INK, mote.color, mote.life))
        target.blit(self.front, (0, 0))
        if self.shake > 0.5:
            target.blit(target.copy(), Vector2(self.shake, 0).rotate(self.rng.uniform(0, 360)))

    def _draw_sky(self, target: Surface, game: Game) -> None:
        target.blit(self.moods["night"], (0, 0))
        for mood, share in (("dusk", 1 - game.progress * 5), ("dawn", game.progress * 5 - 4)):
            if share > 0:
                self.moods[mood].set_alpha(round(share * 255))
                target.blit(self.moods[mood], (0, 0))
        strength = max(0.15, min(1, game.progress * 5, 5 - game.progress * 5))
        for row in range(12):  # moonlight on the water
            width = (14 + row * 5) * (0.7 + 0.3 * sin(game.seconds * 2.1 + row * 1.9))
            x, y = MOON.x + sin(game.seconds * 1.3 + row * 2.4) * (3 + row), SHORE + 6 + row * 8
            pale = coarse(mix((0, 0, 0), (120, 122, 160), strength))
            band = pygame.transform.scale(glow(16, pale), (round(width * 2), 7))
            target.blit(band, (x - width, y - 3), special_flags=pygame.BLEND_RGB_ADD)

    def _draw_lantern(self, target: Surface, game: Game) -> None:
        fill = min(1.0, game.home / LANTERN_SIZE)
        flicker = 0.94 + 0.06 * sin(game.seconds * 7) * cos(game.seconds * 3.1)
        warm = mix(INK, EMBER, (0.16 + fill * 0.7) * flicker)
        shine(target, LANTERN, 100 + 25 * round(fill * 4), warm)
        shine(target, LANTERN + Vector2(0, 8), 40, mix(INK, (255, 214, 140), 0.25 + fill * 0.75))
        for ring in range(5):  # the lantern's light on the water
            band = pygame.transform.scale(glow(24, coarse(mix((0, 0, 0), warm, 0.8))), (200 - ring * 22, 16))
            at = band.get_rect(center=(LANTERN.x, SHORE + 26 + ring * 18))
            target.blit(band, at, special_flags=pygame.BLEND_RGB_ADD)
        for index in range(min(game.home, LANTERN_SIZE)):  # each spark that came home glows in it
            reach = 4 + 15 * (index * 0.37 % 1)
            x, y = cos(index * 2.4 + game.seconds * 0.6) * reach, sin(index * 1.7 + game.seconds * 0.8) * 17
            place = LANTERN + Vector2(x, 8 + y)
            target.blit(dot(2, (255, 236, 180)), place - Vector2(3, 3))
        target.blit(self.lantern, self.lantern.get_rect(center=LANTERN))

    def _draw_bat(self, target: Surface, game: Game, bat: Bat) -> None:
        pose = self.bats[int(game.seconds * 15 + bat.phase * 2) % len(self.bats)]
        target.blit(pose, pose.get_rect(center=bat.pos))
        for dx in (-3, 3):
            eye = bat.pos + Vector2(dx + bat.heading, -5)
            shine(target, eye, 7, (150, 40, 40))
            target.blit(dot(1, (255, 150, 120)), eye - Vector2(2, 2))

    def _draw_firefly(self, target: Surface, game: Game) -> None:
        if game.dazed % 10 > 5:  # it blinks while it is dazed
            return
        shine(target, game.pos + Vector2(0, 4), 92, (96, 78, 36))
        shine(target, game.pos + Vector2(0, 4), 34, (200, 160, 70))
        pose = self.firefly[game.steps // 2 % len(self.firefly)]
        tilted = pygame.transform.rotate(pose, -game.vel.x * 5)
        target.blit(tilted, tilted.get_rect(center=game.pos))
