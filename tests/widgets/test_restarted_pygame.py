"""Widgets of a game that restarts pygame, or parts of it: its fonts and sounds become invalid, the widgets do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest

from discord_achievements.pygame_ui.background import Background
from discord_achievements.pygame_ui.fonts import Fonts
from discord_achievements.pygame_ui.sound import UnlockSound
from tests.docs.programs import environment
from tests.support.waiting import until
from tests.widgets.stage import catalogue

ROOT = Path(__file__).parents[2]
DRAWN = "bar list other toast"
HEARD = "bar list other sound toast"
SETTINGS = [
    (44100, -16, 2), (22050, -16, 1), (48000, 32, 2), (22050, 8, 1), (44100, 16, 2), (22050, -8, 1), (48000, -16, 6),
]  # fmt: skip


def test_old_and_new_widgets_survive_every_restart(tmp_path: Path) -> None:
    path = catalogue(tmp_path, count=40)
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(Path(__file__).with_name("restarted_game.py")), path, tmp_path],
        env=environment(tmp_path, ROOT),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        f"nothing {HEARD}",
        f"all_of_it {HEARD}",
        f"font {HEARD}",
        f"no_font {HEARD}",
        f"display {HEARD}",
        f"larger_window {HEARD}",
        f"same_mixer {HEARD}",
        f"floats {HEARD}",
        f"bytes {HEARD}",
        f"no_mixer {DRAWN}",
        f"all_of_it {HEARD}",
        f"no_pygame {DRAWN}",
        f"all_of_it {HEARD}",
        f"new {HEARD}",
        f"new {HEARD}",
        f"new {HEARD}",
    ]
    assert set(ended.stderr.splitlines()) == {
        "cannot play the sound of an unlock: pygame.mixer is not initialised; call pygame.mixer.init() first"
    }


def test_fonts_are_opened_again_in_each_frame_if_pygame_does_not_notice_invalid_ones() -> None:
    kept, careful = Fonts((), Background(), survives_frames=True), Fonts((), Background(), survives_frames=False)
    for fonts, is_same in ((kept, True), (careful, False)):
        before = fonts.faces[0].at(20)
        assert fonts.faces[0].at(20) is before
        fonts.new_frame()
        assert (fonts.faces[0].at(20) is before) is is_same


@pytest.fixture
def dummy_mixer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    pygame.mixer.quit()
    yield
    pygame.mixer.quit()


def started(settings: tuple[int, int, int]) -> None:
    pygame.mixer.quit()
    pygame.mixer.init(*settings, allowedchanges=0)


def heard_s(sound: UnlockSound, background: Background) -> float:
    """Play an unlock, and return how long the sound is that the mixer plays."""
    sound.play()

    def is_playing() -> bool:
        background.deliver()
        return pygame.mixer.get_busy()

    until(is_playing, "the mixer plays the sound")
    playing = pygame.mixer.Channel(0).get_sound()
    assert playing is not None
    return playing.get_length()


@pytest.mark.usefixtures("dummy_mixer")
@pytest.mark.parametrize("is_own", [False, True], ids=["chime", "own"])
def test_a_sound_is_as_long_in_whatever_settings_the_mixer_is_started_with(is_own: bool) -> None:
    background = Background()
    started(SETTINGS[0])
    own = pygame.mixer.Sound(buffer=bytes(44100 * 2))  # half a second
    sound = UnlockSound(own if is_own else True, background)
    for settings in (*SETTINGS, *SETTINGS):
        started(settings)
        assert heard_s(sound, background) == pytest.approx(0.5 if is_own else 0.9, abs=0.01), settings


@pytest.mark.usefixtures("dummy_mixer")
def test_a_sound_that_becomes_ready_after_another_restart_is_made_again() -> None:
    background = Background()
    started(SETTINGS[0])
    sound = UnlockSound(True, background)
    sound.play()
    background.settle()
    started(SETTINGS[1])
    assert heard_s(sound, background) == pytest.approx(0.9, abs=0.01)


def test_a_pygame_without_a_mixer_is_silent(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class Bell:
        rung = 0

        def play(self) -> None:
            self.rung += 1

    class Missing:
        """What pygame has in place of a module that it was built without."""

        def __getattr__(self, name: str) -> object:
            raise NotImplementedError("mixer module not available")

    monkeypatch.setattr(pygame, "mixer", Missing())
    for wanted in (True, False):
        UnlockSound(wanted, Background()).play()
    (message,) = caplog.messages
    assert message.startswith("cannot play the sound of an unlock")
    bell = Bell()
    UnlockSound(bell, Background()).play()  # type: ignore[arg-type]
    assert bell.rung == 1
