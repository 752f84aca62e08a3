"""Paints one entry of the list."""

from __future__ import annotations

from pygame import Rect, Surface

from ..domain.models import Achievement, UserAchievement
from . import paint
from .dates import date_of
from .style import Style

HEIGHT, _PADDING, _ICON, _SHIELD = 96, 16, 64, 22


def icon_size(scale: float) -> int:
    """Return the width and height of a card's icon in pixels."""
    return round(_ICON * scale)


def paint_card(
    style: Style,
    definition: Achievement,
    progress: UserAchievement,
    icon: Surface,
    size: tuple[int, int],
    scale: float,
    locale: str,
) -> Surface:
    """Return the picture of an achievement: icon, name, description, and the player's progress."""
    theme, writer, texts = style.theme, style.writer, style.texts
    done = progress.unlocked

    def px(units: float) -> int:
        return round(units * scale)

    card = blank(style, size, scale, done=done).copy()
    card.blit(icon, icon.get_rect(center=(px(_PADDING) + px(_ICON) // 2, size[1] // 2)))
    left = px(_PADDING + _ICON + 16)
    room = size[0] - left - px(_PADDING + 4)
    name_room = room
    if definition.secure:
        mark = paint.shield(px(_SHIELD), theme.muted, theme.panel_unlocked if done else theme.panel)
        card.blit(mark, mark.get_rect(topright=(left + room, px(11))))
        name_room -= px(_SHIELD + 8)
    color = theme.text if done else paint.mix(theme.text, theme.muted, 0.35)
    name = writer.fitted(definition.name, name_room, (px(18), px(17), px(16), px(15)), color)
    name_y = px(11)
    card.blit(name, (left, name_y))
    y = name_y + name.get_height()
    foot_y = size[1] - px(17)
    y += px(2)
    # Two lines only if they fit, since some scripts are taller than others.
    for lines_max in (2, 1):
        lines = [
            writer.line(line, px(13), theme.muted)
            for line in writer.wrapped(definition.description, room, px(13), lines_max)
        ]
        if len(lines) < 2 or y + px(16) + lines[1].get_height() <= foot_y - px(5):
            break
    for line in lines:
        card.blit(line, (left, y))
        y += px(16)
    if done:
        when = texts.unlocked_on.format(date=date_of(progress.unlocked_at, locale)) if progress.unlocked_at else ""
        foot = writer.fitted(when or texts.unlocked, room, (px(12), px(11)), theme.accent)
        card.blit(foot, foot.get_rect(midleft=(left, foot_y)))
    else:
        number = writer.line(f"{progress.percent_complete} %", px(12), theme.muted)
        card.blit(number, number.get_rect(midright=(left + room, foot_y)))
        width = room - writer.width("100 %", px(12)) - px(10)
        bar = paint.bar_of((width, max(3, px(6))), progress.percent_complete, theme.accent, theme.track)
        card.blit(bar, bar.get_rect(midleft=(left, foot_y)))
    return card


def blank(style: Style, size: tuple[int, int], scale: float, *, done: bool) -> Surface:
    """Return an empty card."""
    theme = style.theme
    border = paint.mix(theme.border, theme.accent, 0.6) if done else theme.border
    fill = theme.panel_unlocked if done else theme.panel
    return paint.panel(size, fill, border, round(20 * scale * theme.roundness), 1.0, max(1.0, 1.2 * scale))


def ring(style: Style, box: Rect, scale: float) -> tuple[Surface, tuple[int, int]]:
    """Return the frame around the selected entry, and its place."""
    theme = style.theme
    width = max(2, round(2.5 * scale))
    outer = box.inflate(2 * width, 2 * width)
    radius = round(20 * scale * theme.roundness) + width
    return paint.frame(outer.size, theme.accent, radius, width), outer.topleft
