"""The list of achievements, over the whole surface: what the player does and what the manager reports."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pygame
from pygame import Surface
from pygame.event import Event

from ..client.manager import AchievementManager
from ..client.uncopied import Uncopied
from ..domain.errors import ResultError
from ..domain.models import Achievement, UserAchievement
from ..domain.result import Result
from . import paint
from .card_list import CardList, Entry
from .chrome import Chrome
from .controls import Controls, Step
from .icons import IconMaker
from .layout import Layout, lay_out
from .rows import Filter, Grid, Rows, Scroll
from .style import Style, check_callable, checked_factor, scale_of
from .texts import Texts
from .theme import DARK, Theme

_WHEEL_ROWS = 1.0
_LONGEST_FRAME_S = 0.1
_DEFINITIONS_KEPT = 200


class AchievementsScreen(Uncopied):
    """Shows all achievements of the player, with filters, over the whole of the game's surface.

        screen = AchievementsScreen(manager)
        ...
        for event in pygame.event.get():
            if not screen.handle_event(event):
                ...                             # the game's own
        manager.run_callbacks()
        screen.update(dt_s)
        screen.draw(surface)                    # nothing while it is closed

    `open()` shows it; Escape, the controller's B or a click on the cross closes it; `is_open` is whether it is shown.
    Arrows, WASD, Page Up and Down, Home, End, the wheel, a controller's D-pad and left stick scroll; Tab, Q, E and the
    shoulder buttons change the filter.

    `theme`, `scale`, `texts`, `icon` and `reduced_motion` are those of `Toasts`. `on_text(text)` gets the entry that
    keys or buttons have moved to, for a screen reader.

    Raises `ValueError` for an argument out of range, `TypeError` for one of the wrong type.
    **Blocks**: the constructor, for some milliseconds, to read files.
    """

    def __init__(
        self,
        manager: AchievementManager,
        *,
        theme: Theme = DARK,
        scale: float = 1.0,
        reduced_motion: bool = False,
        on_text: Callable[[str], object] | None = None,
        icon: IconMaker | None = None,
        texts: Texts | None = None,
    ) -> None:
        check_callable("on_text", on_text)
        self.reduced_motion = reduced_motion
        self.on_text = on_text
        self._manager = manager
        self._factor = checked_factor(scale)
        self._style = Style(manager, theme, texts, icon)
        self._chrome = Chrome(self._style)
        self._cards = CardList(self._style, manager)
        self._controls = Controls()
        self._rows = Rows()
        self._scroll = Scroll()
        self._layout: Layout | None = None
        self._layout_key: tuple[object, ...] = ()
        self._definitions: OrderedDict[tuple[int, str], Achievement] = OrderedDict()
        self._result: Result | None = None
        self._is_open = False
        self._is_waiting = False
        self._is_stale = True
        self._shows_selection = False
        self._grabbed: int | None = None  # where on the scroll bar's handle the mouse holds it
        self._age_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the list is shown."""
        return self._is_open

    def open(self) -> None:
        """Show the list, and fetch the latest."""
        self._is_open = self._is_stale = True
        self._shows_selection = False
        self._controls.let_go()
        self._definitions.clear()
        # Only while it is open, so that the manager does not keep a list that the game has dropped.
        self._manager.on_user_achievement_update.connect(self._on_update)
        self._fetch()

    def close(self) -> None:
        """Show the game again; it may be called from any hook."""
        if self._is_open:
            self._manager.on_user_achievement_update.disconnect(self._on_update)
        self._is_open = False
        self._grabbed = None
        self._controls.let_go()
        self._cards.kept.clear()

    def update(self, dt_s: float) -> None:
        """Advance by `dt_s` seconds; call it once per frame, after `run_callbacks()`."""
        if self._style.background.arrived:
            self._style.background.deliver()
        if not self._is_open:
            return
        dt_s = max(0.0, min(dt_s, _LONGEST_FRAME_S))
        self._age_s += dt_s
        for step in self._controls.repeats(dt_s):
            self._take(step)
            if not self.is_open:
                return
        if self._is_stale or self._rows.total != self._manager.count_user_achievements():
            self._rows.read(self._manager)
            self._is_stale = False
        if self._has_failed() and self._manager.is_online:
            self._fetch()  # the service is back
        if self.reduced_motion:
            self._scroll.now = self._scroll.goal
        else:
            self._scroll.advance(dt_s)

    def handle_event(self, event: Event, pos: tuple[int, int] | None = None) -> bool:
        """Handle one of pygame's events; returns whether it was for the list, always False while closed.

        `pos` is the mouse's position on the surface that is drawn to, if that surface is not the window.
        """
        if not self._is_open:
            return False
        kind = event.type
        if kind == pygame.MOUSEWHEEL:
            self.scroll(-event.y * _WHEEL_ROWS)
            return True
        if kind in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP, pygame.MOUSEMOTION):
            return self._handle_mouse(event, event.pos if pos is None else pos)
        steps = self._controls.steps(event)
        for step in steps:
            self._take(step)
        return bool(steps)

    def scroll(self, rows: float) -> None:
        """Scroll by `rows` rows, up if negative: for input devices that the game handles itself."""
        if self._layout is not None:
            grid = self._layout.grid
            self._scroll.go(self._scroll.goal + rows * grid.pitch, grid.scroll_max(len(self._rows.shown)))

    def draw(self, surface: Surface) -> None:
        """Draw the list, if it is open, over the whole of `surface`."""
        if not self._is_open:
            return
        self._style.writer.new_frame()
        layout = self._layout_for(surface.get_size())
        rows, chrome, theme = self._rows, self._chrome, self._style.theme
        limit = layout.grid.scroll_max(len(rows.shown))
        if self._scroll.goal > limit:
            self._scroll.go(limit, limit)
        surface.blit(paint.ground(surface.get_size(), theme.backdrop, theme.backdrop_opacity), (0, 0))
        chrome.draw_header(surface, layout, rows)
        if rows.shown:
            scroll = self._scroll.now
            self._cards.draw(surface, layout, rows, scroll, self._entry, shows_selection=self._shows_selection)
            if (handle := layout.handle(scroll, len(rows.shown))) is not None:
                chrome.draw_scroll_bar(surface, layout, handle, is_held=self._grabbed is not None)
        elif rows.total or self._result is Result.OK:
            chrome.draw_empty(surface, layout, rows)
        elif self._result is None:
            chrome.draw_loading(surface, layout, 0.0 if self.reduced_motion else self._age_s)
        else:
            chrome.draw_failure(surface, layout, self._result)
        if self._manager.storage_error is not None:
            chrome.draw_notice(surface, layout, self._style.texts.not_saved)
        elif rows.total and (self._has_failed() or self._manager.is_online is False):
            chrome.draw_notice(surface, layout, self._style.texts.offline)

    def _layout_for(self, size: tuple[int, int]) -> Layout:
        key = (size, self._style.version)
        previous = self._layout
        if previous is not None and key == self._layout_key:
            return previous
        self._layout_key = key
        self._layout = layout = lay_out(self._style, size, scale_of(size, self._factor))
        if previous is not None and previous.grid.pitch != layout.grid.pitch:
            row = self._scroll.goal / previous.grid.pitch
            self._scroll.jump(row * layout.grid.pitch, layout.grid.scroll_max(len(self._rows.shown)))
        return layout

    # What the player does

    def _handle_mouse(self, event: Event, pos: tuple[int, int]) -> bool:
        layout = self._layout
        if layout is None:
            return True
        count = len(self._rows.shown)
        if event.type == pygame.MOUSEMOTION:
            if self._grabbed is not None:
                self._drag(layout, pos[1])
            return self._grabbed is not None
        if event.button != 1:
            return True
        if event.type == pygame.MOUSEBUTTONUP:
            self._grabbed = None
        elif layout.close.collidepoint(pos):
            self.close()
        elif (handle := layout.handle(self._scroll.now, count)) and layout.bar.inflate(16, 0).collidepoint(pos):
            self._grabbed = pos[1] - handle.y if handle.y <= pos[1] < handle.bottom else handle.height // 2
            self._drag(layout, pos[1])
        elif (index := layout.grid.index_at(pos, self._scroll.now, count)) is not None:
            self._rows.select(index)
            self._shows_selection = True
        elif self._can_retry() and layout.grid.view.collidepoint(pos):
            self._fetch()
        else:
            for wanted, tab in zip(Filter, layout.tabs, strict=True):
                if tab.collidepoint(pos):
                    self._choose(wanted)
        return True

    def _take(self, step: Step) -> None:
        if step is Step.BACK:
            self.close()
        elif step in (Step.NEXT_FILTER, Step.PREVIOUS_FILTER):
            way = 1 if step is Step.NEXT_FILTER else -1
            self._choose(Filter((self._rows.filter + way) % len(Filter)))
        elif step is Step.CONFIRM:
            if self._can_retry():
                self._fetch()
        elif (layout := self._layout) is not None and self._rows.shown:
            self._move(step, layout.grid)

    def _move(self, step: Step, grid: Grid) -> None:
        rows, columns = self._rows, grid.columns
        page = max(1, grid.view.height // grid.pitch) * columns
        if not self._shows_selection and step not in (Step.FIRST, Step.LAST):
            # The first step only shows the selection, at an entry that is visible.
            seen = grid.visible(self._scroll.now + grid.pitch // 2, len(rows.shown))
            if rows.selected not in seen:
                rows.select(seen.start)
        else:
            far = len(rows.shown)
            distance = {
                Step.UP: -columns, Step.DOWN: columns, Step.LEFT: -1, Step.RIGHT: 1,
                Step.PAGE_UP: -page, Step.PAGE_DOWN: page, Step.FIRST: -far, Step.LAST: far,
            }[step]  # fmt: skip
            if step is not Step.UP or rows.selected >= columns:
                rows.select(rows.selected + distance)
        self._shows_selection = True
        self._scroll.go(grid.revealing(rows.selected, self._scroll.goal), grid.scroll_max(len(rows.shown)))
        self._read_out()

    def _read_out(self) -> None:
        if self.on_text is None:
            return
        found = self._entry(self._rows.shown[self._rows.selected])
        if found is not None:
            definition, progress = found
            state = self._style.texts.unlocked if progress.unlocked else f"{progress.percent_complete} %"
            self.on_text(f"{definition.name}. {definition.description} {state}.")

    def _choose(self, wanted: Filter) -> None:
        self._rows.choose(wanted)
        self._scroll.jump(0.0, 0.0)

    def _drag(self, layout: Layout, y: int) -> None:
        count = len(self._rows.shown)
        handle = layout.handle(self._scroll.now, count)
        if handle is not None and self._grabbed is not None:
            limit = layout.grid.scroll_max(count)
            share = (y - self._grabbed - layout.bar.y) / max(1, layout.bar.height - handle.height)
            self._scroll.jump(share * limit, limit)

    # What the manager reports

    def _fetch(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._result = None
            self._manager.fetch_user_achievements(self._on_fetched)

    def _on_fetched(self, result: Result) -> None:
        self._is_waiting = False
        self._is_stale = True
        self._result = result
        self._definitions.clear()

    def _on_update(self, _: UserAchievement) -> None:
        self._is_stale = True

    def _has_failed(self) -> bool:
        return self._result not in (None, Result.OK)

    def _can_retry(self) -> bool:
        return not self._rows.total and self._has_failed()

    def _entry(self, achievement_id: int) -> Entry | None:
        key = (achievement_id, self._manager.locale)
        try:
            progress = self._manager.get_user_achievement(achievement_id)
            definition = self._definitions.get(key)
            if definition is None:
                definition = self._definitions[key] = self._manager.get_achievement(achievement_id)
                if len(self._definitions) > _DEFINITIONS_KEPT:
                    self._definitions.popitem(last=False)
        except ResultError:
            self._is_stale = True  # no longer in the list, which the next frame reads again
            return None
        return definition, progress
