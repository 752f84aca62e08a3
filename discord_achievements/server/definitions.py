"""One game's achievements as they were at one moment, with all that answers are made of prepared once.

An answer about a player never shows a secret achievement before it is unlocked: not in its list, and not in the
`ETag` either, which is made of what the player may see and nothing else.
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
_record = struct.Struct("<qq").pack
_serials = itertools.count()
NOTHING_HELD = Held(NO_PROGRESS, 0, 0)


class Game:
    """The definitions of one application; never changes. No two have the same `serial`."""

    def __init__(self, application_id: int, achievements: Iterable[Achievement]) -> None:
        self.serial = next(_serials)
        self.application_id = application_id
        self.achievements = {achievement.id: achievement for achievement in achievements}
        self._fragments: dict[tuple[int, Shape], bytes] = {}
        self._lists: dict[Shape, bytes] = {}

    def definition(self, achievement: Achievement, shape: Shape) -> bytes:
        """Return an achievement as JSON."""
        fragment = self._fragments.get((achievement.id, shape))
        if fragment is None:
            fragment = _encode(wire.encode_achievement(achievement, shape))
            self._fragments[achievement.id, shape] = fragment
        return fragment

    def definitions(self, shape: Shape) -> bytes:
        """Return all of them as JSON, secrets included."""
        if shape not in self._lists:
            definitions = (self.definition(achievement, shape) for achievement in self.achievements.values())
            self._lists[shape] = _list(definitions)
        return self._lists[shape]

    def superset(self, achievement: Achievement, user_id: int, held: Held, shape: Shape) -> bytes:
        """Return an achievement and the player's progress on it as one JSON object."""
        own = _encode(wire.encode_progress(user_id, achievement.id, held.progress, held.revision))
        return b"%b,%b" % (self.definition(achievement, shape)[:-1], own[1:])

    def player_list(
        self, user_id: int, records: Mapping[int, Held], shape: Shape, *, started: bool, hidden: bool = False
    ) -> bytes:
        """Return what a player may see as JSON; `started`: only what has a record, `hidden`: also what is hidden."""
        return _list(
            self.superset(achievement, user_id, records.get(achievement.id, NOTHING_HELD), shape)
            for achievement in self.achievements.values()
            if (achievement.id in records or not started)
            and (hidden or is_visible(achievement, records.get(achievement.id, NOTHING_HELD).progress))
        )

    def etag(self, user_id: int, records: Mapping[int, Held], shape: Shape, *, started: bool) -> str:
        """Return the tag of that list, without making it."""
        digest = blake2b(self._public_digest, digest_size=16)
        digest.update(b"%d %d %d" % (user_id, shape is Shape.STRINGS, started))
        for achievement_id, held in sorted(records.items()):
            achievement = self.achievements.get(achievement_id)
            if achievement is not None and is_visible(achievement, held.progress):
                digest.update(_record(achievement_id, held.revision))
                if achievement.secret:
                    digest.update(self.definition(achievement, Shape.STRINGS))
        return f'"{digest.hexdigest()}"'

    @cached_property
    def _public_digest(self) -> bytes:
        digest = blake2b()
        for achievement in self.achievements.values():
            if not achievement.secret:
                digest.update(self.definition(achievement, Shape.STRINGS))
        return digest.digest()


def _list(items: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join(items)
