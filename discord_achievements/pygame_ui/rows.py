"""The entries of the list and their places: filter, selection, scrolling. Draws nothing."""

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
    """The ids in the player's list, those that pass the filter, and the selected one."""

    def __init__(self) -> None:
        self.filter = Filter.ALL
        self.shown: list[int] = []
        self.selected = 0
        self.total = 0
        self.unlocked = 0
        self._all: list[tuple[int, bool]] = []

    def read(self, manager: AchievementManager) -> None:
        """Read the manager's list."""
        try:
            rows = [(one.achievement_id, one.unlocked) for one in manager.user_achievements()]
        except ResultError:
            rows = []  # the manager has just been closed
        self._all = rows
        self.total = len(rows)
        self.unlocked = sum(done for _, done in rows)
        self._sift()

    def choose(self, wanted: Filter) -> None:
        """Change the filter."""
        if wanted != self.filter:
            self.filter = wanted
            self._sift()

    def select(self, index: int) -> None:
        """Select an entry; an index beyond the ends selects the first or last one."""
        self.selected = max(0, min(index, len(self.shown) - 1))

    def _sift(self) -> None:
        kept = self.shown[self.selected] if self.selected < len(self.shown) else None
        wanted = self.filter
        self.shown = [id_ for id_, done in self._all if wanted is Filter.ALL or done is (wanted is Filter.UNLOCKED)]
        self.selected = self.shown.index(kept) if kept in self.shown else 0


@dataclass(frozen=True, slots=True)
class Grid:
    """The places of entries in a view of the surface: `columns` side by side, each of size `cell`, `gap` apart."""

    view: Rect
    columns: int
    cell: tuple[int, int]
    gap: int

    @property
    def pitch(self) -> int:
        """Pixels from the top of one row to the top of the next."""
        return self.cell[1] + self.gap

    def scroll_max(self, count: int) -> int:
        """Return how many pixels a list of `count` entries can be scrolled."""
        rows = -(-count // self.columns)
        return max(0, rows * self.pitch - self.gap - self.view.height)

    def visible(self, scroll: float, count: int) -> range:
        """Return the entries that are at least partly visible."""
        first = int(scroll // self.pitch) * self.columns
        last = (int((scroll + self.view.height) // self.pitch) + 1) * self.columns
        return range(max(0, first), min(count, last))

    def cell_at(self, index: int, scroll: float) -> Rect:
        """Return the place of an entry."""
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
        """Return the nearest scroll at which an entry is wholly visible."""
        top = index // self.columns * self.pitch
        return min(max(scroll, top + self.cell[1] - self.view.height), top)


class Scroll:
    """How far the list is scrolled, and where it is scrolling to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.goal = 0.0

    def go(self, goal: float, limit: float) -> None:
        """Scroll to `goal`, between 0 and `limit`, gradually."""
        self.goal = max(0.0, min(goal, limit))

    def jump(self, goal: float, limit: float) -> None:
        """Scroll to `goal` at once."""
        self.go(goal, limit)
        self.now = self.goal

    def advance(self, dt_s: float) -> None:
        """Let time pass; the scroll approaches its goal."""
        self.now += (self.goal - self.now) * (1 - exp(-_EASE_PER_S * dt_s))
        if abs(self.goal - self.now) < _NEAR:
            self.now = self.goal
