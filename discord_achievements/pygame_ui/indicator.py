"""A small progress bar for the achievement that has just moved."""

from __future__ import annotations

from pygame import Rect, Surface

from ..client.manager import AchievementManager
from ..client.uncopied import Uncopied
from ..domain.errors import ResultError
from ..domain.models import UserAchievement
from ..domain.result import Result
from . import paint
from .icons import IconMaker
from .style import Style, checked_factor, scale_of
from .theme import DARK, Theme
from .toast_queue import Anchor, checked_anchor

_STAY_S, _MOVE_S, _LONGEST_FRAME_S = 2.0, 0.2, 0.1
_BAR_PERCENT_PER_S = 60.0
_WIDTH, _HEIGHT, _PADDING, _ICON, _MARGIN = 264, 50, 10, 32, 22


class ProgressIndicator(Uncopied):
    """Shows the player's latest progress in a corner.

        indicator = ProgressIndicator(manager)
        toasts = Toasts(manager, progress_step=0)       # so that progress is shown once
        ...
        indicator.update(dt_s)
        indicator.draw(surface)

    If several achievements move at once, it shows the one nearest to completion; unlocks are for `Toasts`. It stays for
    two seconds after the last move. `anchor`, `theme`, `scale`, `reduced_motion` and `icon` are those of `Toasts`. It
    fetches the list once, to distinguish new progress from old.

    Raises `ValueError` for an argument out of range, `TypeError` for one of the wrong type.
    **Blocks**: the constructor, for some milliseconds, to read files.
    """

    def __init__(
        self,
        manager: AchievementManager,
        *,
        anchor: Anchor = "topleft",
        theme: Theme = DARK,
        scale: float = 1.0,
        reduced_motion: bool = False,
        icon: IconMaker | None = None,
    ) -> None:
        self.anchor: Anchor = checked_anchor(anchor)
        self.reduced_motion = reduced_motion
        self._manager = manager
        self._factor = checked_factor(scale)
        self._style = Style(manager, theme, None, icon)
        self._has_list = False
        self._percents: dict[int, int] = {}
        self._shown: UserAchievement | None = None
        self._bar_percent = 0.0
        self._age_s = 0.0
        self._picture: Surface | None = None
        self._picture_key: tuple[object, ...] = ()
        manager.on_user_achievement_update.connect(self._on_update)
        manager.fetch_user_achievements(self._on_fetched)

    @property
    def is_visible(self) -> bool:
        """Whether `draw` has something to draw."""
        return self._shown is not None

    def update(self, dt_s: float) -> None:
        """Advance by `dt_s` seconds; call it once per frame, after `run_callbacks()`."""
        if self._style.background.arrived:
            self._style.background.deliver()
        shown = self._shown
        if shown is None:
            return
        dt_s = max(0.0, min(dt_s, _LONGEST_FRAME_S))
        self._age_s += dt_s
        step = 100.0 if self.reduced_motion else _BAR_PERCENT_PER_S * dt_s
        self._bar_percent = min(float(shown.percent_complete), self._bar_percent + step)
        if self._age_s >= _STAY_S + 2 * _MOVE_S:
            self._shown = self._picture = None

    def draw(self, surface: Surface) -> Rect | None:
        """Draw the indicator, if there is something to show, and return its place."""
        shown = self._shown
        if shown is None:
            return None
        size = surface.get_size()
        scale = scale_of(size, self._factor)
        icon = self._style.icons.get(shown, round(_ICON * scale))
        key = (shown, round(self._bar_percent), icon, scale, self._style.version)
        if self._picture is None or key != self._picture_key:
            try:
                name = self._manager.get_achievement(shown.achievement_id).name
            except ResultError:
                self._shown = None  # deleted on the service a moment ago
                return None
            self._style.writer.new_frame()
            self._picture, self._picture_key = self._paint(name, shown, icon, scale, size[0]), key
        margin = round(_MARGIN * scale)
        bounds = surface.get_rect().inflate(-2 * margin, -2 * margin)
        box = self._picture.get_rect()
        setattr(box, self.anchor, getattr(bounds, self.anchor))
        coming, going = self._age_s / _MOVE_S, (_STAY_S + 2 * _MOVE_S - self._age_s) / _MOVE_S
        self._picture.set_alpha(round(255 * max(0.0, min(coming, going, 1.0))))
        return surface.blit(self._picture, box)

    def close(self) -> None:
        """Disconnect from the manager and show nothing more."""
        if self._on_update in self._manager.on_user_achievement_update.handlers:
            self._manager.on_user_achievement_update.disconnect(self._on_update)
        self._shown = None

    def _on_fetched(self, result: Result) -> None:
        self._has_list = result is not Result.TRANSACTION_ABORTED

    def _on_update(self, achievement: UserAchievement) -> None:
        achievement_id, percent = achievement.achievement_id, achievement.percent_complete
        before = self._percents.get(achievement_id, 0)
        self._percents[achievement_id] = percent
        shown = self._shown
        is_shown = shown is not None and shown.achievement_id == achievement_id
        if achievement.unlocked or percent <= before:
            if is_shown:
                self._shown = None  # an unlock has a toast, and a reset is not shown
            return
        if not self._has_list:
            return
        if shown is not None and not is_shown and percent < shown.percent_complete:
            return
        # While visible, it stays; the bar starts where it was last seen.
        self._age_s = 0.0 if shown is None else min(self._age_s, _MOVE_S)
        if not is_shown:
            self._bar_percent = float(before)
        self._shown = achievement

    def _paint(self, name: str, shown: UserAchievement, icon: Surface, scale: float, surface_width: int) -> Surface:
        theme, writer = self._style.theme, self._style.writer

        def px(units: float) -> int:
            return round(units * scale)

        # On a surface that is narrower than the icon, the indicator is cut off.
        width = max(px(2 * _PADDING + _ICON), min(px(_WIDTH), surface_width - 2 * px(_MARGIN)))
        size = (width, px(_HEIGHT))
        radius = round(px(20) * theme.roundness)
        picture = paint.panel(size, theme.panel, theme.border, radius, theme.opacity, max(1.0, scale)).copy()
        picture.blit(icon, icon.get_rect(midleft=(px(_PADDING), size[1] // 2)))
        left, right = px(2 * _PADDING + _ICON), size[0] - px(_PADDING + 3)
        number = writer.line(f"{shown.percent_complete} %", px(13), theme.accent)
        title = writer.fitted(name, right - left - number.get_width() - px(8), (px(14), px(13), px(12)), theme.text)
        picture.blit(title, title.get_rect(midleft=(left, px(17))))
        picture.blit(number, number.get_rect(midright=(right, px(17))))
        bar = paint.bar_of((right - left, max(3, px(6))), self._bar_percent, theme.accent, theme.track)
        picture.blit(bar, (left, px(32)))
        return picture
