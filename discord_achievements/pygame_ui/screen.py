"""The list of achievements, over the whole surface."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin
from time import perf_counter

import pygame
from pygame import Rect, Surface
from pygame.event import Event

from ..client.manager import AchievementManager
from ..domain.errors import ResultError
from ..domain.models import Achievement, UserAchievement
from ..domain.result import Result
from . import card, paint
from .controls import Controls, Step
from .icons import IconMaker
from .rows import Filter, Grid, Rows, Scroll
from .style import Style, check_callable, checked_factor, scale_of
from .texts import Texts
from .theme import DARK, Theme

_MARGIN, _HEADER, _FOOTER, _COLUMN_MIN, _GAP = 44, 134, 26, 460, 12
_WHEEL_ROWS = 1.0
_PAINT_BUDGET_S = 0.004  # cards that no frame has time for are blank until the next one
_LONGEST_FRAME_S = 0.1


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where everything lies on a surface of one size."""

    scale: float
    grid: Grid
    close: Rect
    tabs: tuple[Rect, ...]
    bar: Rect  # the groove of the scroll bar


class AchievementsScreen:
    """Shows all achievements of the player, with filters, over the whole of the game's surface.

        screen = AchievementsScreen(manager)
        ...
        for event in pygame.event.get():
            if not screen.handle_event(event):
                ...                             # the game's own
        manager.run_callbacks()
        screen.update(dt_s)
        screen.draw(surface)                    # nothing while it is closed

    `open()` shows it, Escape, the controller's B or a click on the cross closes it, and `is_open` tells. Arrows, WASD,
    Page Up and Down, Home, End, the wheel, a controller's pad and left stick scroll; Tab, Q, E and the shoulder
    buttons change the filter.

    `theme`, `scale`, `texts`, `icon` and `reduced_motion` are those of `Toasts`. `on_text(text)` gets the entry that
    keys or buttons have moved to, for a screen reader.

    Raises `ValueError` for an argument that is out of range, `TypeError` for one of another kind.
    **Blocks**: the constructor, some milliseconds for files.
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
        self._controls = Controls()
        self._rows = Rows()
        self._scroll = Scroll()
        self._layout: _Layout | None = None
        self._layout_key: tuple[object, ...] = ()
        self._cards: OrderedDict[tuple[object, ...], Surface] = OrderedDict()
        self._definitions: OrderedDict[tuple[int, str], Achievement] = OrderedDict()
        self._result: Result | None = None
        self._is_open = False
        self._is_waiting = False
        self._is_stale = True
        self._shows_selection = False
        self._grabbed: int | None = None  # where on the scroll bar's handle the mouse holds it
        self._age_s = 0.0
        manager.on_user_achievement_update.connect(self._on_update)

    @property
    def is_open(self) -> bool:
        """Whether the list is shown."""
        return self._is_open

    def open(self) -> None:
        """Show the list, and ask for the latest."""
        self._is_open = self._is_stale = True
        self._shows_selection = False
        self._controls.let_go()
        self._definitions.clear()
        self._fetch()

    def close(self) -> None:
        """Show the game again."""
        self._is_open = False
        self._grabbed = None
        self._controls.let_go()
        self._cards.clear()

    def update(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass: call it once per frame, after `run_callbacks()`."""
        if self._style.background.arrived:
            self._style.background.deliver()
        if not self._is_open:
            return
        dt_s = max(0.0, min(dt_s, _LONGEST_FRAME_S))
        self._age_s += dt_s
        for step in self._controls.repeats(dt_s):
            self._take(step)
        if self._is_stale or self._rows.total != self._manager.count_user_achievements():
            self._rows.read(self._manager)
            self._is_stale = False
        if self._result not in (None, Result.OK) and self._manager.is_online:
            self._fetch()  # the service is back
        if self.reduced_motion:
            self._scroll.now = self._scroll.goal
        else:
            self._scroll.advance(dt_s)

    def handle_event(self, event: Event, pos: tuple[int, int] | None = None) -> bool:
        """Give the list one of pygame's events; returns whether it was for the list, always False while closed.

        `pos` is the mouse's place on the surface that is drawn to, where this is not the window's.
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

    def draw(self, surface: Surface) -> None:
        """Draw the list, if it is open, over the whole of `surface`."""
        if not self._is_open:
            return
        key = (surface.get_size(), self._style.version)
        layout = self._layout
        if layout is None or key != self._layout_key:
            layout = self._lay_out(surface.get_size())
            self._layout_key = key
        limit = layout.grid.scroll_max(len(self._rows.shown))
        if self._scroll.goal > limit:
            self._scroll.go(limit, limit)
        theme = self._style.theme
        surface.blit(paint.ground(surface.get_size(), theme.backdrop, theme.backdrop_opacity), (0, 0))
        self._draw_header(surface, layout)
        if self._rows.shown:
            self._draw_cards(surface, layout)
            self._draw_scroll_bar(surface, layout)
        else:
            self._draw_message(surface, layout)
        self._draw_notice(surface, layout)

    # What the player does

    def _handle_mouse(self, event: Event, pos: tuple[int, int]) -> bool:
        layout = self._layout
        if layout is None:
            return True
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
        elif (handle := self._handle(layout)) is not None and layout.bar.inflate(16, 0).collidepoint(pos):
            self._grabbed = pos[1] - handle.y if handle.y <= pos[1] < handle.bottom else handle.height // 2
            self._drag(layout, pos[1])
        elif (index := layout.grid.index_at(pos, self._scroll.now, len(self._rows.shown))) is not None:
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
            # The first step only shows where one is: at what can be seen.
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
        self._tell()

    def _tell(self) -> None:
        if self.on_text is None:
            return
        found = self._entry(self._rows.shown[self._rows.selected])
        if found is not None:
            definition, progress = found
            texts = self._style.texts
            state = texts.unlocked if progress.unlocked else f"{progress.percent_complete} %"
            self.on_text(f"{definition.name}. {definition.description} {state}.")

    def _choose(self, wanted: Filter) -> None:
        self._rows.choose(wanted)
        self._scroll.jump(0.0, 0.0)

    def scroll(self, rows: float) -> None:
        """Scroll by so many rows, down or, negative, up: for an input of the game's own."""
        if self._layout is not None:
            grid = self._layout.grid
            self._scroll.go(self._scroll.goal + rows * grid.pitch, grid.scroll_max(len(self._rows.shown)))

    def _drag(self, layout: _Layout, y: int) -> None:
        handle = self._handle(layout)
        if handle is not None and self._grabbed is not None:
            limit = layout.grid.scroll_max(len(self._rows.shown))
            share = (y - self._grabbed - layout.bar.y) / max(1, layout.bar.height - handle.height)
            self._scroll.jump(share * limit, limit)

    # What the manager says

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

    def _can_retry(self) -> bool:
        return not self._rows.total and self._result not in (None, Result.OK)

    def _entry(self, achievement_id: int) -> tuple[Achievement, UserAchievement] | None:
        key = (achievement_id, self._manager.locale)
        try:
            progress = self._manager.get_user_achievement(achievement_id)
            definition = self._definitions.get(key)
            if definition is None:
                definition = self._definitions[key] = self._manager.get_achievement(achievement_id)
                if len(self._definitions) > 200:
                    self._definitions.popitem(last=False)
        except ResultError:
            self._is_stale = True  # it is gone from the list; the next frame reads it anew
            return None
        return definition, progress

    # How it looks

    def _lay_out(self, size: tuple[int, int]) -> _Layout:
        scale = scale_of(size, self._factor)

        def px(units: float) -> int:
            return round(units * scale)

        margin = min(px(_MARGIN), size[0] // 16)
        view = Rect(margin, px(_HEADER), size[0] - 2 * margin, size[1] - px(_HEADER) - px(_FOOTER))
        columns = max(1, min(3, (view.width + px(_GAP)) // px(_COLUMN_MIN)))
        cell = ((view.width - (columns - 1) * px(_GAP)) // columns, px(card.HEIGHT))
        writer, texts = self._style.writer, self._style.texts
        x, tabs = margin, []
        for name in (texts.all, texts.unlocked, texts.locked):
            tabs.append(Rect(x, px(84), writer.width(name, px(14)) + px(28), px(32)))
            x = tabs[-1].right + px(8)
        close = Rect(0, 0, px(34), px(34))
        close.midright = (view.right + px(6), px(50))
        bar = Rect(view.right + (margin - px(6)) // 2, view.y, max(4, px(6)), view.height)
        grid = Grid(view, columns, cell, px(_GAP))
        previous = self._layout
        self._layout = layout = _Layout(scale, grid, close, tuple(tabs), bar)
        limit = grid.scroll_max(len(self._rows.shown))
        if previous is not None and previous.grid.pitch != grid.pitch:
            row = self._scroll.goal / previous.grid.pitch
            self._scroll.jump(row * grid.pitch, limit)
        return layout

    def _draw_header(self, surface: Surface, layout: _Layout) -> None:
        theme, writer, texts, rows = self._style.theme, self._style.writer, self._style.texts, self._rows
        scale, view = layout.scale, layout.grid.view

        def px(units: float) -> int:
            return round(units * scale)

        surface.blit(paint.cross(layout.close.width, theme.muted, 2.6 * scale), layout.close)
        right = layout.close.x - px(12)
        if rows.total:
            tally = writer.line(texts.tally.format(n=rows.unlocked, total=rows.total), px(15), theme.accent)
            width = max(tally.get_width(), min(px(200), view.width // 3))
            surface.blit(tally, tally.get_rect(bottomright=(right, px(52))))
            share = 100 * rows.unlocked / rows.total
            bar = paint.bar_of((width, max(3, px(6))), share, theme.accent, theme.track)
            surface.blit(bar, (right - width, px(57)))
            right -= width + px(16)
        title = writer.fitted(texts.title, right - view.x, (px(36), px(30), px(24), px(20)), theme.text)
        surface.blit(title, title.get_rect(midleft=(view.x, px(50))))
        for wanted, name, tab in zip(Filter, (texts.all, texts.unlocked, texts.locked), layout.tabs, strict=True):
            chosen = wanted is rows.filter
            fill = theme.accent if chosen else theme.panel
            border = theme.accent if chosen else theme.border
            surface.blit(paint.panel(tab.size, fill, border, tab.height // 2, 1.0), tab)
            label = writer.line(name, px(14), theme.panel if chosen else theme.muted)
            surface.blit(label, label.get_rect(center=tab.center))

    def _draw_cards(self, surface: Surface, layout: _Layout) -> None:
        grid, scroll, rows = layout.grid, self._scroll.now, self._rows
        clip = surface.get_clip()
        ring_room = max(2, round(4 * layout.scale))
        surface.set_clip(grid.view.inflate(2 * ring_room, 2 * ring_room).clip(clip))
        visible = grid.visible(scroll, len(rows.shown))
        edges = self._edges(surface, layout)
        stop_at = perf_counter() + _PAINT_BUDGET_S
        blits = []
        for index in visible:
            box = grid.cell_at(index, scroll)
            picture = self._card(rows.shown[index], grid.cell, layout.scale, perf_counter() < stop_at)
            blits.append((picture, box.topleft))
            if self._shows_selection and index == rows.selected:
                blits.append(card.ring(self._style, box, layout.scale))
        surface.blits(blits, doreturn=False)
        surface.set_clip(clip)
        surface.blits(edges, doreturn=False)
        kept = 3 * len(visible) + 8
        while len(self._cards) > kept:
            self._cards.popitem(last=False)

    def _edges(self, surface: Surface, layout: _Layout) -> list[tuple[Surface, tuple[int, int]]]:
        """Return the ground at those edges where the list goes on, so that what lies over it can fade into it."""
        view, scroll, scale = layout.grid.view, self._scroll.now, layout.scale
        room = max(2, round(4 * scale))
        strip = Rect(view.x - room, view.y - room, view.width + 2 * room, round(20 * scale))
        edges = []
        if scroll > 0:
            edges.append((paint.faded(surface, strip, downwards=True), strip.topleft))
        if scroll < layout.grid.scroll_max(len(self._rows.shown)):
            strip = strip.move(0, view.height + 2 * room - strip.height)
            edges.append((paint.faded(surface, strip, downwards=False), strip.topleft))
        return edges

    def _card(self, achievement_id: int, size: tuple[int, int], scale: float, has_time: bool) -> Surface:
        style = self._style
        entry = self._entry(achievement_id)
        if entry is None:
            return card.blank(style, size, scale, done=False)
        definition, progress = entry
        icon = style.icons.get(progress, card.icon_size(scale))
        key = (progress, definition.name, definition.description, icon, size, style.version)
        picture = self._cards.get(key)
        if picture is None:
            if not has_time:
                return card.blank(style, size, scale, done=progress.unlocked)
            locale = self._manager.locale
            picture = card.paint_card(style, definition, progress, icon, size, scale, locale)
            self._cards[key] = picture
        else:
            self._cards.move_to_end(key)
        return picture

    def _handle(self, layout: _Layout) -> Rect | None:
        """The part of the scroll bar that the mouse can drag; None where all entries can be seen."""
        limit = layout.grid.scroll_max(len(self._rows.shown))
        if limit == 0:
            return None
        height = layout.bar.height
        length = max(round(36 * layout.scale), round(height * height / (height + limit)))
        y = layout.bar.y + round((height - length) * self._scroll.now / limit)
        return Rect(layout.bar.x, y, layout.bar.width, length)

    def _draw_scroll_bar(self, surface: Surface, layout: _Layout) -> None:
        handle = self._handle(layout)
        if handle is not None:
            theme, radius = self._style.theme, layout.bar.width // 2
            surface.blit(paint.panel(layout.bar.size, theme.track, theme.track, radius, 0.6), layout.bar)
            color = theme.accent if self._grabbed is not None else theme.muted
            surface.blit(paint.panel(handle.size, color, color, radius, 1.0), handle)

    def _draw_message(self, surface: Surface, layout: _Layout) -> None:
        """What stands where the list would be: loading, empty, or why there is none."""
        theme, writer, texts, scale = self._style.theme, self._style.writer, self._style.texts, layout.scale
        center = layout.grid.view.center
        if self._rows.total:
            message = texts.none_unlocked if self._rows.filter is Filter.UNLOCKED else texts.none_locked
        elif self._result is None:
            self._draw_spinner(surface, (center[0], center[1] - round(44 * scale)), scale)
            message = texts.loading
        elif self._result is Result.OK:
            message = texts.empty
        else:
            message = texts.failed.format(why=self._result.name.replace("_", " ").lower())
            label = writer.line(texts.retry, round(15 * scale), theme.panel)
            size = (label.get_width() + round(36 * scale), round(38 * scale))
            button = Rect((0, 0), size)
            button.midtop = (center[0], center[1] + round(30 * scale))
            surface.blit(paint.panel(size, theme.accent, theme.accent, size[1] // 2, 1.0), button)
            surface.blit(label, label.get_rect(center=button.center))
        y = center[1]
        size_px = round(18 * scale)
        for text in writer.wrapped(message, round(layout.grid.view.width * 0.8), size_px, 3):
            line = writer.line(text, size_px, theme.muted)
            surface.blit(line, line.get_rect(center=(center[0], y)))
            y += line.get_height()

    def _draw_spinner(self, surface: Surface, center: tuple[int, int], scale: float) -> None:
        turn = 0 if self.reduced_motion else int(self._age_s * 10) % 8
        for number in range(8):
            angle = 2 * pi * number / 8
            share = ((number - turn) % 8 + 1) / 8
            dot = paint.dot(max(2, round(3.5 * scale)), self._style.theme.accent, round(0.15 + 0.85 * share, 2))
            at = (center[0] + cos(angle) * 18 * scale, center[1] + sin(angle) * 18 * scale)
            surface.blit(dot, dot.get_rect(center=at))

    def _draw_notice(self, surface: Surface, layout: _Layout) -> None:
        """A line at the foot: the list may be old, or nothing is being saved."""
        texts, theme, writer, scale = self._style.texts, self._style.theme, self._style.writer, layout.scale
        if self._manager.storage_error is not None:
            message = texts.not_saved
        elif self._rows.total and (self._result not in (None, Result.OK) or self._manager.is_online is False):
            message = texts.offline
        else:
            return
        room = surface.get_width() - 4 * layout.grid.view.x
        line = writer.fitted(message, room, (round(14 * scale), round(12 * scale)), theme.text)
        size = (line.get_width() + round(44 * scale), round(34 * scale))
        box = Rect((0, 0), size)
        box.midbottom = (surface.get_width() // 2, surface.get_height() - round(14 * scale))
        surface.blit(paint.panel(size, theme.panel, theme.warning, size[1] // 2, 1.0), box)
        dot = paint.dot(max(2, round(4 * scale)), theme.warning)
        surface.blit(dot, dot.get_rect(center=(box.x + round(18 * scale), box.centery)))
        surface.blit(line, line.get_rect(midleft=(box.x + round(30 * scale), box.centery)))
