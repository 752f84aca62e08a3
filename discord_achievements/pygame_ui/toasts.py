"""Toasts: the small panel that slides in when an achievement is unlocked or makes progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf

import pygame
from pygame import Rect, Surface

from ..client.manager import AchievementManager
from ..client.uncopied import Uncopied
from ..domain.errors import ResultError
from ..domain.models import UserAchievement
from ..domain.result import Result
from ..domain.wire import parse_time
from . import paint
from .announced import Announced
from .icons import IconMaker
from .sound import UnlockSound
from .style import Style, check_callable, check_number, checked_factor, scale_of
from .texts import Texts
from .theme import DARK, Theme
from .toast_queue import Anchor, Entry, Toast, ToastQueue, checked_anchor

_MOVE_S = 0.3
_MOVE_REDUCED_S = 0.12
_LONGEST_FRAME_S = 0.1  # a longer frame, say to load a level, must not cost a toast its time
_BAR_PERCENT_PER_S = 60.0
_READ_PER_FRAME = 50
_WIDTH, _PADDING, _ICON, _MARGIN, _SLIDE, _BLUR = 404, 16, 60, 22, 26, 14


class Toasts(Uncopied):
    """Shows the player's unlocks and progress, one at a time, on the game's own surface.

        toasts = Toasts(manager)
        ...
        manager.run_callbacks()
        toasts.update(dt_s)
        toasts.draw(surface)

    * `anchor`: the corner or edge, by pygame's name: "bottomright", "midtop" ...
    * `scale`: multiplies the size, which otherwise follows the surface (1280x720 is 1); 0.25 to 4.
    * `stay_s`: seconds that a toast stays; while others wait, at least `stay_min_s`. No toast is skipped.
    * `progress_step`: progress is shown each time it passes a multiple of this percentage; 0 shows unlocks only.
    * `missed`: whether to show, once, unlocks from before this start of the game that were never shown (made on another
      device, or cut off when the game ended). When a player signs in here for the first time, all existing unlocks
      count as shown.
    * `reduced_motion`: nothing slides and bars do not move.
    * `on_toast(toast)` returns the `Toast` to show, changed if you like, or `None` to show nothing. `on_text(text)`
      gets each toast as a sentence, for a screen reader.
    * `sound`: True for a small chime on unlocks, or a `pygame.mixer.Sound`.
    * `icon(user_achievement, size)` may return a surface to draw instead of the achievement's icon.
    * `texts` replaces the texts of the manager's `locale`; `theme` the colours and fonts.

    It fetches the list once. Which unlocks have been shown is stored in the manager's `data_dir`.

    Raises `ValueError` for an argument out of range, `TypeError` for one of the wrong type.
    **Blocks**: the constructor, for some milliseconds, to read files.
    """

    def __init__(
        self,
        manager: AchievementManager,
        *,
        anchor: Anchor = "bottomright",
        theme: Theme = DARK,
        scale: float = 1.0,
        stay_s: float = 4.0,
        stay_min_s: float = 2.0,
        progress_step: int = 25,
        missed: bool = True,
        reduced_motion: bool = False,
        on_toast: Callable[[Toast], Toast | None] | None = None,
        on_text: Callable[[str], object] | None = None,
        sound: bool | pygame.mixer.Sound = False,
        icon: IconMaker | None = None,
        texts: Texts | None = None,
    ) -> None:
        check_number("stay_s", stay_s, "seconds", 0, inf)
        check_number("stay_min_s", stay_min_s, "seconds", 0, inf)
        if not 0 < stay_min_s <= stay_s:
            raise ValueError(f"stay_min_s must be more than 0 and at most stay_s, {stay_s:g}, got {stay_min_s:g}")
        check_number("progress_step", progress_step, "a percentage", 0, 100)
        check_callable("on_toast", on_toast)
        check_callable("on_text", on_text)
        self.anchor: Anchor = checked_anchor(anchor)
        self.reduced_motion = reduced_motion
        self.on_toast = on_toast
        self.on_text = on_text
        self._manager = manager
        self._factor = checked_factor(scale)
        self._progress_step = progress_step
        self._wants_missed = missed
        self._style = Style(manager, theme, texts, icon)
        self._announced = Announced(manager.data_dir, self._style.background)
        self._started_at = manager.clock.now()
        self._queue = ToastQueue(stay_s, stay_min_s, _MOVE_REDUCED_S if reduced_motion else _MOVE_S)
        self._percents: dict[int, int] = {}
        self._reading: Iterator[None] | None = None
        self._active = False
        self._closed = False
        self._toast: Toast | None = None
        self._picture: Surface | None = None
        self._picture_key: tuple[object, ...] = ()
        self._panel_size = (0, 0)
        self._sound = UnlockSound(sound, self._style.background)
        manager.on_user_achievement_update.connect(self._on_update)
        manager.fetch_user_achievements(self._on_fetched)

    @property
    def is_visible(self) -> bool:
        """Whether `draw` has something to draw; if not, an OpenGL game need not upload its overlay."""
        return self._queue.showing is not None

    def update(self, dt_s: float) -> None:
        """Advance by `dt_s` seconds; call it once per frame, after `run_callbacks()`.

        Exceptions of `on_toast` and `on_text` are passed on.
        """
        if (self._active or self._style.background.arrived) and not self._closed:
            self._step(dt_s)

    def draw(self, surface: Surface) -> Rect | None:
        """Draw the toast, if there is one, and return its place; call it last, so that it covers everything else."""
        if self._queue.showing is None or self._toast is None:
            return None
        return self._draw(surface, self._queue.showing, self._toast)

    def close(self) -> None:
        """Disconnect from the manager and show nothing more; it may be called from any hook."""
        if not self._closed:
            self._closed = True
            self._manager.on_user_achievement_update.disconnect(self._on_update)
            self._announced.close()
        self._queue.waiting.clear()
        self._queue.showing = self._reading = None
        self._active = False

    # What there is to show

    def _on_update(self, achievement: UserAchievement) -> None:
        achievement_id = achievement.achievement_id
        before = self._percents.get(achievement_id)
        self._percents[achievement_id] = achievement.percent_complete
        if achievement.unlocked:
            self._take_unlock(achievement, before or 0)
        elif before is None or achievement.percent_complete < before:
            self._queue.drop(achievement_id)  # reset on the service
        elif (step := self._progress_step) and achievement.percent_complete // step > before // step:
            self._push(achievement, before)

    def _on_fetched(self, result: Result) -> None:
        if result is not Result.TRANSACTION_ABORTED and not self._closed:
            self._reading = self._read_list(is_complete=result is Result.OK)
            self._active = True

    def _read_list(self, *, is_complete: bool) -> Iterator[None]:
        """Read the list in slices, one per frame."""
        manager = self._manager
        unlocked: dict[int, list[int]] = {}
        for index in range(manager.count_user_achievements()):
            if index % _READ_PER_FRAME == _READ_PER_FRAME - 1:
                yield
            try:
                achievement = manager.get_user_achievement_at(index)
            except ResultError:
                break  # the list has become shorter since the last frame
            user_id, achievement_id = achievement.user_id, achievement.achievement_id
            self._percents[achievement_id] = achievement.percent_complete
            ids = unlocked.setdefault(user_id, [])
            if not achievement.unlocked:
                continue
            if self._is_missed(achievement) and not self._announced.known(user_id):
                ids.append(achievement_id)
            else:
                self._take_unlock(achievement, 0)
        if is_complete:
            for user_id, ids in unlocked.items():
                if not self._announced.known(user_id):
                    self._announced.settle(user_id, ids)

    def _take_unlock(self, achievement: UserAchievement, percent_before: int) -> None:
        user_id, achievement_id = achievement.user_id, achievement.achievement_id
        if self._announced.has(user_id, achievement_id):
            return
        for entry in self._queue.waiting:
            if entry.is_unlock and entry.achievement.achievement_id == achievement_id:
                entry.achievement = achievement  # the newer one may have the user id
                return
        if self._is_missed(achievement) and not (self._wants_missed and self._announced.known(user_id)):
            self._announced.add(user_id, achievement_id)
            return
        self._push(achievement, percent_before)

    def _push(self, achievement: UserAchievement, percent_before: int) -> None:
        self._manager.get_icon(achievement.achievement_id)  # fetches it, if this machine does not have it
        self._queue.push(achievement, percent_before)
        self._active = True

    def _is_missed(self, achievement: UserAchievement) -> bool:
        if not achievement.unlocked_at:
            return False
        # By the wall clock as it is now, since it may have been set after the start.
        clock = self._manager.clock
        started_at_us = clock.at_us() - int((clock.now() - self._started_at) * 1_000_000)
        return parse_time(achievement.unlocked_at) < started_at_us

    # What is shown when

    def _step(self, dt_s: float) -> None:
        self._style.background.deliver()
        if not self._active:
            return
        self._sound.prepare()
        if self._reading is not None:
            try:
                next(self._reading)
            except StopIteration:
                self._reading = None
        dt_s = max(0.0, min(dt_s, _LONGEST_FRAME_S))
        self._announced.advance(dt_s)
        queue = self._queue
        is_free = queue.advance(dt_s)
        while is_free and (entry := queue.show_next()) is not None:
            is_free = not self._announce(entry)
        if (shown := queue.showing) is None:
            self._toast = self._picture = None
            self._active = bool(queue.waiting) or self._reading is not None or not self._announced.is_saved
        elif self._toast is not None:
            if not shown.is_unlock and self._toast.achievement is not shown.achievement:
                percent = shown.achievement.percent_complete
                self._toast = replace(self._toast, achievement=shown.achievement, percent_complete=percent)
            goal = float(shown.achievement.percent_complete)
            step = goal if self.reduced_motion else _BAR_PERCENT_PER_S * dt_s
            shown.shown_percent = min(goal, shown.shown_percent + step)

    def _announce(self, entry: Entry) -> bool:
        """Start to show an entry; return False if the game does not want it."""
        achievement = entry.achievement
        self._queue.showing = None  # if a hook raises, the next frame continues with the next entry
        if entry.is_unlock:
            self._announced.add(achievement.user_id, achievement.achievement_id)
        toast: Toast | None = self._describe(achievement)
        if toast is not None and self.on_toast is not None:
            toast = self.on_toast(toast)
        if toast is None or self._closed:
            return False
        self._queue.showing = entry
        self._toast, self._picture_key = toast, ()
        if entry.is_unlock:
            self._sound.play()
        if self.on_text is not None:
            self.on_text(toast.text)
        return True

    def _describe(self, achievement: UserAchievement) -> Toast | None:
        try:
            definition = self._manager.get_achievement(achievement.achievement_id)
        except ResultError:
            return None  # deleted on the service while it waited
        texts = self._style.texts
        percent = None if achievement.unlocked else achievement.percent_complete
        headline = texts.headline if achievement.unlocked else texts.progress
        return Toast(achievement, headline, definition.name, definition.description, percent)

    # How it looks

    def _draw(self, surface: Surface, entry: Entry, toast: Toast) -> Rect | None:
        presence = self._queue.presence()
        size = surface.get_size()
        scale = scale_of(size, self._factor)
        percent = None if toast.percent_complete is None else round(entry.shown_percent)
        icon = self._style.icons.get(toast.achievement, round(_ICON * scale))
        key = (toast, icon, percent, len(self._queue.waiting), scale, size[0], self._style.version)
        if self._picture is None or key != self._picture_key:
            self._style.writer.new_frame()
            self._picture = self._paint(toast, icon, percent, scale, size[0])
            self._picture_key = key
        blur, margin = round(_BLUR * scale), round(_MARGIN * scale)
        box = Rect((0, 0), self._panel_size)
        bounds = surface.get_rect().inflate(-2 * margin, -2 * margin)
        setattr(box, self.anchor, getattr(bounds, self.anchor))
        if not self.reduced_motion:
            offset = round((1 - presence) * _SLIDE * scale)
            box.y += -offset if "top" in self.anchor else offset
        self._picture.set_alpha(round(255 * presence))
        return surface.blit(self._picture, (box.x - blur, box.y - blur))

    def _paint(self, toast: Toast, icon: Surface, percent: int | None, scale: float, surface_width: int) -> Surface:
        theme, writer = self._style.theme, self._style.writer

        def px(units: float) -> int:
            return round(units * scale)

        left = px(_PADDING + _ICON + 16)
        # On a surface that is narrower than the icon, the toast is cut off.
        width = max(left, min(px(_WIDTH), surface_width - 2 * px(_MARGIN)))
        room = width - left - px(_PADDING + 2)
        badge = self._badge(px)
        headline = writer.fitted(
            toast.headline, room - (badge.get_width() if badge else 0), (px(13), px(12)), theme.accent
        )
        name = writer.fitted(toast.name, room, [px(size) for size in (21, 20, 19, 18, 17)], theme.text)
        lines = [] if percent is not None else writer.wrapped(toast.description, room, px(14), 2)
        written = [writer.line(line, px(14), theme.muted) for line in lines]

        text_height = headline.get_height() + px(1) + name.get_height()
        text_height += px(18) if percent is not None else sum(px(18) for _ in written)
        height = max(px(_ICON), text_height) + 2 * px(_PADDING)
        self._panel_size = (width, height)

        blur = px(_BLUR)
        radius = round(px(20) * theme.roundness)
        picture = paint.clear((width + 2 * blur, height + 2 * blur), theme.shadow)
        picture.blit(paint.shadow((width, height), theme.shadow, radius, blur, 0.45), (0, px(4)))
        border = theme.border if percent is not None else paint.mix(theme.border, theme.accent, 0.75)
        panel = paint.panel((width, height), theme.panel, border, radius, theme.opacity, max(1.0, 1.5 * scale))
        picture.blit(panel, (blur, blur))

        card = picture.subsurface(Rect(blur, blur, width, height))
        card.blit(icon, icon.get_rect(center=(px(_PADDING) + px(_ICON) // 2, height // 2)))
        y = (height - text_height) // 2
        card.blit(headline, (left, y))
        if badge is not None:
            card.blit(badge, badge.get_rect(topright=(width - px(12), px(12))))
        y += headline.get_height() + px(1)
        card.blit(name, (left, y))
        y += name.get_height()
        for line in written:
            card.blit(line, (left, y + px(1)))
            y += px(18)
        if percent is not None and toast.percent_complete is not None:
            number = writer.line(f"{toast.percent_complete} %", px(13), theme.muted)
            bar_size = (room - writer.width("100 %", px(13)) - px(10), max(3, px(7)))
            bar = paint.bar_of(bar_size, percent, theme.accent, theme.track)
            center = y + px(9)
            card.blit(bar, bar.get_rect(midleft=(left, center)))
            card.blit(number, number.get_rect(midright=(left + room, center)))
        return picture

    def _badge(self, px: Callable[[float], int]) -> Surface | None:
        """Return the mark with the number of waiting toasts, None if there are none."""
        waiting = len(self._queue.waiting)
        if not waiting:
            return None
        theme, writer = self._style.theme, self._style.writer
        number = writer.line(f"+{waiting}", px(12), theme.panel)
        size = (number.get_width() + px(14), number.get_height() + px(4))
        badge = paint.panel(size, theme.accent, theme.accent, size[1] // 2, 1.0).copy()
        badge.blit(number, number.get_rect(center=badge.get_rect().center))
        return badge
