"""Decides which toast is shown when."""

from __future__ import annotations

import unicodedata
from collections import deque
from dataclasses import dataclass
from typing import Literal, get_args

from ..domain.models import UserAchievement

Anchor = Literal["topleft", "midtop", "topright", "bottomleft", "midbottom", "bottomright"]
ANCHORS: tuple[Anchor, ...] = get_args(Anchor)


def checked_anchor(value: Anchor) -> Anchor:
    """Return a valid anchor; raises `ValueError`."""
    if value not in ANCHORS:
        raise ValueError(f"anchor must be one of {', '.join(ANCHORS)}, got {value!r:.60}")
    return value


@dataclass(frozen=True, slots=True)
class Toast:
    """A toast that is about to be shown; `on_toast` may return a changed copy (`dataclasses.replace`).

    `percent_complete` is None for an unlock and 1 to 99 for progress, which is shown as a bar.
    """

    achievement: UserAchievement
    headline: str
    name: str
    description: str
    percent_complete: int | None = None

    @property
    def text(self) -> str:
        """The toast as a sentence, for a screen reader."""
        share = "" if self.percent_complete is None else f" ({self.percent_complete} %)"
        parts = (f"{self.headline}: {self.name}{share}", self.description)
        return " ".join(part if unicodedata.category(part[-1]) == "Po" else f"{part}." for part in parts if part)


@dataclass(slots=True)
class Entry:
    """An unlock or progress to show; `shown_percent` is where its bar starts."""

    achievement: UserAchievement
    shown_percent: float = 0.0
    age_s: float = 0.0

    @property
    def is_unlock(self) -> bool:
        """Whether the achievement is complete."""
        return self.achievement.unlocked


class ToastQueue:
    """Shows one entry after the other, each for `stay_s` or, while others wait, at least `stay_min_s`.

    Each also takes `move_s` to slide in and as long to slide out. Unlocks come before progress.
    """

    def __init__(self, stay_s: float, stay_min_s: float, move_s: float) -> None:
        self.showing: Entry | None = None
        self.waiting: deque[Entry] = deque()
        self._stay_s = stay_s
        self._stay_min_s = stay_min_s
        self._move_s = move_s

    def push(self, achievement: UserAchievement, previous_percent: int) -> None:
        """Queue a change of value; several changes of one achievement become one toast whose bar moves on."""
        achievement_id = achievement.achievement_id
        shown = self.showing
        if shown is not None and shown.achievement.achievement_id == achievement_id and not shown.is_unlock:
            if not achievement.unlocked and not self._leaves(shown):
                shown.achievement = achievement
                if not self.waiting:
                    shown.age_s = min(shown.age_s, self._move_s)
                return
            shown.age_s = max(shown.age_s, self._move_s + self._stay_s)  # the unlock makes it superfluous
        shown_percent = float(previous_percent)
        for waiting in self.waiting:
            if waiting.achievement.achievement_id == achievement_id:
                if not achievement.unlocked:
                    waiting.achievement = achievement
                    return
                shown_percent = waiting.shown_percent
        self.drop(achievement_id)
        unlocks = sum(entry.is_unlock for entry in self.waiting)
        place = unlocks if achievement.unlocked else len(self.waiting)
        self.waiting.insert(place, Entry(achievement, shown_percent))

    def drop(self, achievement_id: int) -> None:
        """Remove an achievement's waiting entry."""
        self.waiting = deque(entry for entry in self.waiting if entry.achievement.achievement_id != achievement_id)

    def advance(self, dt_s: float) -> bool:
        """Let time pass and return whether the next one can be shown."""
        entry = self.showing
        if entry is not None:
            entry.age_s += dt_s
            stay_s = self._stay_min_s if self.waiting else self._stay_s
            if not self._leaves(entry) and entry.age_s > self._move_s + stay_s:
                # If others have come meanwhile, it starts to slide out now instead of vanishing.
                entry.age_s = self._move_s + self._stay_s
            if entry.age_s >= 2 * self._move_s + self._stay_s:
                self.showing = None
        return self.showing is None

    def show_next(self) -> Entry | None:
        """Start to show the first waiting entry, and return it."""
        self.showing = self.waiting.popleft() if self.waiting else None
        return self.showing

    def presence(self) -> float:
        """Return how far the shown entry has slid in, from 0 (invisible) to 1."""
        entry = self.showing
        if entry is None:
            return 0.0
        if entry.age_s < self._move_s:
            return 1 - (1 - entry.age_s / self._move_s) ** 3
        leaving = (entry.age_s - self._move_s - self._stay_s) / self._move_s
        return 1.0 if leaving <= 0 else max(0.0, 1 - leaving**2)

    def _leaves(self, entry: Entry) -> bool:
        return entry.age_s >= self._move_s + self._stay_s
