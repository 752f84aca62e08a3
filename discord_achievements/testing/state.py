"""The fake service's memory: definitions, every player's progress, events."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..client.clock import Clock
from ..domain import routes, wire
from ..domain.access import event_of, is_visible
from ..domain.errors import TransportError
from ..domain.models import ACHIEVEMENTS_MAX, Achievement
from ..domain.progress import COMPLETE, NO_PROGRESS, Progress, is_percent, receive
from ..domain.snowflake import is_snowflake
from .event_log import EventLog

_FIRST_FILLED_ID = 600000000000000000
_ICON = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/HwADBwIAMCbHYQAAAABJRU5ErkJggg=="
)


class Backup(NamedTuple):
    """What a service held at one moment: definitions, and all players' progress with its revisions."""

    definitions: Mapping[int, Achievement]
    records: Mapping[tuple[int, int], tuple[Progress, int]]


class ServiceState:
    """One application's achievements and its players; `history` is the id of the history that the progress belongs to.

    **Thread**: all public methods may be called from any thread.
    """

    def __init__(self, application_id: int, clock: Clock) -> None:
        self.application_id = application_id
        self._clock = clock
        self._lock = threading.RLock()
        self._definitions: dict[int, Achievement] = {}
        self._icons: dict[str, bytes] = {}
        self._records: dict[tuple[int, int], tuple[Progress, int]] = {}
        self.history = secrets.token_hex(16)
        self._events = EventLog()

    def add_achievement(
        self,
        achievement_id: int,
        name: str = "An Achievement",
        description: str = "You did it!",
        *,
        secret: bool = False,
        secure: bool = False,
        icon: bytes = _ICON,
        name_localizations: Mapping[str, str] | None = None,
        description_localizations: Mapping[str, str] | None = None,
    ) -> Achievement:
        """Define or redefine an achievement; `icon` is the content of a PNG file.

        Raises `ValueError` for an id out of range, and for more than 1000 achievements.
        """
        icon_hash = hashlib.md5(icon, usedforsecurity=False).hexdigest()
        achievement = Achievement(
            application_id=self.application_id,
            id=checked_id("achievement_id", achievement_id),
            name=name,
            description=description,
            secret=secret,
            secure=secure,
            icon_hash=icon_hash,
            name_localizations=name_localizations,
            description_localizations=description_localizations,
        )
        with self._lock:
            if achievement_id not in self._definitions and len(self._definitions) >= ACHIEVEMENTS_MAX:
                raise ValueError(f"there are already {ACHIEVEMENTS_MAX} achievements, the maximum")
            self._definitions[achievement_id] = achievement
            self._icons[routes.icon_path(self.application_id, achievement_id, icon_hash)] = icon
        return achievement

    def fill(self, count: int) -> list[int]:
        """Define `count` more plain achievements and return their ids, ascending."""
        with self._lock:
            first = max([_FIRST_FILLED_ID, *(known + 1 for known in self._definitions)])
            for number in range(count):
                self.add_achievement(first + number, f"Achievement {number + 1}", f"Number {number + 1} of {count}.")
            return list(range(first, first + count))

    def grant(self, user_id: int, achievement_id: int, percent: int = COMPLETE) -> None:
        """Raise a player's progress as a bot may, on `secure` achievements too; raises `ValueError`."""
        if not is_percent(percent):
            raise ValueError(f"percent: expected an integer from 0 to 100, got {percent!r}")
        with self._lock:
            self._raise_to(user_id, self._defined(achievement_id), percent)

    def reset(self, user_id: int, achievement_id: int) -> None:
        """Reset a player's progress on one achievement to 0; raises `ValueError`."""
        with self._lock:
            achievement = self._defined(achievement_id)
            self._change(user_id, achievement, NO_PROGRESS)

    def progress(self, user_id: int) -> dict[int, Progress]:
        """Return a player's progress by achievement id."""
        with self._lock:
            return {
                achievement_id: progress
                for (owner, achievement_id), (progress, _) in sorted(self._records.items())
                if owner == user_id
            }

    def backup(self) -> Backup:
        """Return a copy of what is stored now, for `restore`."""
        with self._lock:
            return Backup(dict(self._definitions), dict(self._records))

    def restore(self, backup: Backup, *, renew: bool = True) -> None:
        """Store what `backup` holds and nothing else, under a new `history`.

        Without `renew` the history stays, as when somebody copies an old database file into place.
        """
        with self._lock:
            self._definitions, self._records = dict(backup.definitions), dict(backup.records)
            if renew:
                self.history = secrets.token_hex(16)
                self._events.resync()

    def end_streams(self, error: TransportError | None = None) -> None:
        """End all open event streams, or break them with `error`."""
        with self._lock:
            self._events.end_streams(error)

    def _visible(self, user_id: int, *, started: bool, hidden: bool = False) -> list[Achievement]:
        """Return what a player may see, ascending by id.

        `started` restricts it to achievements with a record; `hidden` adds what the player may not see.
        """
        return [
            achievement
            for _, achievement in sorted(self._definitions.items())
            if (hidden or is_visible(achievement, self._held(user_id, achievement)[0]))
            and (not started or (user_id, achievement.id) in self._records)
        ]

    def _held(self, user_id: int, achievement: Achievement) -> tuple[Progress, int]:
        return self._records.get((user_id, achievement.id), (NO_PROGRESS, 0))

    def _record(self, user_id: int, achievement: Achievement, shape: wire.Shape) -> dict[str, Any]:
        return wire.encode_record(achievement, user_id, *self._held(user_id, achievement), shape)

    def _raise_to(self, user_id: int, achievement: Achievement, percent: int, age_s: float = 0) -> None:
        before, _ = self._held(user_id, achievement)
        self._change(user_id, achievement, receive(before, percent, age_s, self._clock.at_us()))

    def _change(self, user_id: int, achievement: Achievement, after: Progress) -> None:
        """Store a record's new value, and publish the event that the player may get."""
        before, revision = self._held(user_id, achievement)
        if after == before:
            return
        self._records[user_id, achievement.id] = (after, revision + 1)
        event = event_of(achievement, before, after)
        if event is None:
            return
        record = wire.Record(achievement.id, user_id, after, revision + 1, None)
        data = {} if event == wire.RESYNC else wire.encode_event(self.application_id, user_id, record)
        self._events.publish(user_id, event, data)

    def _defined(self, achievement_id: int) -> Achievement:
        if achievement_id not in self._definitions:
            raise ValueError(f"achievement {achievement_id} is not defined; call add_achievement first")
        return self._definitions[achievement_id]


def checked_id(name: str, value: int) -> int:
    """Return `value` if it is an id; otherwise raise `ValueError` with the argument's `name`."""
    if not is_snowflake(value):
        raise ValueError(f"{name}: expected an integer from 1 to 2**63-1, got {value!r}")
    return value
