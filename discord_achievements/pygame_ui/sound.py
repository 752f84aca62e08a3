"""The sound of an unlock: the game's own, or a chime of three bells, made of sine waves.

The game may stop the mixer at any time, or start it with other settings. A sound is samples in the mixer's settings, so
for other settings it is made again: the old one would be noise.
"""

from __future__ import annotations

import io
import logging
import struct
from array import array
from functools import lru_cache, partial
from math import exp, pi, sin
from typing import NamedTuple

import pygame

from .background import Background

_log = logging.getLogger("discord_achievements")
_NOTES = ((0.0, 1046.5), (0.09, 1318.5), (0.18, 1568.0))  # seconds, hertz: C, E, G
_LENGTH_S = 0.9
_VOLUME = 0.22
_RATE_HZ = 44100
# What a WAVE file calls the mixer's kinds of samples; pygame sets 32 and reports -32.
_WAVE_KINDS = {8: 1, -16: 1, -32: 3}


class MixerSettings(NamedTuple):
    """Samples a second; their kind, which is the number of bits, negative if signed; channels."""

    rate_hz: int
    kind: int
    channels: int


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


def mixer_takes_it() -> MixerSettings | None:
    """Return what the mixer is set to; None if it is off, or if this pygame has none."""
    try:
        found = pygame.mixer.get_init()
    except NotImplementedError:
        return None
    return MixerSettings(*found) if found else None


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
        self._own = None if isinstance(wanted, bool) else wanted
        # Anything with play() will do, but only pygame's sounds depend on the mixer's settings.
        self._needs_mixer = wanted is True or _is_pygames(wanted)
        self._own_is_for: MixerSettings | None = None
        self._made_for: MixerSettings | None = None
        self._made: bytes | None = None
        self._is_due = False
        self._is_silence_logged = False
        self.prepare()

    def prepare(self) -> None:
        """Start to make the sound for the mixer's settings, unless that has been done or the mixer does not run."""
        if not self._needs_mixer or (settings := mixer_takes_it()) is None:
            return
        if self._own is not None and self._own_is_for is None:
            self._own_is_for = settings  # the game has just loaded it
        if settings in (self._made_for, self._own_is_for):
            return
        self._made_for, self._made = settings, None
        self._background.run(
            "making the sound of an unlock",
            partial(_made, self._own, self._own_is_for, settings),
            partial(self._keep, settings),
        )

    def play(self) -> None:
        """Play the sound; one that is still being made is played when it is ready."""
        try:
            self._play()
        except pygame.error as exc:
            self._warn(f"{exc}")

    def _play(self) -> None:
        if not self._needs_mixer:
            if self._own is not None:
                self._own.play()
            return
        self.prepare()
        settings = mixer_takes_it()
        if settings is None:
            self._warn("pygame.mixer is not initialised; call pygame.mixer.init() first")
        elif self._own is not None and settings == self._own_is_for:
            self._own.play()
        elif self._made is None:
            self._is_due = True
        else:
            # A pygame Sound must not outlive the mixer for which it was made, so only the samples are kept.
            sound = pygame.mixer.Sound(buffer=self._made)
            if self._own is not None:
                sound.set_volume(self._own.get_volume())
            sound.play()

    def _keep(self, settings: MixerSettings, made: bytes | None) -> None:
        if settings != self._made_for:
            return  # it has been asked for with others since
        if made is None:
            self._made_for = None
            return
        self._made = made
        if self._is_due:
            self._is_due = False
            self.play()

    def _warn(self, why: str) -> None:
        if not self._is_silence_logged:
            self._is_silence_logged = True
            _log.warning("cannot play the sound of an unlock: %s", why)


def _is_pygames(sound: object) -> bool:
    try:
        return isinstance(sound, pygame.mixer.Sound)
    except NotImplementedError:  # this pygame has no mixer
        return False


@lru_cache(maxsize=1)
def _chime() -> bytes:
    return _wave_file(chime_bytes(_RATE_HZ, 1), MixerSettings(_RATE_HZ, -16, 1))


def _made(own: pygame.mixer.Sound | None, own_is_for: MixerSettings | None, settings: MixerSettings) -> bytes | None:
    """Return the game's own sound or the chime as samples for `settings`; None if the mixer has others by now."""
    try:
        file = _chime() if own is None or own_is_for is None else _wave_file(own.get_raw(), own_is_for)
        made = pygame.mixer.Sound(file=io.BytesIO(file)).get_raw()
    except pygame.error:
        if mixer_takes_it() == settings:
            raise
        return None
    return made if mixer_takes_it() == settings else None


def _wave_file(raw: bytes, settings: MixerSettings) -> bytes:
    """Return samples as a file. Source: Multimedia Programming Interface and Data Specifications 1.0, WAVE."""
    if settings.kind not in _WAVE_KINDS:
        raise ValueError(f"a file cannot have samples of pygame's kind {settings.kind}; load the sound again")
    size = abs(settings.kind) // 8
    form = struct.pack(
        "<HHIIHH",
        _WAVE_KINDS[settings.kind],
        settings.channels,
        settings.rate_hz,
        settings.rate_hz * settings.channels * size,
        settings.channels * size,
        8 * size,
    )
    chunks = b"".join(struct.pack("<4sI", name, len(body)) + body for name, body in ((b"fmt ", form), (b"data", raw)))
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks
