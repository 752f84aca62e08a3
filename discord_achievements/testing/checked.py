"""The manager of a game's test: a real one, with assertions."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..domain.result import Result
from .assertions import ProgressAssertions
from .inline import InlineManager
from .names import Names, shortened

ResultCallback = Callable[[Result], object]
_PACKAGE = str(Path(__file__).parents[1]) + os.sep


class UnknownIdSet(NamedTuple):
    """A set of an id that is not in the catalogue, and the place in the game's code that made it."""

    achievement_id: object
    where: str


class CheckedManager(InlineManager, ProgressAssertions):
    """An `AchievementManager` with assertions about the player's list.

    They run the loop first, so that the list contains what the game has just set. The list is the player's state,
    online or offline; for the service's state, see `ServiceControl`. `unknown_ids` collects ids that the game set
    although they are not in the catalogue; with the pytest plugin such a test fails.
    """

    def __init__(self, application_id: int, *, names: Names, **options: Any) -> None:
        InlineManager.__init__(self, application_id, achievements=names.catalogue, **options)
        ProgressAssertions.__init__(self, names, "in the player's list")
        self.unknown_ids: list[UnknownIdSet] = []
        self._results: dict[int, Result | None] = {}

    def set_user_achievement(
        self, achievement_id: int, percent_complete: int, callback: ResultCallback | None = None
    ) -> None:
        """Do what `AchievementManager.set_user_achievement` does, and record an id that is not in the catalogue."""
        if achievement_id in self._names:
            self._results[achievement_id] = None
        else:
            self.unknown_ids.append(UnknownIdSet(achievement_id, _caller()))
        if callback is None or callable(callback):
            callback = self._noting(achievement_id, callback)
        super().set_user_achievement(achievement_id, percent_complete, callback)

    def percents(self) -> Mapping[int, int]:
        """Return all progress above 0 that the player has, by achievement id; secret achievements too."""
        self.settle()
        looked_at = [self._callbacks.known.look(entry.achievement.id) for entry in self._names.catalogue.entries]
        return {one.achievement_id: one.percent_complete for one in looked_at if one and one.percent_complete}

    def describe_unknown_ids(self) -> str:
        """Return a line for each set of an unknown id."""
        return "\n".join(
            f"{where}: set_user_achievement: {self._names.no_such_id(achievement_id)}"
            for achievement_id, where in self.unknown_ids
        )

    def _noting(self, achievement_id: int, callback: ResultCallback | None) -> ResultCallback:
        def note(result: Result) -> None:
            if achievement_id in self._results:
                self._results[achievement_id] = result
            if callback is not None:
                callback(result)

        return note

    def _hints(self, achievement_id: int) -> Iterator[str]:
        if achievement_id not in self._results:
            yield "the game has not set it"
        elif (result := self._results[achievement_id]) not in (None, Result.OK):
            yield f"the result of its last set was {result!r}"
        if self._names.entry(achievement_id).achievement.secure:
            yield "it is secure: only the game's server can grant it"
        if self.unknown_ids:
            yield self.describe_unknown_ids()


def _caller() -> str:
    """Return file and line of the caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{shortened(frame.f_code.co_filename)}:{frame.f_lineno}"
