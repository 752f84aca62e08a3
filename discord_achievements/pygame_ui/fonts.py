"""Decides which font draws which letter: the theme's, pygame's own, or one of the player's system.

None of Discord's locales is written from right to left. Latin, Greek and Cyrillic letters are in pygame's own font; for
the other scripts a system font is searched once, in the background, when a text needs it. SDL_ttf joins vowels and
stacks marks (Hindi, Thai) with the HarfBuzz that pygame's wheels contain.
"""

from __future__ import annotations

import io
import logging
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO

import pygame
from pygame import pkgdata

from .background import Background
from .cmap import characters

Match = Callable[[str], str | None]

_log = logging.getLogger("discord_achievements")
_MAX_FONT_BYTES = 64 * 1024 * 1024

# Families as `pygame.font.match_font` knows them: Windows, macOS, then what Linux distributions have.
_ANY = ("segoeui", "helveticaneue", "notosans", "dejavusans", "freesans", "arialunicodems", "arial")
_CHINESE = ("microsoftyahei", "pingfangsc", "hiraginosansgb", "notosanscjksc", "notosanssc", "sourcehansanssc",
            "wenquanyimicrohei", "wenquanyizenhei", "droidsansfallback")  # fmt: skip
_TRADITIONAL = ("microsoftjhenghei", "pingfangtc", "heititc", "notosanscjktc", "notosanstc", "sourcehansanstc")
_JAPANESE = ("yugothic", "meiryo", "msgothic", "hiraginosans", "hiraginokakugothicpron", "notosanscjkjp",
             "notosansjp", "sourcehansansjp", "ipagothic", "ipaexgothic", "takaogothic", "vlgothic")  # fmt: skip
_KOREAN = ("malgungothic", "applesdgothicneo", "notosanscjkkr", "notosanskr", "nanumgothic", "undotum")
_THAI = ("leelawadeeui", "leelawadee", "tahoma", "thonburi", "notosansthai", "notosansthaiui", "garuda", "loma",
         "waree")  # fmt: skip
_HINDI = ("nirmalaui", "mangal", "kohinoordevanagari", "devanagarimt", "notosansdevanagari",
          "notosansdevanagariui", "lohitdevanagari", "gargi")  # fmt: skip
# Thai vowels and signs that follow their consonant, and those that precede it.
_THAI_AFTER, _THAI_BEFORE = "\u0e2f\u0e30\u0e32\u0e33\u0e45\u0e46", "\u0e40\u0e41\u0e42\u0e43\u0e44"
_HAN_BY_LOCALE = {"zh-TW": _TRADITIONAL, "ja": _JAPANESE, "ko": _KOREAN}


def families(char: str, locale: str) -> tuple[str, ...]:
    """Return the system's font families to try for a letter, best first."""
    code = ord(char)
    if 0x0E00 <= code < 0x0E80:
        return _THAI + _ANY
    if 0x0900 <= code < 0x0980:
        return _HINDI + _ANY
    if 0x1100 <= code < 0x1200 or 0x3130 <= code < 0x3190 or 0xAC00 <= code < 0xD7B0:
        return _KOREAN + _CHINESE + _ANY
    if 0x3040 <= code < 0x3100:
        return _JAPANESE + _CHINESE + _ANY
    if 0x2E80 <= code < 0xA000 or 0xF900 <= code < 0xFB00 or 0xFF00 <= code < 0xFFF0 or code >= 0x20000:
        # Each of these languages draws a Chinese character in its own way, so the player's comes first.
        return _HAN_BY_LOCALE.get(locale, ()) + _CHINESE + _TRADITIONAL + _JAPANESE + _KOREAN + _ANY
    return _ANY


class Face:
    """A font file in memory, opened once per size.

    The game may end pygame's font module at any time and start it again, which invalidates every open font.
    """

    def __init__(self, data: bytes) -> None:
        self.letters = characters(data)
        self._data = data
        self._open = lru_cache(maxsize=24)(self._opened)

    def at(self, pixels: int, words: str = "") -> pygame.font.Font:
        """Return the font at `pixels` per em, at least 1, set to shape the script of `words`."""
        script = _script(words)
        font = self._open(max(1, pixels), script)
        if not _is_valid(font):
            self.close()
            font = self._open(max(1, pixels), script)
        return font

    def close(self) -> None:
        """Forget the open fonts; `at` opens them again."""
        self._open.cache_clear()

    def _opened(self, pixels: int, script: str) -> pygame.font.Font:
        if not pygame.font.get_init():
            pygame.font.init()
        font = pygame.font.Font(io.BytesIO(self._data), pixels)
        if script:
            try:
                font.set_script(script)
            except (AttributeError, pygame.error) as exc:
                _warn_of_script(script, str(exc))
        return font


def _is_valid(font: pygame.font.Font) -> bool:
    try:
        font.get_height()
    except pygame.error:
        return False
    return True


