"""Every earlier schema is migrated to the newest one and keeps its data."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect, text

from discord_achievements.domain.errors import ConfigurationError
from discord_achievements.domain.progress import Progress
from discord_achievements.server.postgres.connection import Bounds
from discord_achievements.server.postgres.store import PostgresStore
from discord_achievements.server.stores import migrate as migrate_module
from discord_achievements.server.stores.base import Application, Held, Key, Raise
from discord_achievements.server.stores.migrate import configuration, migrate
from discord_achievements.server.stores.schema import metadata
from discord_achievements.server.stores.sqlite import SqliteStore
from discord_achievements.server.stores.unmigrated import newest_revision, read_applications
from discord_achievements.server.web.app import open_store
from tests.support.databases import Postgres
from tests.support.running import APP


def engine_of(database: str) -> Engine:
    return create_engine(database.replace("postgresql://", "postgresql+psycopg://"))


def schema_of(engine: Engine) -> dict[str, object]:
    """Return tables, columns, keys and indexes as the database reports them."""
    inspector = inspect(engine)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)],
            inspector.get_pk_constraint(table)["constrained_columns"],
            [(k["constrained_columns"], k["referred_table"]) for k in inspector.get_foreign_keys(table)],
            sorted((i["name"] or "", i["column_names"]) for i in inspector.get_indexes(table)),
        )
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_migrations_create_the_schema_that_the_code_expects(make_empty_database: Callable[[], str]) -> None:
    migrated, fresh = engine_of(make_empty_database()), engine_of(make_empty_database())
    try:
        migrate(migrated)
        metadata.create_all(fresh)
        assert schema_of(migrated) == schema_of(fresh)
        with migrated.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    finally:
        migrated.dispose()
        fresh.dispose()


def test_data_of_the_first_schema_survives(make_empty_database: Callable[[], str]) -> None:
    database = make_empty_database()
    engine = engine_of(database)
    migrate(engine, "0001")
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO applications VALUES ({APP}, 'Old Game', 5)"))
        connection.execute(
            text(f"INSERT INTO achievements VALUES ({APP}, 9, 'N', '{{\"de\": \"Ä\"}}', 'D', NULL, true, false, 'h')")
        )
        connection.execute(text(f"INSERT INTO progress VALUES ({APP}, 77, 9, 100, 1234567, 3)"))
    engine.dispose()
    with closing(open_store(database)) as store:
        application = store.application(APP)
        assert application is not None
        assert application.name == "Old Game"
        (definition,) = store.achievements(APP)
        assert (definition.name_localizations, definition.secret) == ({"de": "Ä"}, True)
        assert store.records(APP, 77) == {9: Held(Progress(100, 1234567), 3, 0)}
        key = Key(APP, 77, 9)
        assert store.write([Raise(key, 100, 0)], 10**15)[key].after == Held(Progress(100, 1234567), 3, 0)


def test_what_only_reads_neither_creates_nor_migrates(make_empty_database: Callable[[], str]) -> None:
    database = make_empty_database()
    assert read_applications(database) is None
    engine = engine_of(database)
    migrate(engine, "0001")
    before = schema_of(engine)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO applications VALUES ({APP}, 'Old Game', 5)"))
    with pytest.raises(ConfigurationError, match=r"older schema 0001, .* `serve` migrates it"):
        read_applications(database)
    assert schema_of(engine) == before
    with closing(open_store(database)) as store:
        assert read_applications(database) == store.applications() == [Application(APP, "Old Game", 5)]
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match=r"newer version .*upgrade"):
        read_applications(database)


def test_revisions_form_one_line() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(configuration(connection))
    engine.dispose()
    assert script.get_heads() == [newest_revision()]
    assert [step.revision for step in script.walk_revisions()][-1] == "0001"


def test_a_start_waits_while_another_holds_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # as a process does that is switching it to write-ahead logging
        waited = []

        def let_go(seconds: float) -> None:
            waited.append(seconds)
            if other.in_transaction:
                other.execute("COMMIT")

        with closing(SqliteStore(str(path), sleep=let_go)) as store:
            assert store.applications() == []
        assert waited


def test_a_start_waits_for_another_process_to_finish_its_migration(postgres: Postgres) -> None:
    bounds = Bounds(answer_s=1.0, statement_s=1.0, lock_s=1.0)
    database = postgres.empty_database()
    with psycopg.connect(database) as other, ThreadPoolExecutor(1) as thread:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (migrate_module._LOCK,))
        opening = thread.submit(PostgresStore, database, bounds=bounds)
        other.execute("SELECT pg_sleep(3)")  # three times longer than a request may take
        other.commit()
        with closing(opening.result(30)) as store:
            assert store.applications() == []


def test_processes_that_start_at_once_migrate_once(make_empty_database: Callable[[], str]) -> None:
    database = make_empty_database()
    failures: list[Exception] = []

    def start() -> None:
        try:
            open_store(database).close()
        except Exception as exc:
            failures.append(exc)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    open_store(database).close()
    engine = engine_of(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match="newer version"):
        open_store(database)


def test_a_migration_that_fails_leaves_no_connection_open(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path.as_posix()}/service.sqlite3")
    closed: list[object] = []
    event.listen(engine, "close", lambda connection, _: closed.append(connection))
    migrate(engine)
    assert closed == []
    with pytest.raises(ConfigurationError):
        migrate(engine, "no such revision")
    assert len(closed) == 1
