"""The list as the game sees it: compact columns, from which the objects that a game asks for are made on demand.

A thousand long-lived objects for every sync would cause full garbage collections over the game's whole heap. So the
worker fills columns, and a `UserAchievement` is made when the game first looks at it.

**Thread**: the worker builds a list, hands it over whole and never touches it again; from then on it is the game's.
"""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import Mapping
from dataclasses import replace
from itertools import compress, count

from ..domain.localization import resolve
from ..domain.models import Achievement, UserAchievement, new_user_achievement
from ..domain.wire import format_time
from .columns import Columns, Kind, TextRow, state_of
from .state import State, listed, shown

_SECRET, _LISTED, _SYNCED = 1, 2, 4


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
        self._judged = _Judged(fetched)
        self._index: dict[int, int] = {}
        self._percents = bytearray()
        self._unlocked: list[int | None] = []
        self._flags = bytearray()
        self._texts: list[TextRow] = []

    def add(self, columns: Columns) -> None:
        """Append achievements, by ascending id."""
        ids = columns.ids
        judged = [*map(self._judged.__getitem__, columns.kinds())]
        self._index.update(zip(ids, count(len(self._texts)), strict=False))
        self._percents.extend([percent for percent, _ in judged])
        self._unlocked.extend(_shown_at_us(columns))
        self._flags.extend([flags for _, flags in judged])
        self._texts.extend(columns.texts)
        self.visible.extend(compress(ids, [flags & _LISTED for _, flags in judged]))
        self.secure.update(compress(ids, columns.secure))

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
            "" if unlocked_at_us is None else format_time(unlocked_at_us),
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
            self._unlocked.append(None)
            self._flags.append(_flags(state, False))
            self._texts.append(texts)
        else:
            self._flags[index] = _flags(state, False) | self._flags[index] & (_LISTED | _SYNCED)
            self._texts[index] = texts

    def icon_hash(self, achievement_id: int) -> str:
        """Return the icon's hash, empty if there is none or the id is unknown."""
        index = self._index.get(achievement_id)
        return "" if index is None else _decoded(self._texts[index][4])

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
            name=resolve(_decoded(name), name_localizations, locale),
            description=resolve(_decoded(description), description_localizations, locale),
            secret=bool(self._flags[index] & _SECRET),
            secure=achievement_id in self.secure,
            icon_hash=_decoded(icon_hash),
            name_localizations=name_localizations,
            description_localizations=description_localizations,
        )


def _decoded(text: bytes | None) -> str:
    """Return a text; a damaged one is shown damaged."""
    return "" if text is None else text.decode(errors="replace")


def _localizations(stored: bytes | None) -> Mapping[str, str] | None:
    """Return the texts by locale; a damaged row has none, until the next list or start repairs it."""
    if not stored:
        return None
    try:
        texts = json.loads(_decoded(stored))
    except (ValueError, RecursionError):
        return None
    if not isinstance(texts, dict):
        return None
    return {locale: text for locale, text in texts.items() if isinstance(text, str)} or None


class _Judged(dict[Kind, tuple[int, int]]):
    """The percent and the flags of each kind of achievement, by the rules of `state`.

    A thousand achievements are of a few kinds, so the rules need not be applied to each of them.
    """

    def __init__(self, fetched: bool) -> None:
        self._fetched = fetched

    def __missing__(self, kind: Kind) -> tuple[int, int]:
        state = state_of(kind)
        flags = _flags(state, listed(state)) | _SYNCED * _synced(state, self._fetched)
        self[kind] = judged = shown(state).percent, flags
        return judged


def _shown_at_us(columns: Columns) -> list[int | None]:
    """Return when the player sees each unlocked: only what is pending can differ from what is confirmed."""
    times = list(columns.unlocked_at_us)
    for index, pending_percent in enumerate(columns.pending_percents):
        if pending_percent is not None:
            times[index] = shown(columns.state(index)).unlocked_at_us
    return times


def _flags(state: State, is_listed: bool) -> int:
    return _SECRET * state.secret | _LISTED * is_listed
