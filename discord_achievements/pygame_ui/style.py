"""What every widget draws with: the theme, its texts in the player's language, and the icons."""

from __future__ import annotations

from ..client.manager import AchievementManager
from .background import Background
from .icons import IconMaker, Icons
from .text import Writer
from .texts import Texts, texts_for
from .theme import Theme

_DESIGNED_FOR = (1280, 720)
_STEP = 0.05


class Style:
    """One widget's means of drawing. Raises `TypeError` for an argument of another kind."""

    def __init__(self, manager: AchievementManager, theme: Theme, texts: Texts | None, icon: IconMaker | None) -> None:
        if not isinstance(theme, Theme):
            raise TypeError(f"theme is {theme!r:.60}; allowed are DARK, LIGHT or a Theme of your own")
        if not (texts is None or isinstance(texts, Texts)):
            raise TypeError(f"texts is {texts!r:.60}; allowed are Texts, say ENGLISH._replace(title='Trophies')")
        check_callable("icon", icon)
        self.theme = theme
        self.background = Background()
        self.icons = Icons(manager, theme, self.background, icon)
        self.writer = Writer(theme.fonts, self.background, manager.locale)
        self._manager = manager
        self._own_texts = texts

    @property
    def texts(self) -> Texts:
        """The texts in the language that the manager has now."""
        self.writer.locale = self._manager.locale
        return self._own_texts or texts_for(self._manager.locale)

    @property
    def version(self) -> tuple[str, int]:
        """Something that is another when pictures made before are out of date."""
        return self._manager.locale, self.writer.version


def scale_of(size: tuple[int, int], factor: float) -> float:
    """Return how much larger than on 1280x720 to draw; in steps, so that a window being resized repaints seldom."""
    fit = min(size[0] / _DESIGNED_FOR[0], size[1] / _DESIGNED_FOR[1], 4.0)
    if fit < 1:
        fit = max(0.45, fit**0.4)  # letters shrink less than the surface, so that they can still be read
    return round(fit * factor / _STEP) * _STEP


def check_callable(name: str, value: object) -> None:
    """Raise `TypeError` for a hook that cannot be called; None is none."""
    if not (value is None or callable(value)):
        raise TypeError(f"{name} is {value!r:.60}; it has to be a function, or None")


def checked_factor(value: float) -> float:
    """Return a usable factor for the size; raises `ValueError`."""
    if not 0.25 <= value <= 4:
        raise ValueError(f"scale is {value}; allowed are factors from 0.25 to 4")
    return float(value)
