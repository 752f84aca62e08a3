"""What the widgets look like: colours and fonts, chosen by the game."""

from __future__ import annotations

import os
from dataclasses import dataclass

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours (red, green, blue; 0 to 255 each) and fonts of toasts, list and indicator.

    Change some of a ready one with `dataclasses.replace(DARK, accent=(120, 220, 140))`.

    `fonts` are paths of font files, asked in this order for each letter; after them come pygame's own font and, for
    letters that this one lacks (Thai, Hindi, Chinese, Japanese, Korean), a font of the player's system. A game that
    ships in such a language ships a font for it too, and names it here. `opacity` (0 to 1) is that of toasts,
    `backdrop_opacity` that of the list's ground, `roundness` (0 to 1) that of corners.
    """

    panel: Color = (24, 26, 38)
    panel_unlocked: Color = (38, 36, 52)
    border: Color = (62, 66, 92)
    text: Color = (242, 242, 250)
    muted: Color = (164, 168, 194)
    accent: Color = (255, 202, 104)
    track: Color = (56, 60, 84)
    backdrop: Color = (12, 13, 22)
    warning: Color = (255, 150, 110)
    shadow: Color = (0, 0, 0)
    fonts: tuple[str, ...] = ()
    opacity: float = 0.96
    backdrop_opacity: float = 0.92
    roundness: float = 0.6

    def __post_init__(self) -> None:
        """Refuse `fonts` that are no paths, with a `TypeError`."""
        if isinstance(self.fonts, str | os.PathLike):
            path = os.fspath(self.fonts)
            raise TypeError(f"fonts is {self.fonts!r}; it has to be a tuple of paths: fonts=({path!r},)")
        for one in self.fonts:
            if not isinstance(one, str | os.PathLike):
                raise TypeError(f"fonts has {one!r}; it has to be a tuple of paths")


DARK = Theme()
"""Light letters and gold on night blue."""

LIGHT = Theme(
    panel=(255, 255, 255),
    panel_unlocked=(255, 251, 240),
    border=(214, 217, 230),
    text=(32, 34, 52),
    muted=(98, 103, 130),
    accent=(186, 108, 0),
    track=(208, 212, 228),
    backdrop=(238, 240, 247),
    warning=(196, 52, 32),
    shadow=(30, 34, 70),
)
"""Dark letters and amber on white."""
