"""A store in memory, for tests and to measure what durability costs."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence

from ...domain.access import TokenKind
from ...domain.models import ACHIEVEMENTS_MAX, Achievement
from .base import (
    AlreadyExists,
    Application,
    Held,
    Icon,
    Key,
    RecordsVersion,
    Token,
    TooManyAchievements,
    Write,
    Written,
    fold_all,
)


class MemoryStore:
    """Keeps everything in dictionaries under one lock."""

    reads_at_once = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = 0
        self._history = secrets.token_hex(16)
        self._applications: dict[int, Application] = {}
        self._tokens: dict[str, Token] = {}
        self._achievements: dict[int, dict[int, Achievement]] = {}
        self._icons: dict[tuple[int, int], Icon] = {}
        self._deleted: set[tuple[int, int]] = set()
        self._records: dict[tuple[int, int], dict[int, Held]] = {}

    def generation(self) -> int:
        return self._generation

    def history(self) -> str:
        return self._history

    def renew_history(self) -> str:
        with self._lock:
            self._history = secrets.token_hex(16)
            self._generation += 1
            return self._history

    def ping(self) -> None:
        pass

    def connections_in_use(self) -> int:
        return 0

    def close(self) -> None:
        pass

    def add_application(self, application: Application, bot_token: Token) -> None:
        with self._lock:
            if application.id in self._applications:
                raise AlreadyExists(f"application {application.id} already exists")
            self._applications[application.id] = application
            self._tokens[bot_token.key] = bot_token
            self._generation += 1

    def application(self, application_id: int) -> Application | None:
        return self._applications.get(application_id)

    def applications(self) -> list[Application]:
        with self._lock:
            return sorted(self._applications.values())

    def token(self, key: str) -> Token | None:
        return self._tokens.get(key)

    def add_token(self, token: Token) -> None:
        with self._lock:
            self._tokens[token.key] = token

    def remove_token(self, key: str) -> bool:
        with self._lock:
            self._generation += 1
            return self._tokens.pop(key, None) is not None

    def rotate_bot_token(self, token: Token) -> bool:
        with self._lock:
            if token.application_id not in self._applications:
                return False
            for old in [*self._tokens.values()]:
                if old.kind is TokenKind.BOT and old.application_id == token.application_id:
                    del self._tokens[old.key]
            self._tokens[token.key] = token
            self._generation += 1
            return True

    def achievements(self, application_id: int) -> list[Achievement]:
        with self._lock:
            return [achievement for _, achievement in sorted(self._achievements.get(application_id, {}).items())]

    def add_achievement(self, achievement: Achievement, icon: Icon | None) -> None:
        with self._lock:
            defined = self._achievements.setdefault(achievement.application_id, {})
            if len(defined) >= ACHIEVEMENTS_MAX:
                raise TooManyAchievements(achievement.application_id)
            if achievement.id in defined:
                raise AlreadyExists(f"achievement {achievement.id} already exists")
            defined[achievement.id] = achievement
            self._deleted.discard((achievement.application_id, achievement.id))
            self._set_icon(achievement, icon)
            self._generation += 1

    def change_achievement(
        self, application_id: int, achievement_id: int, change: Callable[[Achievement], Achievement], icon: Icon | None
    ) -> Achievement | None:
        with self._lock:
            before = self._achievements.get(application_id, {}).get(achievement_id)
            if before is None:
                return None
            after = self._achievements[application_id][achievement_id] = change(before)
            if after == before:
                return after
            if after.icon_hash != before.icon_hash:
                self._set_icon(after, icon)
            self._generation += 1
            return after

    def delete_achievement(self, application_id: int, achievement_id: int) -> bool:
        with self._lock:
            if self._achievements.get(application_id, {}).pop(achievement_id, None) is None:
                return False
            self._icons.pop((application_id, achievement_id), None)
            self._deleted.add((application_id, achievement_id))
            for (owner, _), held in self._records.items():
                if owner == application_id:
                    held.pop(achievement_id, None)
            self._generation += 1
            return True

    def icon(self, application_id: int, achievement_id: int, icon_hash: str) -> Icon | None:
        stored = self._icons.get((application_id, achievement_id))
        return stored if stored is not None and stored.icon_hash == icon_hash else None

    def records(self, application_id: int, user_id: int) -> dict[int, Held]:
        with self._lock:
            return dict(self._records.get((application_id, user_id), {}))

    def records_version(self, application_id: int, user_id: int) -> RecordsVersion:
        held = self.records(application_id, user_id).values()
        return RecordsVersion(
            len(held), sum(record.revision for record in held), max((one.changed_at_us for one in held), default=0)
        )

    def write(self, writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
        with self._lock:
            writes = [write for write in writes if write.key[::2] not in self._deleted]
            before = {
                write.key: held
                for write in writes
                if (held := self._records.get(write.key[:2], {}).get(write.key.achievement_id))
            }
            written = fold_all(before, writes, at_us)
            for key, change in written.items():
                if change.after is not None:
                    self._records.setdefault(key[:2], {})[key.achievement_id] = change.after
            return written

    def _set_icon(self, achievement: Achievement, icon: Icon | None) -> None:
        where = (achievement.application_id, achievement.id)
        self._icons.pop(where, None)
        if icon is not None:
            self._icons[where] = icon
