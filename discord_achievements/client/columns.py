"""One player's achievements as they are read: a column for each value instead of an object for each achievement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..domain.progress import Progress
from .state import State

TextRow = tuple[bytes | None, ...]
"""Name, its localizations, description, its localizations and icon hash, in UTF-8; localizations are JSON."""
Kind = tuple[int | None, int | None, object, object]
"""Percent, None without a record; pending percent; whether it is secret, secure: what decides about all but times."""


class Columns(NamedTuple):
    """Some achievements, by ascending id."""

    ids: Sequence[int]
    percents: Sequence[int | None]
    pending_percents: Sequence[int | None]
    secret: Sequence[object]
    secure: Sequence[object]
    unlocked_at_us: Sequence[int | None]
    pending_unlocked_at_us: Sequence[int | None]
    texts: Sequence[TextRow]

    def kinds(self) -> Iterator[Kind]:
        """Return the kind of each."""
        return zip(self.percents, self.pending_percents, self.secret, self.secure, strict=True)

    def state(self, index: int) -> State:
        """Return the state of one, without its revision."""
        kind = self.percents[index], self.pending_percents[index], self.secret[index], self.secure[index]
        return state_of(kind, self.unlocked_at_us[index], self.pending_unlocked_at_us[index])


def state_of(kind: Kind, unlocked_at_us: int | None = None, pending_unlocked_at_us: int | None = None) -> State:
    """Return the state of an achievement, without its revision."""
    percent, pending_percent, secret, secure = kind
    pending = None if pending_percent is None else Progress(pending_percent, pending_unlocked_at_us)
    return State(Progress(percent or 0, unlocked_at_us), None, pending, True, bool(secret), bool(secure))
