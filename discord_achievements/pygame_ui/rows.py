"""What the list holds and where each entry lies: filter, selection, scrolling. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import exp

from pygame import Rect

from ..client.manager import AchievementManager
from ..domain.errors import ResultError

_EASE_PER_S = 16.0
_NEAR = 0.5


class Filter(IntEnum):
    """Which achievements are shown."""

    ALL = 0
    UNLOCKED = 1
    LOCKED = 2


class Rows:
    """The ids of the player's list, those of them that pass the filter, and the one that is selected."""

    def __init__(self) -> None:
        self.filter = Filter.ALL
        self.shown: list[int] = []
        self.selected = 0
        self.total = 0
        self.unlocked = 0
        self._all: list[tuple[int, bool]] = []

    def read(self, manager: AchievementManager) -> None:
        """Take over the manager's list."""
        rows: list[tuple[int, bool]] = []
        try:
            for index in range(manager.count_user_achievements()):
                achievement = manager.get_user_achievement_at(index)
                rows.append((achievement.achievement_id, achievement.percent_complete == 100))
        except ResultError:
            rows = []  # the manager has just been closed
        self._all = rows
        self.total = len(rows)
        self.unlocked = sum(done for _, done in rows)
        self._sift()

    def choose(self, wanted: Filter) -> None:
        """Show other achievements."""
        if wanted != self.filter:
            self.filter = wanted
            self._sift()

    def select(self, index: int) -> None:
        """Select an entry; beyond the ends, the last one there."""
        self.selected = max(0, min(index, len(self.shown) - 1))

    def _sift(self) -> None:
        kept = self.shown[self.selected] if self.selected < len(self.shown) else None
        wanted = self.filter
        self.shown = [id_ for id_, done in self._all if wanted is Filter.ALL or done is (wanted is Filter.UNLOCKED)]
        self.selected = self.shown.index(kept) if kept in self.shown else 0


@dataclass(frozen=True, slots=True)
class Grid:
    """Where entries lie in a view of the surface: `columns` side by side, each `cell` large and `gap` apart."""

    view: Rect
    columns: int
    cell: tuple[int, int]
    gap: int

    @property
    def pitch(self) -> int:
        """From the top of one row to that of the next."""
        return self.cell[1] + self.gap

    def scroll_max(self, count: int) -> int:
        """Return how far a list of `count` can be scrolled."""
        rows = -(-count // self.columns)
        return max(0, rows * self.pitch - self.gap - self.view.height)

    def visible(self, scroll: float, count: int) -> range:
        """Return the entries of which something can be seen."""
        first = int(scroll // self.pitch) * self.columns
        last = (int((scroll + self.view.height) // self.pitch) + 1) * self.columns
        return range(max(0, first), min(count, last))

    def cell_at(self, index: int, scroll: float) -> Rect:
        """Return where an entry lies."""
        row, column = divmod(index, self.columns)
        x = self.view.x + column * (self.cell[0] + self.gap)
        return Rect((x, self.view.y + row * self.pitch - round(scroll)), self.cell)

    def index_at(self, pos: tuple[int, int], scroll: float, count: int) -> int | None:
        """Return the entry at a point of the surface."""
        if not self.view.collidepoint(pos):
            return None
        hits = (index for index in self.visible(scroll, count) if self.cell_at(index, scroll).collidepoint(pos))
        return next(hits, None)

    def revealing(self, index: int, scroll: float) -> float:
        """Return the nearest scroll at which an entry can be seen whole."""
        top = index // self.columns * self.pitch
        return min(max(scroll, top + self.cell[1] - self.view.height), top)


class Scroll:
    """How far the list is scrolled, on its way to where it was asked to go."""

    def __init__(self) -> None:
        self.now = 0.0
        self.goal = 0.0

    def go(self, goal: float, limit: float) -> None:
        """Head for `goal`, within 0 and `limit`."""
        self.goal = max(0.0, min(goal, limit))

    def jump(self, goal: float, limit: float) -> None:
        """Be there at once."""
        self.go(goal, limit)
        self.now = self.goal

    def advance(self, dt_s: float) -> None:
        """Let time pass: the rest of the way shrinks."""
        self.now += (self.goal - self.now) * (1 - exp(-_EASE_PER_S * dt_s))
        if abs(self.goal - self.now) < _NEAR:
            self.now = self.goal
