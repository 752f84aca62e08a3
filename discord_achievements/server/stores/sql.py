"""What the stores on SQLite and on PostgreSQL have in common.

Definitions and tokens, which change rarely, go through SQLAlchemy Core. Progress goes through two statements of the
driver that each take a whole batch: one reads the batch's records, the other writes those that changed, on condition
that each still has the revision that was read. In between, the progress rule in `domain` decides what becomes of a
record, so that no database has to repeat it. A record that another process has changed in the meantime is tried again.
"""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from ...domain.access import TokenKind
from ...domain.models import ACHIEVEMENTS_MAX, Achievement
from ...domain.progress import Progress
from . import schema
from .base import (
    AlreadyExists,
    Application,
    Held,
    Icon,
    Key,
    RecordsVersion,
    StoreUnavailable,
    Token,
    TooManyAchievements,
    Write,
    Written,
    fold_all,
)

DELETED_AT_ONCE = 20_000
"""Records that a deletion goes through in one transaction."""

_TRANSLATIONS = ("name_localizations", "description_localizations")  # columns of JSON text
_ATTEMPTS = 20  # at a batch whose records other processes keep changing; each settles at least the records it locked


class SqlStore(ABC):
    """A `Store` on an engine whose tables exist."""

    reads_at_once: bool

    def __init__(self, engine: Engine, *, deleted_at_once: int = DELETED_AT_ONCE) -> None:
        self._engine = engine
        self._deleted_at_once = deleted_at_once

    @abstractmethod
    def generation(self) -> int: ...

    @abstractmethod
    def _bump_generation(self, connection: Connection) -> None:
        """Change the generation within a transaction."""

    def _redefined(self) -> None:  # noqa: B027 - optional to override
        """Called after a transaction that changed the generation was committed."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Any]:
        """Begin a transaction for progress; give what `_read_held` and `_put_held` work on."""

    @abstractmethod
    def _read_held(self, transaction: Any, keys: Sequence[Key]) -> tuple[dict[Key, Held], set[tuple[int, int]]]:
        """Return the records that exist, and which of the achievements were deleted: their applications and ids."""

    @abstractmethod
    def _put_held(self, transaction: Any, changed: Mapping[Key, Written]) -> set[Key]:
        """Write each record's `after` if its revision is still that of `before`; return the keys that were written.

        Nothing is written on achievements that were deleted.
        """

    def _hold_up_writes(self, connection: Connection) -> None:  # noqa: B027 - optional to override
        """Let no transaction of `_writing` go on before that of `connection` ends, and wait for those that wrote."""

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give a connection for single reads; each sees what is committed."""
        with _translated(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Give a connection for writes, which take effect together, or not at all if the body raises."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _redefining(self) -> Iterator[Connection]:
        """Give such a connection for a change of applications, tokens or definitions."""
        with self._transaction() as connection:
            yield connection
            self._bump_generation(connection)
        self._redefined()

    def history(self) -> str:
        with self._connected() as connection:
            return str(connection.execute(select(schema.history.c.value)).scalar_one())

    def renew_history(self) -> str:
        renewed = secrets.token_hex(16)
        with self._redefining() as connection:
            connection.execute(update(schema.history).values(value=renewed))
        return renewed

    def ping(self) -> None:
        with self._connected() as connection:
            connection.execute(select(1))

    def connections_in_use(self) -> int:
        pool = self._engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    def close(self) -> None:
        self._engine.dispose()

    def add_application(self, application: Application, bot_token: Token) -> None:
        with self._redefining() as connection:
            with _unique(f"application {application.id} already exists"):
                connection.execute(insert(schema.applications).values(application._asdict()))
            connection.execute(insert(schema.tokens).values(_token_row(bot_token)))

    def application(self, application_id: int) -> Application | None:
        table = schema.applications
        with self._connected() as connection:
            row = connection.execute(select(table).where(table.c.id == application_id)).one_or_none()
        return None if row is None else Application(*row)

    def applications(self) -> list[Application]:
        table = schema.applications
        with self._connected() as connection:
            return [Application(*row) for row in connection.execute(select(table).order_by(table.c.id))]

    def token(self, key: str) -> Token | None:
        table = schema.tokens
        with self._connected() as connection:
            row = connection.execute(select(table).where(table.c.key == key)).one_or_none()
        return None if row is None else _token(row)

    def add_token(self, token: Token) -> None:
        with (
            self._transaction() as connection
        ):  # a new token changes no answer that was given before, so the generation stays
            connection.execute(insert(schema.tokens).values(_token_row(token)))

    def remove_token(self, key: str) -> bool:
        table = schema.tokens
        with self._redefining() as connection:
            return bool(connection.execute(delete(table).where(table.c.key == key)).rowcount)

    def rotate_bot_token(self, token: Token) -> bool:
        table = schema.tokens
        with self._redefining() as connection:
            if not self._lock_application(connection, token.application_id):
                return False
            mine = (table.c.application_id == token.application_id) & (table.c.kind == TokenKind.BOT.value)
            connection.execute(delete(table).where(mine))
            connection.execute(insert(table).values(_token_row(token)))
        return True

    def achievements(self, application_id: int) -> list[Achievement]:
        table = schema.achievements
        query = select(table).where(table.c.application_id == application_id).order_by(table.c.id)
        with self._connected() as connection:
            return [_achievement(row) for row in connection.execute(query)]

    def add_achievement(self, achievement: Achievement, icon: Icon | None) -> None:
        table = schema.achievements
        counted = select(func.count()).where(table.c.application_id == achievement.application_id)
        self._delete_progress(achievement.application_id, achievement.id)
        marks = schema.deleted_achievements
        marked = (marks.c.application_id == achievement.application_id) & (marks.c.id == achievement.id)
        with self._redefining() as connection:
            # Creations in one application wait for each other here, so that together they cannot exceed the maximum.
            self._lock_application(connection, achievement.application_id)
            if connection.execute(counted).scalar_one() >= ACHIEVEMENTS_MAX:
                raise TooManyAchievements(achievement.application_id)
            with _unique(f"achievement {achievement.id} already exists"):
                connection.execute(insert(table).values(_achievement_row(achievement)))
            connection.execute(delete(marks).where(marked, marks.c.is_swept))
            if connection.execute(select(marks.c.id).where(marked)).one_or_none() is not None:
                raise StoreUnavailable(f"achievement {achievement.id} is just being deleted")
            _set_icon(connection, achievement, icon)

    def change_achievement(
        self, application_id: int, achievement_id: int, change: Callable[[Achievement], Achievement], icon: Icon | None
    ) -> Achievement | None:
        table = schema.achievements
        this = (table.c.application_id == application_id) & (table.c.id == achievement_id)
        with self._transaction() as connection:
            self._lock_application(connection, application_id)
            row = connection.execute(select(table).where(this)).one_or_none()
            if row is None:
                return None
            before = _achievement(row)
            after = change(before)
            if after == before:  # the generation stays, so no process reads its definitions again
                return after
            connection.execute(update(table).where(this).values(_achievement_row(after)))
            if after.icon_hash != before.icon_hash:
                _set_icon(connection, after, icon)
            self._bump_generation(connection)
        self._redefined()
        return after

    def delete_achievement(self, application_id: int, achievement_id: int) -> bool:
        was_defined = self._delete_definition(application_id, achievement_id)
        return self._delete_progress(application_id, achievement_id) or was_defined

    def _delete_definition(self, application_id: int, achievement_id: int) -> bool:
        """Delete definition and icon, and mark the achievement as deleted; return False if there is none.

        Once this is committed, every write on the achievement has either been committed or is left out.
        """
        table = schema.achievements
        this = (table.c.application_id == application_id) & (table.c.id == achievement_id)
        with self._connected() as connection:
            if connection.execute(select(table.c.id).where(this)).one_or_none() is None:
                return False
        with self._transaction() as connection:
            self._hold_up_writes(connection)
            if not connection.execute(delete(table).where(this)).rowcount:
                return False  # another process was faster
            mark = {"application_id": application_id, "id": achievement_id, "is_swept": False}
            connection.execute(insert(schema.deleted_achievements).values(mark))
            _delete_icon(connection, {"application_id": application_id, "achievement_id": achievement_id})
            self._bump_generation(connection)
        self._redefined()
        return True

    def _delete_progress(self, application_id: int, achievement_id: int) -> bool:
        """Delete the progress on an achievement marked as deleted; return whether there is such a mark.

        This goes through the application's records by player, so that no statement takes long however many there are.
        """
        table, marks = schema.progress, schema.deleted_achievements
        unswept = (marks.c.application_id == application_id) & (marks.c.id == achievement_id) & ~marks.c.is_swept
        done_to = 0
        while True:
            left = (table.c.application_id == application_id) & (table.c.user_id > done_to)
            with self._transaction() as connection:
                # Whoever brings the achievement back removes the mark, and waits for the lock on it.
                if connection.execute(select(marks.c.id).where(unswept).with_for_update()).one_or_none() is None:
                    return False
                last = connection.execute(
                    select(table.c.user_id).where(left).order_by(table.c.user_id).offset(self._deleted_at_once).limit(1)
                ).scalar_one_or_none()
                if last is not None:
                    left &= table.c.user_id <= last
                connection.execute(delete(table).where(left, table.c.achievement_id == achievement_id))
                if last is None:
                    connection.execute(update(marks).where(unswept).values(is_swept=True))
                    return True
            done_to = last

    def icon(self, application_id: int, achievement_id: int, icon_hash: str) -> Icon | None:
        table = schema.icons
        query = select(table.c.icon_hash, table.c.media_type, table.c.content, table.c.png).where(
            table.c.application_id == application_id,
            table.c.achievement_id == achievement_id,
            table.c.icon_hash == icon_hash,
        )
        with self._connected() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Icon(row[0], row[1], bytes(row[2]), bytes(row[3]))

    def records(self, application_id: int, user_id: int) -> dict[int, Held]:
        table = schema.progress
        query = select(
            table.c.achievement_id, table.c.percent, table.c.unlocked_at_us, table.c.revision, table.c.changed_at_us
        ).where(table.c.application_id == application_id, table.c.user_id == user_id)
        with self._connected() as connection:
            return {row[0]: held(*row[1:]) for row in connection.execute(query)}

    def records_version(self, application_id: int, user_id: int) -> RecordsVersion:
        table = schema.progress
        query = select(
            func.count(),
            func.coalesce(func.sum(table.c.revision), 0),
            func.coalesce(func.max(table.c.changed_at_us), 0),
        ).where(table.c.application_id == application_id, table.c.user_id == user_id)
        with self._connected() as connection:
            records, revisions, changed_at_us = connection.execute(query).one()
        return RecordsVersion(records, int(revisions), changed_at_us)

    def write(self, writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
        # Ascending, so that two processes that lock the same records do it in the same order.
        keys = sorted({write.key for write in writes})
        written: dict[Key, Written] = {}
        with self._writing() as transaction:
            for _ in range(_ATTEMPTS):
                held_before, deleted = self._read_held(transaction, keys)
                waiting = {key for key in keys if key[::2] not in deleted}
                folded = fold_all(held_before, [write for write in writes if write.key in waiting], at_us)
                changed = {key: entry for key, entry in folded.items() if entry.after != entry.before}
                lost = changed.keys() - self._put_held(transaction, changed) if changed else set()
                written |= {key: entry for key, entry in folded.items() if key not in lost}
                if not lost:
                    return written
                keys = sorted(lost)
        raise StoreUnavailable(f"{len(keys)} records were changed by other processes in each of {_ATTEMPTS} attempts")

    def _lock_application(self, connection: Connection, application_id: int) -> bool:
        """Make other changes of this application's definitions wait until the transaction ends."""
        table = schema.applications
        query = select(table.c.id).where(table.c.id == application_id).with_for_update()
        return connection.execute(query).one_or_none() is not None


def held(percent: int, unlocked_at_us: int | None, revision: int, changed_at_us: int) -> Held:
    """Return a record from its columns."""
    return Held(Progress(percent, unlocked_at_us), revision, changed_at_us)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise `StoreUnavailable` if the database is unreachable or busy for too long."""
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError, PoolTimeoutError) as exc:
        raise StoreUnavailable(_first_line(exc)) from exc
    except DBAPIError as exc:
        if exc.connection_invalidated:
            raise StoreUnavailable(_first_line(exc)) from exc
        raise


@contextmanager
def _unique(otherwise: str) -> Iterator[None]:
    """Raise `AlreadyExists` if the database refuses a row."""
    try:
        yield
    except IntegrityError as exc:
        raise AlreadyExists(otherwise) from exc


def _first_line(exc: Exception) -> str:
    """Return the error without the statement and its parameters."""
    origin = getattr(exc, "orig", None) or exc
    return f"{type(origin).__name__}: {str(origin).strip().partition(chr(10))[0]}"


def _set_icon(connection: Connection, achievement: Achievement, icon: Icon | None) -> None:
    where = {"application_id": achievement.application_id, "achievement_id": achievement.id}
    _delete_icon(connection, where)
    if icon is not None:
        connection.execute(insert(schema.icons).values(where | icon._asdict()))


def _delete_icon(connection: Connection, where: Mapping[str, int]) -> None:
    table = schema.icons
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in where.items())))


def _token_row(token: Token) -> dict[str, Any]:
    return token._asdict() | {"kind": token.kind.value}


def _token(row: Row[Any]) -> Token:
    return Token(**dict(row._mapping) | {"sha256": bytes(row.sha256), "kind": TokenKind(row.kind)})


def _achievement_row(achievement: Achievement) -> dict[str, Any]:
    fields = {field: getattr(achievement, field) for field in Achievement.__slots__}
    return fields | {field: json.dumps(dict(fields[field])) if fields[field] else None for field in _TRANSLATIONS}


def _achievement(row: Row[Any]) -> Achievement:
    fields = dict(row._mapping)
    return Achievement(**fields | {field: json.loads(fields[field] or "null") for field in _TRANSLATIONS})