@lru_cache
def _warn_of_script(script: str, why: str) -> None:
    _log.warning("this pygame cannot shape the script %s (%s); its letters are drawn separately", script, why)


class Fonts:
    """The open faces, in the order in which they are searched.

    `match` returns the path of the system's font of a family, None if there is none. `survives_frames` is whether fonts
    may stay open between two frames: pygame-ce reports the use of an invalid one, plain pygame crashes. Raises
    `OSError` or `ValueError` for a file in `paths` that is not a font. **Blocks**: the constructor, to read the files.
    """

    def __init__(
        self,
        paths: Sequence[str],
        background: Background,
        match: Match | None = None,
        *,
        survives_frames: bool = getattr(pygame, "IS_CE", False),
    ) -> None:
        pygame.font.init()
        self._survives_frames = survives_frames
        self._background = background
        self._match = match or pygame.font.match_font
        self.faces = [*(_theme_face(path) for path in paths), _default_face()]
        self.version = 0
        self._asked: set[tuple[str, ...]] = set()

    def new_frame(self) -> None:
        """Note that the game's code has run since the fonts were last used."""
        if not self._survives_frames:
            for face in self.faces:
                face.close()

    def face_of_all(self, words: str) -> Face | None:
        """Return the first face that has every letter of `words`, since a line in one font looks better than in two."""
        codes = _drawn(words)
        return next((face for face in self.faces if face.letters.issuperset(codes)), None)

    def face(self, cluster: str, locale: str) -> Face:
        """Return the first face that has all letters of `cluster`, or else the very first one.

        In that case a system font is searched, and `version` rises once one has been found.
        """
        codes = _drawn(cluster)
        for face in self.faces:
            if face.letters.issuperset(codes):
                return face
        self._look_for(cluster[0], locale)
        return self.faces[0]

    def _look_for(self, char: str, locale: str) -> None:
        names = families(char, locale)
        if names in self._asked:
            return
        self._asked.add(names)
        self._background.run(
            f"searching a font with {char!r}", lambda: _system_face(names, ord(char), self._match), self._add
        )

    def _add(self, face: Face | None) -> None:
        if face is not None:
            self.faces.append(face)
            self.version += 1


def _script(words: str) -> str:
    """Return the ISO 15924 code that HarfBuzz needs, empty for scripts whose letters are not joined."""
    if any("\u0900" <= char < "\u0980" for char in words):
        return "Deva"
    return "Thai" if any("\u0e00" <= char < "\u0e80" for char in words) else ""


def _drawn(words: str) -> set[int]:
    return {ord(char) for char in words if not (char.isspace() or _is_joiner(char))}


def clusters(words: str) -> Iterator[str]:
    """Split a text into parts that stay together: letters with their marks, and whole words of Indic scripts."""
    start = 0
    for index in range(1, len(words)):
        if not _belongs(words[index - 1], words[index]):
            yield words[start:index]
            start = index
    if words:
        yield words[start:]


def _belongs(before: str, char: str) -> bool:
    return (
        _is_mark(char)
        or _is_joiner(char)
        or _is_joiner(before)
        or (_is_shaped(before) and _is_shaped(char))
        or char in _THAI_AFTER
        or before in _THAI_BEFORE
    )


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Mc", "Me")


def _is_joiner(char: str) -> bool:
    return char in "\u200c\u200d\ufe0e\ufe0f"


def _is_shaped(char: str) -> bool:
    return 0x0900 <= ord(char) < 0x0D80 and not char.isspace()


def _theme_face(path: str) -> Face:
    data = Path(path).read_bytes()
    try:
        return Face(data)
    except ValueError as exc:
        raise ValueError(f"the theme's font {path} cannot be used: {exc}") from exc


@lru_cache(maxsize=1)
def _default_face() -> Face:
    found: IO[bytes] = pkgdata.getResource(pygame.font.get_default_font(), "pygame")  # type: ignore[no-untyped-call]
    with found as file:
        return Face(file.read())


def _system_face(names: Sequence[str], code: int, match: Match) -> Face | None:
    # Finding the system's fonts may start a program or read the registry, so it is not for the game's thread.
    for name in names:
        found = match(name)
        if found is None or Path(found).stat().st_size > _MAX_FONT_BYTES:
            continue
        try:
            face = Face(Path(found).read_bytes())
        except (OSError, ValueError) as exc:
            _log.info("the font %s cannot be used (%s)", found, exc)
            continue
        if code in face.letters:
            return face
    # Fonts that every system has are no help: they were searched, and lack the letter.
    own = [name for name in names if name not in _ANY][:6]
    _log.warning(
        "no font on this system has the letter %r; add one that has it to Theme(fonts=...)%s",
        chr(code),
        f", or install one of: {', '.join(own)}" if own else "",
    )
    return None
