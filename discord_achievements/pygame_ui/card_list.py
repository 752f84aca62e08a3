"""Draws the visible entries of the list, within a frame's time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import perf_counter

from pygame import Rect, Surface

from ..client.manager import AchievementManager
from ..domain.models import Achievement, UserAchievement
from . import card, paint
from .layout import Layout
from .rows import Rows
from .style import Style

_PAINT_BUDGET_S = 0.004  # cards beyond it are blank until the next frame

Entry = tuple[Achievement, UserAchievement]


class CardList:
    """The cards of the entries near the view, each painted once for every state it shows."""

    def __init__(self, style: Style, manager: AchievementManager) -> None:
        self.kept: OrderedDict[tuple[object, ...], Surface] = OrderedDict()
        self._style = style
        self._manager = manager

    def draw(
        self,
        surface: Surface,
        layout: Layout,
        rows: Rows,
        scroll: float,
        entry_of: Callable[[int], Entry | None],
        *,
        shows_selection: bool,
    ) -> None:
        """Draw the entries at `scroll`; `entry_of` returns what an id stands for, None if it has been deleted."""
        grid = layout.grid
        clip = surface.get_clip()
        room = _ring_room(layout)
        surface.set_clip(grid.view.inflate(2 * room, 2 * room).clip(clip))
        visible = grid.visible(scroll, len(rows.shown))
        edges = _edges(surface, layout, scroll, len(rows.shown))
        stop_at = perf_counter() + _PAINT_BUDGET_S
        blits = []
        for index in visible:
            box = grid.cell_at(index, scroll)
            picture = self._card(entry_of(rows.shown[index]), layout, perf_counter() < stop_at)
            blits.append((picture, box.topleft))
            if shows_selection and index == rows.selected:
                blits.append(card.ring(self._style, box, layout.scale))
        surface.blits(blits, doreturn=False)
        surface.set_clip(clip)
        surface.blits(edges, doreturn=False)
        limit = 3 * len(visible) + 8
        while len(self.kept) > limit:
            self.kept.popitem(last=False)

    def _card(self, entry: Entry | None, layout: Layout, has_time: bool) -> Surface:
        style, size, scale = self._style, layout.grid.cell, layout.scale
        if entry is None:
            return card.blank(style, size, scale, done=False)
        definition, progress = entry
        icon = style.icons.get(progress, card.icon_size(scale))
        key = (progress, definition.name, definition.description, icon, size, style.version)
        picture = self.kept.get(key)
        if picture is None:
            if not has_time:
                return card.blank(style, size, scale, done=progress.unlocked)
            picture = card.paint_card(style, definition, progress, icon, size, scale, self._manager.locale)
            self.kept[key] = picture
        else:
            self.kept.move_to_end(key)
        return picture


def _ring_room(layout: Layout) -> int:
    """Return the pixels around the view that the ring of a selected entry may take."""
    return max(2, round(4 * layout.scale))


def _edges(surface: Surface, layout: Layout, scroll: float, count: int) -> list[tuple[Surface, tuple[int, int]]]:
    """Return the ground at those edges where the list goes on, so that what lies over it can fade into it."""
    view, room = layout.grid.view, _ring_room(layout)
    strip = Rect(view.x - room, view.y - room, view.width + 2 * room, round(20 * layout.scale))
    edges = []
    if scroll > 0:
        edges.append((paint.faded(surface, strip, downwards=True), strip.topleft))
    if scroll < layout.grid.scroll_max(count):
        strip = strip.move(0, view.height + 2 * room - strip.height)
        edges.append((paint.faded(surface, strip, downwards=False), strip.topleft))
    return edges
