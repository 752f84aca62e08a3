"""Looks up achievements of a catalogue by key or id, and names them in messages."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from ..domain.catalogue import Catalogue, CatalogueEntry


class Names:
    """The names in one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._entries = {entry.achievement.id: entry for entry in catalogue.entries}
        self._ids = {entry.key: entry.achievement.id for entry in catalogue.entries if entry.key is not None}

    def __contains__(self, achievement_id: object) -> bool:
        return isinstance(achievement_id, int) and achievement_id in self._entries

    def entry(self, achievement: str | int) -> CatalogueEntry:
        """Return the achievement with a key or an id; raises `ValueError` if there is none."""
        __tracebackhide__ = True  # here and below, so that pytest shows the test's line, where the mistake is
        if isinstance(achievement, str):
            if achievement not in self._ids:
                near = get_close_matches(achievement[:60], self._ids, n=1)
                meant = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"{self._absence('key', achievement)}{meant}")
            achievement = self._ids[achievement]
        if achievement not in self._entries:
            raise ValueError(self.no_such_id(achievement))
        return self._entries[achievement]

    def id_of(self, achievement: str | int) -> int:
        """Return the id of the achievement with a key or an id; raises `ValueError` if there is none."""
        __tracebackhide__ = True
        return self.entry(achievement).achievement.id

    def no_such_id(self, achievement_id: object) -> str:
        """Return the message for an id that is not in the catalogue."""
        return self._absence("id", achievement_id)

    def title(self, achievement_id: int) -> str:
        """Return an achievement's name for a message, with its key if it has one."""
        entry = self._entries[achievement_id]
        return f"{entry.achievement.name!r}" + (f" ({entry.key})" if entry.key else "")

    def _absence(self, kind: str, value: object) -> str:
        return f"{shortened(self.catalogue.source)} has no achievement with the {kind} {value!r:.60}"


def shortened(path: str | os.PathLike[str]) -> str:
    """Return a path as a string, relative to the working directory if it is below it."""
    full = Path(path).absolute()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(full)
