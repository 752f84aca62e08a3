"""Firefly Night, a small game with achievements. Run it with `python examples/pygame_demo`.

game.py      the rules, and an autopilot
awards.py    all use of the achievements SDK; test_awards.py tests it
scene.py     draws the night; screens.py the text over it; icons.py the medals
paint.py     text, soft shapes and light for all of them
__main__.py  the options and the main loop
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from time import perf_counter, sleep

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
try:
    import pygame
    from pygame import Surface, Vector2

    from discord_achievements import DiscordAchievementsError
    from discord_achievements.pygame_ui import DARK, AchievementsScreen, Toasts
except ModuleNotFoundError as error:
    sys.exit(f"The demo needs {error.name}. In the project's folder, run: python -m pip install -e .[pygame]")

from awards import Awards, open_manager, reset
from game import HEIGHT, STEPS_PER_SECOND, WIDTH, Game, autopilot
from icons import app_icon, icon
from paint import GOLD, INK
from scene import Scene
from screens import Status, draw_counters, draw_hints, draw_morning, draw_status, draw_title, words

KEYS = {
    pygame.K_LEFT: (-1, 0), pygame.K_RIGHT: (1, 0), pygame.K_UP: (0, -1), pygame.K_DOWN: (0, 1),
    pygame.K_a: (-1, 0), pygame.K_d: (1, 0), pygame.K_w: (0, -1), pygame.K_s: (0, 1),
}  # fmt: skip
NIGHTS_MAX_S = 600  # a game without a window ends then, even if something is still locked
PAUSE_BETWEEN_NIGHTS_S = 3
MEASURED_FRAMES = 30
PICTURE_FRAMES = 30  # enough for the list to paint all entries, a few per frame
# SDK: toasts and list in the colours of the game.
NIGHT = replace(DARK, panel=(26, 26, 54), panel_unlocked=(36, 34, 66), border=(64, 66, 104), accent=GOLD, backdrop=INK)


class Demo:
    """Runs the game from the first frame to the last."""

    def __init__(self, options: argparse.Namespace, awards: Awards, screen: Surface) -> None:
        self.options, self.awards, self.screen = options, awards, screen
        self.locale = options.locale
        self.say = words(self.locale)
        self.rng = Random(options.seed)
        self.game = Game(self.rng)
        self.scene = Scene()
        # SDK: these draw the achievements; call update() and draw() of both in each frame.
        sound = not options.headless
        self.toasts = Toasts(awards.manager, icon=icon, theme=NIGHT, scale=1.1, progress_step=50, sound=sound)
        self.list = AchievementsScreen(awards.manager, icon=icon, theme=NIGHT, scale=0.95)
        self.running = True
        self.flying = options.autoplay  # False while the title is shown
        self.frames = 0
        self.morning_s = 0.0
        self.frame_s = self.sdk_s = 0.0  # of the frames since the last status
        self.status = self._status()

    def run(self) -> None:
        clock = pygame.time.Clock()
        draws = not self.options.headless or self.options.screenshot is not None
        last_frame = None if self.options.seconds is None else round(self.options.seconds * STEPS_PER_SECOND)
        while self.running and self.frames != last_frame:
            start = perf_counter()
            self._handle_events()
            self._step()
            if draws:
                self._draw()
            self._measure(perf_counter() - start)
            if not self.options.headless:
                pygame.display.flip()
                clock.tick(STEPS_PER_SECOND)
            elif self.frames % 10 == 0:
                sleep(0.001)  # without a window there is no waiting, so let the SDK's thread run
                if self._finished_alone():
                    break
        if self.options.screenshot is not None:
            if self.options.show_list:
                self.list.open()
                for _ in range(PICTURE_FRAMES):
                    self._step()
                    self._draw()
            self._draw()
            save_png(self.screen, self.options.screenshot)

    def _handle_events(self) -> None:
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.running = False
            elif event.type == pygame.KEYDOWN and event.key == pygame.K_TAB:
                (self.list.close if self.list.is_open else self.list.open)()
            elif self.list.handle_event(event):
                pass  # SDK: the list is open and has handled the event
            elif event.type == pygame.KEYDOWN:
                self._handle_key(event.key)
            elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                self._start()

    def _handle_key(self, key: int) -> None:
        if key == pygame.K_l:
            self.locale = "en-US" if self.locale.startswith("de") else "de"
            self.say = words(self.locale)
            self.awards.speak(self.locale)
        elif key == pygame.K_ESCAPE:
            self.running = False
        elif key in (pygame.K_SPACE, pygame.K_RETURN):
            self._start()

    def _start(self) -> None:
        if self.game.over:
            self.awards.night_is_over(self.game)
            self.game = Game(self.rng)
            self.morning_s = 0.0
        self.flying = True

    def _step(self) -> None:
        self.frames += 1
        if not self.list.is_open:  # the list pauses the game
            self._play()
        # SDK: once per frame, paused or not.
        self.awards.frame()
        self.toasts.update(1 / STEPS_PER_SECOND)
        self.list.update(1 / STEPS_PER_SECOND)

    def _play(self) -> None:
        if self.flying:
            self.game.step(autopilot(self.game) if self.options.autoplay else self._steer())
            self.awards.report(self.game)
        if self.game.over:
            self.morning_s += 1 / STEPS_PER_SECOND
            if self.options.autoplay and self.morning_s > PAUSE_BETWEEN_NIGHTS_S:
                self._start()
        self.scene.step(self.game)

    def _steer(self) -> Vector2:
        if pygame.mouse.get_pressed()[0]:
            steer = (Vector2(pygame.mouse.get_pos()) - self.game.pos) / 40
        else:
            pressed = pygame.key.get_pressed()
            steer = sum((Vector2(way) for key, way in KEYS.items() if pressed[key]), Vector2())
        return steer.normalize() if steer.length() > 1 else steer

    def _draw(self) -> None:
        self.scene.draw(self.screen, self.game)
        if not self.list.is_open:
            self._draw_words()
        self.list.draw(self.screen)
        self.toasts.draw(self.screen)

    def _draw_words(self) -> None:
        seconds = self.frames / STEPS_PER_SECOND
        if not self.flying:
            draw_title(self.screen, self.say, seconds)
        elif self.game.over:
            draw_morning(self.screen, self.game, self.say, seconds)
        else:
            draw_counters(self.screen, self.game, self.say)
        draw_status(self.screen, self.status, self.say)
        if not self.toasts.is_visible:
            draw_hints(self.screen, self.say)

    def _measure(self, frame_s: float) -> None:
        self.frame_s += frame_s
        self.sdk_s += self.awards.take_sdk_s()
        if self.frames % MEASURED_FRAMES == 0:
            self.status = self._status()
            self.frame_s = self.sdk_s = 0.0

    def _status(self) -> Status:
        # SDK: plain attributes, cheap enough to read in every frame.
        manager = self.awards.manager
        return Status(
            frame_ms=self.frame_s * 1000 / MEASURED_FRAMES,
            sdk_ms=self.sdk_s * 1000 / MEASURED_FRAMES,
            pending=manager.pending_count,
            online=manager.is_online,
            with_service=self.options.url is not None,
            storage_error=manager.storage_error,
        )

    def _finished_alone(self) -> bool:
        """Without a window that could be closed, the game ends when nothing is left to unlock."""
        if self.options.seconds is not None:
            return False
        return self.awards.nothing_left(self.game) or self.frames > NIGHTS_MAX_S * STEPS_PER_SECOND


def save_png(screen: Surface, path: Path) -> None:
    buffer = io.BytesIO()
    pygame.image.save(screen, buffer, "picture.png")
    path.write_bytes(buffer.getvalue())


def open_window(headless: bool) -> tuple[Surface, str]:
    """Return the surface to draw on, and why it is not in a window (empty if it is)."""
    why = "--headless" if headless else _why_no_display()
    if not why:
        try:
            pygame.display.init()
            return pygame.display.set_mode((WIDTH, HEIGHT), pygame.SCALED | pygame.RESIZABLE), ""
        except pygame.error as error:
            why = str(error)
            pygame.display.quit()
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    pygame.display.init()
    return pygame.display.set_mode((WIDTH, HEIGHT)), why


def _why_no_display() -> str:
    driver = os.environ.get("SDL_VIDEODRIVER", "")
    if driver in ("dummy", "offscreen"):
        return f"SDL_VIDEODRIVER is {driver}"
    if sys.platform == "linux" and not driver and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    return ""


def seconds(value: str) -> float:
    number = float(value)
    if not 0 <= number <= 24 * 3600:
        raise ValueError
    return number


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("pygame_demo", description="Firefly Night, a game with achievements.")
    add = parser.add_argument
    add("--headless", action="store_true", help="run without a window, as fast as possible; implies --autoplay")
    add("--autoplay", action="store_true", help="let the autopilot play")
    add("--seed", type=int, help="random seed; with --autoplay, the same seed gives the same nights")
    add("--seconds", type=seconds, metavar="N", help="end after N seconds of game time")
    add("--screenshot", type=Path, metavar="PATH", help="save the last frame to this PNG file")
    add("--show-list", action="store_true", help="show the list of achievements in the screenshot")
    add("--url", help="base URL of an achievements service, such as https://host/api/v10")
    add("--token", help="the player's access token; the variable DISCORD_ACCESS_TOKEN is safer")
    add("--data-dir", type=Path, metavar="DIR", help="folder for progress (default: in the user's data folder)")
    add("--reset", action="store_true", help="delete the progress on this machine, then play")
    add("--locale", default="en-US", help="language: en-US (default) or de")
    options = parser.parse_args(arguments)
    options.url = options.url or os.environ.get("DISCORD_ACHIEVEMENTS_URL")
    if options.url:
        options.token = options.token or os.environ.get("DISCORD_ACCESS_TOKEN")
    return options


def complain(message: object) -> int:
    print(f"pygame_demo: error: {message}", file=sys.stderr)
    return 2


def main(arguments: list[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a console that lacks a letter shows ? instead
    options = parse(arguments)
    if options.url and not options.token:
        return complain("--url needs the player's access token: set DISCORD_ACCESS_TOKEN or pass --token")
    if options.screenshot is not None and (options.screenshot.is_dir() or not options.screenshot.parent.is_dir()):
        return complain(f"--screenshot must be a file in an existing folder, got {options.screenshot}")
    try:
        if options.reset:
            print(reset(options.data_dir))
        awards = Awards(
            open_manager(data_dir=options.data_dir, locale=options.locale, url=options.url, token=options.token)
        )
    except (DiscordAchievementsError, OSError) as error:
        return complain(error)

    pygame.font.init()
    screen, why_no_window = open_window(options.headless)
    if why_no_window:
        if not options.headless:
            print(f"No display ({why_no_window}): the autopilot plays, without a window.", flush=True)
        options.headless = options.autoplay = True
    if not options.headless:
        with suppress(pygame.error):  # without a sound card, no chime
            pygame.mixer.init()
    pygame.display.set_caption("Firefly Night")
    pygame.display.set_icon(app_icon())
    try:
        if options.headless:
            awards.wait_until_ready()
        Demo(options, awards, screen).run()
    except KeyboardInterrupt:
        pass
    for line in awards.close():
        print(line)
    pygame.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
