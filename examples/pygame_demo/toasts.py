"""The panels that slide in when an achievement unlocks: one after the other, each long enough to be read."""

from __future__ import annotations

from collections import deque

import pygame
from pygame import Surface

from discord_achievements import Achievement
from game import HEIGHT, WIDTH
from icons import medal
from paint import GOLD, INK, WHITE, fitted, panel, text, width_of

SLIDE_S, STAY_S = 0.3, 3.4
STAY_WHEN_OTHERS_WAIT_S = 2.2
SIZE = (348, 84)


class Toasts:
    """A queue of unlocked achievements of which the first is on screen."""

    def __init__(self) -> None:
        self.queue: deque[Achievement] = deque()
        self.age_s = 0.0

    def add(self, achievement: Achievement) -> None:
        self.queue.append(achievement)

    @property
    def stay_s(self) -> float:
        return STAY_WHEN_OTHERS_WAIT_S if len(self.queue) > 1 else STAY_S

    def step(self, dt: float) -> None:
        if self.queue:
            self.age_s += dt
            if self.age_s >= self.stay_s + 2 * SLIDE_S:
                self.queue.popleft()
                self.age_s = 0.0

    def draw(self, target: Surface, headline: str) -> None:
        if not self.queue:
            return
        coming = min(1.0, self.age_s / SLIDE_S)
        going = max(0.0, (self.age_s - SLIDE_S - self.stay_s) / SLIDE_S)
        visible = 1 - (1 - coming) ** 3 if going == 0 else 1 - going**2
        box = pygame.Rect((0, 0), SIZE)
        box.bottomright = WIDTH - 20, round(HEIGHT - 20 + (1 - visible) * (SIZE[1] + 30))
        achievement = self.queue[0]
        panel(target, box, border=GOLD)
        icon = medal(achievement.id, 100, 56)
        target.blit(icon, icon.get_rect(midleft=(box.x + 15, box.centery)))
        text(target, headline.upper(), (box.x + 86, box.y + 18), 11, GOLD)
        size = fitted(achievement.name, SIZE[0] - 110, (22, 20, 18, 16))
        text(target, achievement.name, (box.x + 86, box.y + 53), size, WHITE, "midleft")
        if (more := len(self.queue) - 1) > 0:
            badge = width_of(f"+{more}", 12) + 14
            pill = pygame.Rect(box.right - badge - 10, box.y + 10, badge, 20)
            pygame.draw.rect(target, GOLD, pill, border_radius=10)
            text(target, f"+{more}", pill.center, 12, INK, "center")
