"""What a toast says, and which one is shown when."""

from __future__ import annotations

import unicodedata
from collections import deque
from dataclasses import dataclass
from typing import Literal, get_args

from ..domain.models import UserAchievement

Anchor = Literal["topleft", "midtop", "topright", "bottomleft", "midbottom", "bottomright"]
ANCHORS: tuple[str, ...] = get_args(Anchor)


@dataclass(frozen=True, slots=True)
class Toast:
    """What is about to be shown; a game's `on_toast` may return another one made with `dataclasses.replace`.

    `percent_complete` is None for an unlock, and 1 to 99 for progress, which is shown as a bar.
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
    """An unlock or some progress that is to be shown; `shown_percent` is where its bar begins to move."""

    achievement: UserAchievement
    shown_percent: float = 0.0
    age_s: float = 0.0

    @property
    def is_unlock(self) -> bool:
        """Whether the achievement is complete."""
        return self.achievement.unlocked


class ToastQueue:
    """Shows one entry after the other, each for `stay_s` or, while others wait, at least `stay_min_s`.

    Each also takes `move_s` to come and again to go. Unlocks go before progress.
    """

    def __init__(self, stay_s: float, stay_min_s: float, move_s: float) -> None:
        self.showing: Entry | None = None
        self.waiting: deque[Entry] = deque()
        self._stay_s = stay_s
        self._stay_min_s = stay_min_s
        self._move_s = move_s

    def push(self, achievement: UserAchievement, previous_percent: int) -> None:
        """Take in a change of value; a burst for one achievement becomes one toast that moves on."""
        achievement_id = achievement.achievement_id
        shown = self.showing
        if shown is not None and shown.achievement.achievement_id == achievement_id and not shown.is_unlock:
            if not achievement.unlocked and not self._leaves(shown):
                shown.achievement = achievement
                if not self.waiting:
                    shown.age_s = min(shown.age_s, self._move_s)
                return
            shown.age_s = max(shown.age_s, self._move_s + self._stay_s)  # the unlock says it all
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
        """Forget what waits for an achievement."""
        self.waiting = deque(entry for entry in self.waiting if entry.achievement.achievement_id != achievement_id)

    def advance(self, dt_s: float) -> bool:
        """Let time pass; return whether the place is free for the next one."""
        entry = self.showing
        if entry is not None:
            entry.age_s += dt_s
            stay_s = self._stay_min_s if self.waiting else self._stay_s
            if not self._leaves(entry) and entry.age_s > self._move_s + stay_s:
                # When others have come meanwhile, it begins to go now and does not vanish.
                entry.age_s = self._move_s + self._stay_s
            if entry.age_s >= 2 * self._move_s + self._stay_s:
                self.showing = None
        return self.showing is None

    def show_next(self) -> Entry | None:
        """Begin to show the first that waits, and return it."""
        self.showing = self.waiting.popleft() if self.waiting else None
        return self.showing

    def presence(self) -> float:
        """Return how far the shown one has come in: 0 (away) to 1 (there)."""
        entry = self.showing
        if entry is None:
            return 0.0
        if entry.age_s < self._move_s:
            return 1 - (1 - entry.age_s / self._move_s) ** 3
        gone = (entry.age_s - self._move_s - self._stay_s) / self._move_s
        return 1.0 if gone <= 0 else max(0.0, 1 - gone**2)

    def _leaves(self, entry: Entry) -> bool:
        return entry.age_s >= self._move_s + self._stay_s
