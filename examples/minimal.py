"""The smallest game with an achievement, to copy: a window, a key, a toast. Run it with: python minimal.py"""

from pathlib import Path

import pygame

from discord_achievements import AchievementManager
from discord_achievements.pygame_ui import Toasts

APPLICATION_ID, FIRST_JUMP = 730215048151023617, 1
CATALOGUE = Path(__file__).with_name("minimal.toml")
if not CATALOGUE.exists():  # in your game, write this file by hand and ship it
    CATALOGUE.write_text(
        f"""application_id = {APPLICATION_ID}
[[achievement]]
id = {FIRST_JUMP}
name = "First Jump"
description = "You pressed Space."
"""
    )

pygame.init()
screen = pygame.display.set_mode((640, 360))
clock = pygame.time.Clock()
manager = AchievementManager(APPLICATION_ID, achievements=CATALOGUE)
toasts = Toasts(manager)

playing = True
while playing:
    dt_s = clock.tick(60) / 1000
    for event in pygame.event.get():
        if event.type == pygame.QUIT:
            playing = False
        elif event.type == pygame.KEYDOWN and event.key == pygame.K_SPACE:
            manager.set_user_achievement(FIRST_JUMP, 100)

    screen.fill("midnightblue")  # your game draws here
    manager.run_callbacks()
    toasts.update(dt_s)
    toasts.draw(screen)  # last, over everything else
    pygame.display.flip()

manager.close()
pygame.quit()
