"""Assertions about progress, and the messages of those that fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

from ..domain.progress import COMPLETE, is_percent
from .names import Names


class ProgressAssertions(ABC):
    """Assertions about the progress that a player's list, or the service, holds.

    `achievement` is a key of the catalogue or an id; one that does not exist raises `ValueError`.
    """

    def __init__(self, names: Names, holder: str) -> None:
        self._names = names
        self._holder = holder

    @abstractmethod
    def percents(self) -> Mapping[int, int]:
        """Return all progress above 0, by achievement id."""

    def percent(self, achievement: str | int) -> int:
        """Return the progress on an achievement, 0 to 100."""
        __tracebackhide__ = True
        return self.percents().get(self._names.id_of(achievement), 0)

    def assert_unlocked(self, achievement: str | int) -> None:
        """Fail unless the achievement is unlocked."""
        __tracebackhide__ = True
        self._check(achievement, self.percent(achievement) == COMPLETE, "should be unlocked")

    def assert_locked(self, achievement: str | int) -> None:
        """Fail if the achievement is unlocked."""
        __tracebackhide__ = True
        self._check(achievement, self.percent(achievement) < COMPLETE, "should be locked")

    def assert_progress(self, achievement: str | int, percent: int) -> None:
        """Fail unless the achievement is at `percent`, 0 to 100."""
        __tracebackhide__ = True
        if not is_percent(percent):
            raise ValueError(f"percent must be an integer from 0 to 100, got {percent!r:.40}")
        self._check(achievement, self.percent(achievement) == percent, f"should be at {percent} %")

    def _hints(self, achievement_id: int) -> Iterator[str]:
        """Yield possible reasons why an achievement is not where it should be."""
        yield from ()

    def _check(self, achievement: str | int, is_so: bool, wanted: str) -> None:
        __tracebackhide__ = True
        if is_so:
            return
        achievement_id = self._names.id_of(achievement)
        percents = dict(self.percents())
        found = _said(percents.pop(achievement_id, 0))
        others = [f"{self._names.title(id_)} is {_said(percent)}" for id_, percent in sorted(percents.items())]
        lines = [
            f"{self._names.title(achievement_id)}, id {achievement_id}, {wanted}; {self._holder} it is {found}",
            f"besides, {', '.join(others)}" if others else "nothing else has been reached",
            *self._hints(achievement_id),
        ]
        raise AssertionError("\n  ".join(lines))


def _said(percent: int) -> str:
    return "unlocked" if percent == COMPLETE else f"at {percent} %"
