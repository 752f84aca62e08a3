"""Draws the text over the landscape: counters, title and morning."""

from __future__ import annotations

from dataclasses import dataclass
from math import sin

import pygame
from pygame import Surface

from game import HEIGHT, LANTERN_SIZE, WIDTH, Game
from paint import EMBER, GOLD, INK, MUTED, WHITE, coarse, dot, key_hint, mix, moon_icon, panel, shine, text, width_of

WORDS = {
    "en": {
        "tagline": "Lead the sparks home before the sun rises.",
        "controls": "Arrow keys, WASD or the mouse",
        "start": "Press Space to fly",
        "carried": "{n} behind you",
        "home": "in the lantern",
        "list_key": "achievements",
        "other_language": "Deutsch",
        "morning": "Good morning",
        "night_score": "{n} sparks came home",
        "again": "Press Space for another night",
        "frame": "frame",
        "pending": "{n} pending",
        "local": "on this machine",
        "connecting": "connecting",
        "online": "online",
        "offline": "offline",
        "not_saved": "progress is not being saved",
    },
    "de": {
        "tagline": "Führ die Funken heim, bevor die Sonne aufgeht.",
        "controls": "Pfeiltasten, WASD oder die Maus",
        "start": "Leertaste: losfliegen",
        "carried": "{n} hinter dir",
        "home": "in der Laterne",
        "list_key": "Erfolge",
        "other_language": "English",
        "morning": "Guten Morgen",
        "night_score": "{n} Funken sind daheim",
        "again": "Leertaste: noch eine Nacht",
        "frame": "Bild",
        "pending": "{n} ausstehend",
        "local": "auf diesem Rechner",
        "connecting": "verbindet",
        "online": "online",
        "offline": "offline",
        "not_saved": "Fortschritt wird nicht gespeichert",
    },
}


def words(locale: str) -> dict[str, str]:
    return WORDS["de" if locale.lower().startswith("de") else "en"]


@dataclass
class Status:
    """What the corner shows about the frame and the SDK."""

    frame_ms: float
    sdk_ms: float
    pending: int
    online: bool | None
    with_service: bool
    storage_error: str | None


def draw_counters(target: Surface, game: Game, say: dict[str, str]) -> None:
    size = text(target, f"{game.home}", (28, 20), 34, WHITE, shadow=True)
    text(target, f"/ {LANTERN_SIZE}", (size.right + 8, size.bottom - 6), 18, MUTED, "bottomleft", shadow=True)
    text(target, say["home"], (29, 60), 13, MUTED, shadow=True)
    if game.train:
        shine(target, (36, 93), 18, EMBER)
        target.blit(dot(4, (255, 240, 200)), (31, 88))
        text(target, say["carried"].format(n=len(game.train)), (50, 93), 14, GOLD, "midleft", shadow=True)

    left, right, y = WIDTH - 236, WIDTH - 36, 36  # the night as a line from moon to sun
    pygame.draw.rect(target, mix(INK, MUTED, 0.45), (left, y - 1, right - left, 3), border_radius=2)
    x = left + (right - left) * game.progress
    pygame.draw.rect(target, GOLD, (left, y - 1, x - left, 3), border_radius=2)
    shine(target, (right, y), 22, (150, 90, 40))
    target.blit(dot(7, (255, 206, 120)), (right - 8, y - 8))
    target.blit(moon_icon(16, (226, 226, 250)), (left - 24, y - 8))
    shine(target, (x, y), 16, EMBER)
    target.blit(dot(4, (255, 246, 220)), (x - 5, y - 5))


def draw_status(target: Surface, status: Status, say: dict[str, str]) -> None:
    share = 100 * status.sdk_ms / status.frame_ms if status.frame_ms else 0.0
    color, state = MUTED, say["local"]
    if status.with_service:
        color, state = {
            None: (MUTED, say["connecting"]),
            True: ((130, 230, 150), say["online"]),
            False: ((255, 170, 90), say["offline"]),
        }[status.online]
        state += " · " + say["pending"].format(n=status.pending)
    if status.storage_error:
        color, state = (255, 110, 110), say["not_saved"]
    parts = f"{say['frame']} {status.frame_ms:.1f} ms · SDK {status.sdk_ms:.3f} ms ({share:.1f} %) · {state}"
    rect = pygame.Rect(16, HEIGHT - 36, 0, 24)
    rect.width = width_of(parts, 12) + 38
    shade = Surface(rect.size, pygame.SRCALPHA)
    pygame.draw.rect(shade, (*INK, 150), shade.get_rect(), border_radius=12)
    target.blit(shade, rect)
    target.blit(dot(4, color), (rect.x + 9, rect.centery - 5))
    text(target, parts, (rect.x + 25, rect.centery), 12, mix(MUTED, WHITE, 0.3), "midleft")


def draw_hints(target: Surface, say: dict[str, str]) -> None:
    key_hint(target, "Tab", say["list_key"], (WIDTH - 20, HEIGHT - 12), "bottomright")
    key_hint(target, "L", say["other_language"], (WIDTH - 20, HEIGHT - 44), "bottomright")


def draw_title(target: Surface, say: dict[str, str], seconds: float) -> None:
    text(target, "Firefly Night", (WIDTH / 2, 132), 72, (255, 240, 210), "center", shadow=True)
    text(target, say["tagline"], (WIDTH / 2, 192), 20, WHITE, "center", shadow=True)
    _draw_prompt(target, say["start"], seconds, 256)
    text(target, say["controls"], (WIDTH / 2, 286), 14, (226, 216, 236), "center", shadow=True)


def draw_morning(target: Surface, game: Game, say: dict[str, str], seconds: float) -> None:
    box = pygame.Rect(WIDTH // 2 - 250, 96, 500, 210)
    panel(target, box, MUTED, INK, radius=24, alpha=190)
    text(target, say["morning"], (WIDTH / 2, 150), 54, (255, 246, 224), "center")
    text(target, say["night_score"].format(n=game.home), (WIDTH / 2, 206), 20, WHITE, "center")
    _draw_prompt(target, say["again"], seconds, 262)


def _draw_prompt(target: Surface, line: str, seconds: float, y: int) -> None:
    color = coarse(mix(GOLD, (255, 246, 220), 0.5 + 0.5 * sin(seconds * 4)))
    text(target, line, (WIDTH / 2, y), 20, color, "center", shadow=True)
