"""The sound of an unlock: the game's own, or a chime of three bells, made of sine waves."""

from __future__ import annotations

import logging
from array import array
from math import exp, pi, sin

import pygame

from .background import Background

_log = logging.getLogger("discord_achievements")
_NOTES = ((0.0, 1046.5), (0.09, 1318.5), (0.18, 1568.0))  # seconds, hertz: C, E, G
_LENGTH_S = 0.9
_VOLUME = 0.22


def samples(rate_hz: int) -> array[float]:
    """Return the chime, -1 to 1, `rate_hz` samples a second."""
    chime = array("d", bytes(8 * round(rate_hz * _LENGTH_S)))
    for start_s, pitch_hz in _NOTES:
        first = round(start_s * rate_hz)
        turn = 2 * pi * pitch_hz / rate_hz
        for index in range(len(chime) - first):
            seconds = index / rate_hz
            loudness = _VOLUME * min(1.0, seconds * 200) * exp(-6 * seconds)
            angle = turn * index
            chime[first + index] += loudness * (sin(angle) + 0.35 * sin(2 * angle) * exp(-8 * seconds))
    fade = round(rate_hz * 0.05)
    for index in range(fade):
        chime[-1 - index] *= index / fade
    return chime


def chime_bytes(rate_hz: int, channels: int) -> bytes:
    """Return the chime as signed 16-bit samples, the same on each channel."""
    mono = [round(32767 * max(-1.0, min(value, 1.0))) for value in samples(rate_hz)]
    return array("h", [value for value in mono for _ in range(channels)]).tobytes()


def mixer_takes_it() -> tuple[int, int] | None:
    """Return the mixer's rate in hertz and its channels; None if it is off or plays other samples."""
    found = pygame.mixer.get_init()
    if not found or found[1] != -16:
        return None
    return found[0], found[2]


class UnlockSound:
    """Plays a sound for an unlock: `True` is a chime, generated as soon as the mixer runs; `False` is silence.

    Raises `TypeError` for anything else that is not a sound.
    """

    def __init__(self, wanted: bool | pygame.mixer.Sound, background: Background) -> None:
        if not (isinstance(wanted, bool) or callable(getattr(wanted, "play", None))):
            raise TypeError(
                "sound must be True for a chime, False, or a Sound such as pygame.mixer.Sound('win.wav'),"
                f" got {wanted!r:.60}"
            )
        self._background = background
        self._sound = None if isinstance(wanted, bool) else wanted
        self._needs_chime = wanted is True
        self._is_due = False
        self._is_silence_logged = False
        self.prepare()

    def prepare(self) -> None:
        """Start to generate the chime, if it is wanted and the mixer runs by now."""
        if self._needs_chime and (form := mixer_takes_it()) is not None:
            self._needs_chime = False
            self._background.run("generating the chime", lambda: chime_bytes(*form), self._keep)

    def play(self) -> None:
        """Play the sound; a chime that is still being generated is played when it is ready."""
        if self._sound is not None:
            self._sound.play()
            return
        self._is_due = True
        if self._needs_chime and not self._is_silence_logged:
            self._is_silence_logged = True
            _log.warning(
                "cannot play the chime of an unlock: pygame.mixer is %s; call pygame.mixer.init() with size=-16 first",
                f"set to {pygame.mixer.get_init()}" if pygame.mixer.get_init() else "not initialised",
            )

    def _keep(self, chime: bytes) -> None:
        self._sound = pygame.mixer.Sound(buffer=chime)
        if self._is_due:
            self._sound.play()
