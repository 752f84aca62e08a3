"""Renders lines of text and caches them."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Sequence

import pygame
from pygame import Surface

from .background import Background
from .fonts import Face, Fonts, clusters
from .paint import clear
from .theme import Color

_KEPT = 256
_WIDTHS_KEPT = 2000
_ELLIPSIS = "…"
_NOT_FIRST = ("Po", "Pe", "Pf")  # no line begins with a full stop or a closing bracket


class Writer:
    """Writes in a theme's fonts. `locale` selects the language whose shapes Chinese characters have."""

    def __init__(self, fonts: Sequence[str], background: Background, locale: str) -> None:
        self._fonts = Fonts(fonts, background)
        self._written: OrderedDict[tuple[str, int, Color, int], Surface] = OrderedDict()
        self._widths: dict[tuple[str, int, int], int] = {}
        self.locale = locale

    @property
    def version(self) -> int:
        """A number that rises when a newly found font changes how texts look."""
        return self._fonts.version

    def new_frame(self) -> None:
        """Note that a widget is about to be drawn; since the last time, the game may have restarted pygame."""
        self._fonts.new_frame()

    def line(self, words: str, size: int, color: Color) -> Surface:
        """Return one line at `size` pixels per em."""
        key = (words, size, color, self._fonts.version)
        surface = self._written.get(key)
        if surface is None:
            surface = self._written[key] = self._write(words, size, color)
            if len(self._written) > _KEPT:
                self._written.popitem(last=False)
        else:
            self._written.move_to_end(key)
        return surface

    def width(self, words: str, size: int) -> int:
        """Return the width of a line in pixels."""
        key = (words, size, self._fonts.version)
        width = self._widths.get(key)
        if width is None:
            if len(self._widths) > _WIDTHS_KEPT:
                self._widths.clear()
            k = _oversize(size)
            width = -(-sum(face.at(size * k, part).size(part)[0] for part, face in self._runs(words)) // k)
            self._widths[key] = width
        return width

    def height(self, size: int) -> int:
        """Return the height of a line in the first font."""
        return round(self._fonts.faces[0].at(size).get_height())

    def fitted(self, words: str, width: int, sizes: Sequence[int], color: Color) -> Surface:
        """Return a line at most `width` wide: in the largest of `sizes` that fits, or cut short in the last."""
        for size in sizes:
            if self.width(words, size) <= width:
                return self.line(words, size, color)
        return self.line(self._cut(words, width, sizes[-1]), sizes[-1], color)

    def wrapped(self, words: str, width: int, size: int, lines_max: int) -> list[str]:
        """Break a text into at most `lines_max` lines at most `width` wide; the last one may be cut short."""
        lines = [""]
        for piece in _pieces(words):
            longer = lines[-1] + piece
            if not lines[-1] or self.width(longer.rstrip(), size) <= width:
                lines[-1] = longer
            else:
                lines.append(piece)
        broken = [line.strip() for line in lines if line.strip()]
        kept = broken[:lines_max]
        if len(broken) > lines_max:
            kept[-1] = self._cut(f"{kept[-1]} {broken[lines_max]}", width, size)
        return [line if self.width(line, size) <= width else self._cut(line, width, size) for line in kept]

    def _cut(self, words: str, width: int, size: int) -> str:
        parts = list(clusters(words))
        low, high = 0, len(parts)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width("".join(parts[:middle]).rstrip() + _ELLIPSIS, size) <= width:
                low = middle
            else:
                high = middle - 1
        return "".join(parts[:low]).rstrip() + _ELLIPSIS

    def _runs(self, words: str) -> list[tuple[str, Face]]:
        if (face := self._fonts.face_of_all(words)) is not None:
            return [(words, face)]
        runs: list[tuple[str, Face]] = []
        for cluster in clusters(words):
            if runs and (cluster.isspace() or runs[-1][1] is self._fonts.face(cluster, self.locale)):
                runs[-1] = (runs[-1][0] + cluster, runs[-1][1])
            else:
                runs.append((cluster, self._fonts.face(cluster, self.locale)))
        return runs

    def _write(self, words: str, size: int, color: Color) -> Surface:
        # Rendered larger and scaled down, small letters are evenly spaced, whatever the font's hints say.
        k = _oversize(size)
        parts = [(face.at(size * k, part), part) for part, face in self._runs(_printable(words))]
        parts = [(font, part) for font, part in parts if font.size(part)[0] > 0]  # pygame raises for such a text
        if not parts:
            return clear((1, self.height(size)), color)
        pictures = [(font.render(part, True, color), font.get_ascent()) for font, part in parts]
        ascent = max(up for _, up in pictures)
        below = max(picture.get_height() - up for picture, up in pictures)
        whole = clear((sum(picture.get_width() for picture, _ in pictures), ascent + below), color)
        x = 0
        for picture, up in pictures:
            whole.blit(picture, (x, ascent - up))
            x += picture.get_width()
        if k == 1:
            return whole
        shrunk = max(1, -(-whole.get_width() // k)), max(1, round(whole.get_height() / k))
        return pygame.transform.smoothscale(whole, shrunk)


def _oversize(size: int) -> int:
    return 4 if size < 16 else 3 if size < 30 else 2 if size < 60 else 1


def _printable(words: str) -> str:
    return "".join(char if char.isprintable() or char in "\u200c\u200d" else " " for char in words)


def _pieces(words: str) -> list[str]:
    """Split where a line may end: after spaces, and around letters of scripts without spaces."""
    pieces: list[str] = []
    for cluster in clusters(_printable(words)):
        ends = not pieces or pieces[-1][-1].isspace() or _stands_alone(cluster) or _stands_alone(pieces[-1])
        if pieces and (not ends or cluster.isspace() or unicodedata.category(cluster[0]) in _NOT_FIRST):
            pieces[-1] += cluster
        else:
            pieces.append(cluster)
    return pieces


def _stands_alone(cluster: str) -> bool:
    code = ord(cluster[0])
    return 0x0E00 <= code < 0x0E80 or 0x2E80 <= code < 0xAC00 or code >= 0x20000
