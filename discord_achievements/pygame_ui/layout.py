"""Where the parts of the list's screen lie on a surface."""

from __future__ import annotations

from dataclasses import dataclass

from pygame import Rect

from . import card
from .rows import Grid
from .style import Style

_MARGIN, _HEADER, _FOOTER, _COLUMN_MIN, _GAP = 44, 134, 26, 460, 12
_HANDLE_MIN = 36


@dataclass(frozen=True, slots=True)
class Layout:
    """The places on a surface of one size; `bar` is the groove of the scroll bar."""

    scale: float
    grid: Grid
    close: Rect
    tabs: tuple[Rect, ...]
    bar: Rect

    def handle(self, scroll: float, count: int) -> Rect | None:
        """Return the part of the scroll bar that can be dragged, None if all of `count` entries are visible."""
        limit = self.grid.scroll_max(count)
        if limit == 0:
            return None
        height = self.bar.height
        length = max(round(_HANDLE_MIN * self.scale), round(height * height / (height + limit)))
        y = self.bar.y + round((height - length) * scroll / limit)
        return Rect(self.bar.x, y, self.bar.width, length)


def lay_out(style: Style, size: tuple[int, int], scale: float) -> Layout:
    """Return the layout for a surface of `size` pixels; tabs are as wide as their texts."""

    def px(units: float) -> int:
        return round(units * scale)

    margin = min(px(_MARGIN), size[0] // 16)
    view = Rect(margin, px(_HEADER), size[0] - 2 * margin, size[1] - px(_HEADER) - px(_FOOTER))
    columns = max(1, min(3, (view.width + px(_GAP)) // px(_COLUMN_MIN)))
    cell = ((view.width - (columns - 1) * px(_GAP)) // columns, px(card.HEIGHT))
    x, tabs = margin, []
    for name in style.texts.filters:
        tabs.append(Rect(x, px(84), style.writer.width(name, px(14)) + px(28), px(32)))
        x = tabs[-1].right + px(8)
    close = Rect(0, 0, px(34), px(34))
    close.midright = (view.right + px(6), px(50))
    bar = Rect(view.right + (margin - px(6)) // 2, view.y, max(4, px(6)), view.height)
    return Layout(scale, Grid(view, columns, cell, px(_GAP)), close, tuple(tabs), bar)
