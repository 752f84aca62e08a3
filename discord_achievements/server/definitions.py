"""An application's achievements as they were at one moment, prepared for answers.

An answer about a player never shows a secret achievement before it is unlocked: the list leaves it out, and so does
the list's `ETag`, which is made of what the player may see and of nothing else.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Mapping
from functools import cached_property
from hashlib import blake2b

import msgspec

from ..domain import wire
from ..domain.access import is_visible
from ..domain.models import Achievement
from ..domain.progress import NO_PROGRESS
from ..domain.wire import Shape
from .stores.base import Held

_encode = msgspec.json.encode
_record = struct.Struct("<qqqq").pack
_serials = itertools.count()
NOTHING_HELD = Held(NO_PROGRESS, 0, 0)


class Definitions:
    """The achievements of one application. Never changes; each has a `serial` of its own."""

    def __init__(self, application_id: int, achievements: Iterable[Achievement]) -> None:
        self.serial = next(_serials)
        self.application_id = application_id
        self.achievements = {achievement.id: achievement for achievement in achievements}
        self._fragments: dict[tuple[int, Shape], bytes] = {}
        self._lists: dict[Shape, bytes] = {}

    def one(self, achievement: Achievement, shape: Shape) -> bytes:
        """Return an achievement as JSON."""
        fragment = self._fragments.get((achievement.id, shape))
        if fragment is None:
            fragment = _encode(wire.encode_achievement(achievement, shape))
            self._fragments[achievement.id, shape] = fragment
        return fragment

    def all(self, shape: Shape) -> bytes:
        """Return all achievements as a JSON list, secret ones included."""
        if shape not in self._lists:
            self._lists[shape] = _list(self.one(achievement, shape) for achievement in self.achievements.values())
        return self._lists[shape]

    def superset(self, achievement: Achievement, user_id: int, held: Held, shape: Shape) -> bytes:
        """Return an achievement and a player's progress on it as one JSON object."""
        own = _encode(wire.encode_progress(user_id, achievement.id, held.progress, held.revision))
        return b"%b,%b" % (self.one(achievement, shape)[:-1], own[1:])

    def player_list(
        self, user_id: int, records: Mapping[int, Held], shape: Shape, *, started: bool, hidden: bool = False
    ) -> bytes:
        """Return a player's list as JSON.

        `started` restricts it to achievements with a record; `hidden` adds what the player may not see.
        """
        return _list(
            self.superset(achievement, user_id, records.get(achievement.id, NOTHING_HELD), shape)
            for achievement in self.achievements.values()
            if (achievement.id in records or not started)
            and (hidden or is_visible(achievement, records.get(achievement.id, NOTHING_HELD).progress))
        )

    def records(self, user_id: int, records: Mapping[int, Held], shape: Shape) -> bytes:
        """Return achievements that have a record, and the player's progress on them, as a JSON list."""
        return _list(self.superset(self.achievements[id_], user_id, held, shape) for id_, held in records.items())

    def etag(self, user_id: int, records: Mapping[int, Held], shape: Shape, *, started: bool) -> str:
        """Return the `ETag` of that list without making the list."""
        digest = blake2b(self.public_digest, digest_size=16)
        digest.update(b"%d %d %d" % (user_id, shape is Shape.STRINGS, started))
        for achievement_id, held in sorted(records.items()):
            achievement = self.achievements.get(achievement_id)
            if achievement is not None and is_visible(achievement, held.progress):
                percent, unlocked_at_us = held.progress
                digest.update(
                    _record(achievement_id, held.revision, percent, -1 if unlocked_at_us is None else unlocked_at_us)
                )
                if achievement.secret:
                    digest.update(self.one(achievement, Shape.STRINGS))
        return f'"{digest.hexdigest()}"'

    @cached_property
    def public_digest(self) -> bytes:
        """A digest of the definitions that every player sees."""
        digest = blake2b()
        for achievement in self.achievements.values():
            if not achievement.secret:
                digest.update(self.one(achievement, Shape.STRINGS))
        return digest.digest()


def _list(items: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join(items)
