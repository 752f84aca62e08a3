"""Draws the frame around the list: header, filter tabs, scroll bar, and messages."""

from __future__ import annotations

from math import cos, pi, sin

from pygame import Rect, Surface

from ..domain.result import Result
from . import paint
from .layout import Layout
from .rows import Filter, Rows
from .style import Style

_SPINNER_DOTS, _SPINNER_TURNS_PER_S = 8, 1.25


class Chrome:
    """The frame in one widget's style."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def draw_header(self, surface: Surface, layout: Layout, rows: Rows) -> None:
        """Draw title, tally, cross and filter tabs."""
        theme, writer, texts = self._style.theme, self._style.writer, self._style.texts
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
        for wanted, name, tab in zip(Filter, texts.filters, layout.tabs, strict=True):
            chosen = wanted is rows.filter
            fill = theme.accent if chosen else theme.panel
            border = theme.accent if chosen else theme.border
            surface.blit(paint.panel(tab.size, fill, border, tab.height // 2, 1.0), tab)
            label = writer.line(name, px(14), theme.panel if chosen else theme.muted)
            surface.blit(label, label.get_rect(center=tab.center))

    def draw_scroll_bar(self, surface: Surface, layout: Layout, handle: Rect, *, is_held: bool) -> None:
        """Draw the scroll bar; its handle is coloured while the mouse holds it."""
        theme, radius = self._style.theme, layout.bar.width // 2
        surface.blit(paint.panel(layout.bar.size, theme.track, theme.track, radius, 0.6), layout.bar)
        color = theme.accent if is_held else theme.muted
        surface.blit(paint.panel(handle.size, color, color, radius, 1.0), handle)

    def draw_loading(self, surface: Surface, layout: Layout, age_s: float) -> None:
        """Draw a spinner, `age_s` seconds into its turns, and that the list is loading."""
        x, y = layout.grid.view.center
        scale = layout.scale
        turn = int(age_s * _SPINNER_TURNS_PER_S * _SPINNER_DOTS) % _SPINNER_DOTS
        for number in range(_SPINNER_DOTS):
            angle = 2 * pi * number / _SPINNER_DOTS
            share = ((number - turn) % _SPINNER_DOTS + 1) / _SPINNER_DOTS
            dot = paint.dot(max(2, round(3.5 * scale)), self._style.theme.accent, round(0.15 + 0.85 * share, 2))
            at = (x + cos(angle) * 18 * scale, y - round(44 * scale) + sin(angle) * 18 * scale)
            surface.blit(dot, dot.get_rect(center=at))
        self._draw_message(surface, layout, self._style.texts.loading)

    def draw_empty(self, surface: Surface, layout: Layout, rows: Rows) -> None:
        """Draw why no entry is shown: the game has none, or none passes the filter."""
        texts = self._style.texts
        if not rows.total:
            message = texts.empty
        else:
            message = texts.none_unlocked if rows.filter is Filter.UNLOCKED else texts.none_locked
        self._draw_message(surface, layout, message)

    def draw_failure(self, surface: Surface, layout: Layout, result: Result) -> None:
        """Draw why the list could not be loaded, and a button to try again."""
        theme, writer, texts, scale = self._style.theme, self._style.writer, self._style.texts, layout.scale
        x, y = layout.grid.view.center
        label = writer.line(texts.retry, round(15 * scale), theme.panel)
        size = (label.get_width() + round(36 * scale), round(38 * scale))
        button = Rect((0, 0), size)
        button.midtop = (x, y + round(30 * scale))
        surface.blit(paint.panel(size, theme.accent, theme.accent, size[1] // 2, 1.0), button)
        surface.blit(label, label.get_rect(center=button.center))
        self._draw_message(surface, layout, texts.failed.format(why=result.name.replace("_", " ").lower()))

    def draw_notice(self, surface: Surface, layout: Layout, message: str) -> None:
        """Draw a warning at the foot of the screen."""
        theme, writer, scale = self._style.theme, self._style.writer, layout.scale
        room = surface.get_width() - 4 * layout.grid.view.x
        line = writer.fitted(message, room, (round(14 * scale), round(12 * scale)), theme.text)
        size = (line.get_width() + round(44 * scale), round(34 * scale))
        box = Rect((0, 0), size)
        box.midbottom = (surface.get_width() // 2, surface.get_height() - round(14 * scale))
        surface.blit(paint.panel(size, theme.panel, theme.warning, size[1] // 2, 1.0), box)
        dot = paint.dot(max(2, round(4 * scale)), theme.warning)
        surface.blit(dot, dot.get_rect(center=(box.x + round(18 * scale), box.centery)))
        surface.blit(line, line.get_rect(midleft=(box.x + round(30 * scale), box.centery)))

    def _draw_message(self, surface: Surface, layout: Layout, message: str) -> None:
        writer, view = self._style.writer, layout.grid.view
        x, y = view.center
        size = round(18 * layout.scale)
        for text in writer.wrapped(message, round(view.width * 0.8), size, 3):
            line = writer.line(text, size, self._style.theme.muted)
            surface.blit(line, line.get_rect(center=(x, y)))
            y += line.get_height()
