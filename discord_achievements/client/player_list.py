"""The list as the game sees it: compact columns, from which the objects that a game asks for are made on demand.

A thousand long-lived objects for every sync would cause full garbage collections over the game's whole heap. So the
worker fills columns, and a `UserAchievement` is made when the game first looks at it.

**Thread**: the worker builds a list, hands it over whole and never touches it again; from then on it is the game's.
"""

from __future__ import annotations

import json
from array import array
from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..domain.localization import resolve
from ..domain.models import Achievement, UserAchievement, new_user_achievement
from ..domain.wire import format_time
from .state import State, listed, shown

_SECRET, _LISTED, _SYNCED = 1, 2, 4
_LOCKED = -(2**63)
TextRow = tuple[str | None, ...]
Row = tuple[int, State, TextRow]


def user_achievement(user_id: int, achievement_id: int, state: State, *, fetched: bool) -> UserAchievement:
    """Return what the player sees of `state`; `fetched` is whether the service's list has been stored."""
    percent, unlocked_at_us = shown(state)
    unlocked_at = "" if unlocked_at_us is None else format_time(unlocked_at_us)
    return new_user_achievement(user_id, achievement_id, percent, unlocked_at, _synced(state, fetched))


def _synced(state: State, fetched: bool) -> bool:
    return state.pending is None and (fetched or state.confirmed.percent > 0)


class PlayerList:
    """One player's achievements.

    `seq` is the last set that it takes into account, `visible` the listed ids, ascending, `objects` those that have
    been looked at or changed, `secure` the ids that only the game's server can grant.
    """

    def __init__(self, user_id: int, seq: int, *, fetched: bool) -> None:
        self.user_id = user_id
        self.seq = seq
        self.visible: list[int] = []
        self.objects: dict[int, UserAchievement] = {}
        self.secure: set[int] = set()
        self._hidden: dict[int, UserAchievement] = {}
        self._fetched = fetched
        self._index: dict[int, int] = {}
        self._percents = bytearray()
        self._unlocked = array("q")
        self._flags = bytearray()
        self._texts: list[TextRow] = []

    def add(self, rows: Iterable[Row]) -> None:
        """Append achievements, by ascending id."""
        for achievement_id, state, texts in rows:
            percent, unlocked_at_us = shown(state)
            is_listed = listed(state)
            if is_listed:
                self.visible.append(achievement_id)
            if state.secure:
                self.secure.add(achievement_id)
            self._index[achievement_id] = len(self._texts)
            self._percents.append(percent)
            self._unlocked.append(_LOCKED if unlocked_at_us is None else unlocked_at_us)
            self._flags.append(_flags(state, is_listed) | _SYNCED * _synced(state, self._fetched))
            self._texts.append(texts)

    def look(self, achievement_id: int) -> UserAchievement | None:
        """Return one achievement, listed or not; None for an unknown id."""
        found = self.objects.get(achievement_id) or self._hidden.get(achievement_id)
        if found is not None:
            return found
        index = self._index.get(achievement_id)
        if index is None:
            return None
        unlocked_at_us = self._unlocked[index]
        found = new_user_achievement(
            self.user_id,
            achievement_id,
            self._percents[index],
            "" if unlocked_at_us == _LOCKED else format_time(unlocked_at_us),
            bool(self._flags[index] & _SYNCED),
        )
        (self.objects if self._flags[index] & _LISTED else self._hidden)[achievement_id] = found
        return found

    def is_listed(self, achievement_id: int) -> bool:
        """Return whether the player may see an achievement."""
        index = self._index.get(achievement_id)
        return index is not None and bool(self._flags[index] & _LISTED)

    def put(self, achievement: UserAchievement, *, is_listed: bool) -> None:
        """Set a known achievement's value, and whether it is listed."""
        achievement_id = achievement.achievement_id
        index = self._index[achievement_id]
        if is_listed and not self._flags[index] & _LISTED:
            insort(self.visible, achievement_id)
            self._flags[index] |= _LISTED
        elif not is_listed and self._flags[index] & _LISTED:
            self.visible.remove(achievement_id)
            self._flags[index] &= ~_LISTED
        self.objects.pop(achievement_id, None)
        self._hidden.pop(achievement_id, None)
        (self.objects if is_listed else self._hidden)[achievement_id] = achievement

    def put_own(self, own: UserAchievement) -> UserAchievement:
        """Show what the game has set on a known achievement; return what is shown now, with this list's player."""
        if own.user_id != self.user_id:  # it was set before it was known who plays
            own = replace(own, user_id=self.user_id)
        is_secret = self._flags[self._index[own.achievement_id]] & _SECRET
        self.put(own, is_listed=own.unlocked or not is_secret)
        return own

    def define(self, achievement_id: int, state: State, texts: TextRow) -> None:
        """Set the definition of an achievement; a new one is not listed before it is `put`."""
        (self.secure.add if state.secure else self.secure.discard)(achievement_id)
        index = self._index.get(achievement_id)
        if index is None:
            self._index[achievement_id] = len(self._texts)
            self._percents.append(0)
            self._unlocked.append(_LOCKED)
            self._flags.append(_flags(state, False))
            self._texts.append(texts)
        else:
            self._flags[index] = _flags(state, False) | self._flags[index] & (_LISTED | _SYNCED)
            self._texts[index] = texts

    def icon_hash(self, achievement_id: int) -> str:
        """Return the icon's hash, empty if there is none or the id is unknown."""
        index = self._index.get(achievement_id)
        return "" if index is None else self._texts[index][4] or ""

    def definition(self, application_id: int, achievement_id: int, locale: str) -> Achievement | None:
        """Return a definition with its texts resolved for `locale`; None for an unknown id."""
        index = self._index.get(achievement_id)
        if index is None:
            return None
        name, names, description, descriptions, icon_hash = self._texts[index]
        name_localizations = _localizations(names)
        description_localizations = _localizations(descriptions)
        return Achievement(
            application_id=application_id,
            id=achievement_id,
            name=resolve(name or "", name_localizations, locale),
            description=resolve(description or "", description_localizations, locale),
            secret=bool(self._flags[index] & _SECRET),
            secure=achievement_id in self.secure,
            icon_hash=icon_hash or "",
            name_localizations=name_localizations,
            description_localizations=description_localizations,
        )


def _localizations(stored: str | None) -> Mapping[str, str] | None:
    """Return the texts by locale; a damaged row has none, until the next list or start repairs it."""
    if not stored:
        return None
    try:
        texts = json.loads(stored)
    except (TypeError, ValueError, RecursionError):  # TypeError: damage can change a column's type
        return None
    if not isinstance(texts, dict):
        return None
    return {locale: text for locale, text in texts.items() if isinstance(text, str)} or None


def _flags(state: State, is_listed: bool) -> int:
    return _SECRET * state.secret | _LISTED * is_listed
