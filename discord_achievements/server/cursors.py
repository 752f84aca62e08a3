"""Where a player's list was when a client read it, so that the next answer is only what has changed since.

A cursor says when the list was read. An answer with the changes alone cannot express that an achievement has left the
list or that its definition has changed; then the client needs the whole list. To notice that, a cursor also contains a
digest of the definitions that the player saw, and the sum of the revisions, which falls only if an older database has
replaced this one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from ..domain.access import is_visible
from ..domain.wire import Shape
from .changes import CLOCK_SKEW_US, changed_since
from .definitions import Definitions
from .stores.base import Held

_TEXT = re.compile(r"(\d{1,18})\.(\d{1,18})\.([0-9a-f]{16})", re.ASCII)


class Cursor(NamedTuple):
    """When a list was read (microseconds since the epoch), the sum of its revisions, a digest of its definitions."""

    at_us: int
    revisions: int
    digest: str

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the cursor that `text` is, None if it is not one of ours."""
        match = _TEXT.fullmatch(text)
        return None if match is None else cls(int(match[1]), int(match[2]), match[3])

    def __str__(self) -> str:
        return f"{self.at_us}.{self.revisions}.{self.digest}"

    @classmethod
    def of(
        cls, definitions: Definitions, history: str, user_id: int, records: Mapping[int, Held], at_us: int
    ) -> Cursor:
        """Return the cursor of the player's list, which was read not before `at_us`."""
        return cls(at_us, *_described(definitions, history, user_id, records, math.inf))

    def changed(
        self, definitions: Definitions, history: str, user_id: int, records: Mapping[int, Held], at_us: int
    ) -> list[int] | None:
        """Return what has changed in the list since the cursor, None if the client needs the whole list."""
        if self.at_us > at_us + CLOCK_SKEW_US:
            return None
        revisions, digest = _described(definitions, history, user_id, records, self.at_us)
        if digest != self.digest or revisions < self.revisions:
            return None
        return changed_since(definitions.achievements, records, self.at_us)


def _described(
    definitions: Definitions, history: str, user_id: int, records: Mapping[int, Held], up_to_us: float
) -> tuple[int, str]:
    """Return the sum of the revisions in a player's list, and a digest of the definitions that the player sees.

    The digest omits secrets that have changed after `up_to_us`. One that was unlocked at the time of a cursor and has
    changed since may have left the list; because it is missing, the digest differs from the cursor's.
    """
    digest = blake2b(definitions.public_digest, digest_size=8)
    digest.update(f"{history} {user_id}".encode())
    revisions = 0
    for achievement_id, held in sorted(records.items()):
        achievement = definitions.achievements.get(achievement_id)
        if achievement is not None and is_visible(achievement, held.progress):
            revisions += held.revision
            if achievement.secret and held.changed_at_us <= up_to_us:
                digest.update(definitions.one(achievement, Shape.STRINGS))
    return revisions, digest.hexdigest()
