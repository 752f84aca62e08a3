"""The store on PostgreSQL, for any number of processes. Needs the extra [postgres]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from ..stores.base import Held, Key, Written
from ..stores.migrate import migrate
from ..stores.sql import DELETED_AT_ONCE, SqlStore, held
from .connection import BOUNDS, Bounds, Connector, PostgresConnection
from .listener import Listener

GENERATION_CHANNEL = "discord_achievements_generation"

# A batch is sent as one array for each column; its rows are joined with the table by the primary key.
_READ = """
    SELECT application_id, user_id, achievement_id, percent, unlocked_at_us, revision, changed_at_us
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS wanted (application_id, user_id, achievement_id)
    JOIN progress USING (application_id, user_id, achievement_id)
    UNION ALL
    SELECT DISTINCT application_id, NULL::bigint, id, NULL::smallint, NULL::bigint, NULL::bigint, NULL::bigint
    FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (application_id, id)
    JOIN deleted_achievements USING (application_id, id)
"""
_PUT = """
    INSERT INTO progress AS p
        (application_id, user_id, achievement_id, percent, unlocked_at_us, revision, changed_at_us)
    SELECT * FROM unnest(
        %s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[], %s::bigint[], %s::bigint[], %s::bigint[]
    ) AS new (application_id, user_id, achievement_id, percent, unlocked_at_us, revision, changed_at_us)
    WHERE NOT EXISTS (
        SELECT FROM deleted_achievements AS d WHERE d.application_id = new.application_id AND d.id = new.achievement_id
    )
    ON CONFLICT (application_id, user_id, achievement_id) DO UPDATE SET
        percent = excluded.percent, unlocked_at_us = excluded.unlocked_at_us,
        revision = excluded.revision, changed_at_us = excluded.changed_at_us
    WHERE p.revision = excluded.revision - 1
    RETURNING application_id, user_id, achievement_id
"""


class PostgresStore(SqlStore):
    """Connects to `url`, and creates or migrates the tables.

    A process that changes the generation notifies the others by NOTIFY in the same transaction. While this process
    cannot listen, each call of `generation` returns a new number, so that nothing is served from an old cache.
    `deleted_at_once` is how many records a deletion goes through in one transaction.
    """

    reads_at_once = False

    def __init__(self, url: str, *, bounds: Bounds = BOUNDS, deleted_at_once: int = DELETED_AT_ONCE) -> None:
        engine = create_engine(
            "postgresql+psycopg://", creator=Connector(url, bounds), pool_size=8, max_overflow=8, pool_timeout=5.0
        )
        super().__init__(engine, deleted_at_once=deleted_at_once)
        # Migrating a large table may take minutes, and the other processes wait for it.
        patient = create_engine(
            "postgresql+psycopg://", creator=partial(PostgresConnection.open_patient, url), poolclass=NullPool
        )
        migrate(patient)
        self._generation = 0
        self._listener = Listener(
            url, GENERATION_CHANNEL, on_message=lambda _: self._next_generation(), on_gap=self._next_generation
        )
        self._listener.start()

    def close(self) -> None:
        self._listener.stop()
        super().close()

    def generation(self) -> int:
        if not self._listener.listening:
            self._next_generation()
        return self._generation

    def _next_generation(self) -> None:
        self._generation += 1

    def _redefined(self) -> None:
        self._next_generation()  # at once, rather than when the NOTIFY comes back

    def _bump_generation(self, connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE generation SET value = value + 1")
        connection.exec_driver_sql("SELECT pg_notify(%s, '')", (GENERATION_CHANNEL,))

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._transaction()

    def _hold_up_writes(self, connection: Connection) -> None:
        # Each write holds a weaker lock on the table until its commit. One that has to wait for this lock takes its
        # snapshot afterwards, so it sees the mark.
        connection.exec_driver_sql("LOCK TABLE progress IN SHARE MODE")

    def _read_held(self, transaction: Connection, keys: Sequence[Key]) -> tuple[dict[Key, Held], set[tuple[int, int]]]:
        applications, users, achievements = map(list, zip(*keys, strict=True))
        found, deleted = {}, set()
        parameters = (applications, users, achievements, applications, achievements)
        for application_id, user_id, achievement_id, *rest in transaction.exec_driver_sql(_READ, parameters):
            if user_id is None:
                deleted.add((application_id, achievement_id))
            else:
                found[Key(application_id, user_id, achievement_id)] = held(*rest)
        return found, deleted

    def _put_held(self, transaction: Connection, changed: Mapping[Key, Written]) -> set[Key]:
        rows = [
            (*key, *entry.after.progress, entry.after.revision, entry.after.changed_at_us)
            for key, entry in sorted(changed.items())
            if entry.after
        ]
        columns = tuple(map(list, zip(*rows, strict=True)))
        return {Key(*row) for row in transaction.exec_driver_sql(_PUT, columns)}
