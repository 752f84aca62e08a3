"""What every widget draws with: the theme, texts in the player's language, and icons."""

from __future__ import annotations

from numbers import Real

from ..client.manager import AchievementManager
from .background import Background
from .icons import IconMaker, Icons
from .text import Writer
from .texts import Texts, texts_for
from .theme import Theme

_DESIGNED_FOR = (1280, 720)
_STEP = 0.05


class Style:
    """What one widget draws with. Raises `TypeError` for an argument of the wrong type."""

    def __init__(self, manager: AchievementManager, theme: Theme, texts: Texts | None, icon: IconMaker | None) -> None:
        if not isinstance(theme, Theme):
            raise TypeError(f"theme must be DARK, LIGHT or a Theme, got {theme!r:.60}")
        if not (texts is None or isinstance(texts, Texts)):
            raise TypeError(f"texts must be Texts, such as ENGLISH._replace(title='Trophies'), got {texts!r:.60}")
        check_callable("icon", icon)
        self.theme = theme
        self.background = Background()
        self.icons = Icons(manager, theme, self.background, icon)
        self.writer = Writer(theme.fonts, self.background, manager.locale)
        self._manager = manager
        self._own_texts = texts

    @property
    def texts(self) -> Texts:
        """The texts in the manager's current language."""
        self.writer.locale = self._manager.locale
        return self._own_texts or texts_for(self._manager.locale)

    @property
    def version(self) -> tuple[str, int]:
        """Changes whenever cached pictures are stale."""
        return self._manager.locale, self.writer.version


def scale_of(size: tuple[int, int], factor: float) -> float:
    """Return the scale for a surface of `size` pixels, 1 at 1280x720 and `factor` 1.

    It changes in steps, so that a window that is being resized rarely repaints.
    """
    fit = min(size[0] / _DESIGNED_FOR[0], size[1] / _DESIGNED_FOR[1], 4.0)
    if fit < 1:
        fit = max(0.45, fit**0.4)  # letters shrink less than the surface, to stay readable
    return round(fit * factor / _STEP) * _STEP


def check_callable(name: str, value: object) -> None:
    """Raise `TypeError` unless a hook is a function or None."""
    if not (value is None or callable(value)):
        raise TypeError(f"{name} must be a function or None, got {value!r:.60}")


def checked_factor(value: float) -> float:
    """Return a valid `scale`; raises `ValueError` and `TypeError`."""
    check_number("scale", value, "a factor", 0.25, 4)
    return float(value)


def check_number(name: str, value: object, kind: str, least: float, most: float) -> None:
    """Raise `TypeError` unless `value` is a number, `ValueError` unless it is from `least` to `most`."""
    expected = f"{name} must be {kind} from {least:g} to {most:g}, got {value!r:.60}"
    if not isinstance(value, Real):
        raise TypeError(expected)
    if not least <= float(value) <= most:
        raise ValueError(expected)
