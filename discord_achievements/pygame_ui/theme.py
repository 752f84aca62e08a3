"""What the widgets look like: colours and fonts, chosen by the game."""

from __future__ import annotations

import os
from dataclasses import dataclass

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours (red, green and blue, 0 to 255 each) and fonts of toasts, list and indicator.

    Change a few of them with `dataclasses.replace(DARK, accent=(120, 220, 140))`.

    `fonts` are paths of font files, searched in this order for each letter. After them come pygame's own font and, for
    letters that it lacks (Thai, Hindi, Chinese, Japanese, Korean), a font of the player's system. If your game ships in
    such a language, ship a font for it and list it here. `opacity` (0 to 1) applies to toasts, `backdrop_opacity` to
    the background of the list, `roundness` (0 to 1) to corners.
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
        """Raise `TypeError` unless `fonts` are paths."""
        if isinstance(self.fonts, str | os.PathLike):
            path = os.fspath(self.fonts)
            raise TypeError(f"fonts must be a tuple of paths, got {self.fonts!r}; write fonts=({path!r},)")
        for one in self.fonts:
            if not isinstance(one, str | os.PathLike):
                raise TypeError(f"fonts must be a tuple of paths, got one that contains {one!r}")


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
