"""One contract for the stores in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discord_achievements.domain.access import TokenKind
from discord_achievements.domain.models import ACHIEVEMENTS_MAX, Achievement
from discord_achievements.domain.progress import NO_PROGRESS, Progress
from discord_achievements.server.postgres.connection import Bounds
from discord_achievements.server.postgres.store import PostgresStore
from discord_achievements.server.stores.base import (
    AlreadyExists,
    Application,
    Held,
    Icon,
    Key,
    Raise,
    Reset,
    Store,
    StoreUnavailable,
    Token,
    TooManyAchievements,
    Write,
    Written,
)
from discord_achievements.server.stores.memory import MemoryStore
from discord_achievements.server.stores.sql import SqlStore
from discord_achievements.server.stores.sqlite import SqliteStore
from discord_achievements.server.web.app import open_store
from tests.support.databases import Postgres, by_line
from tests.support.waiting import until

APP, OTHER = 461618159171141643, 461618159171141644
AT_US = 1_700_000_000_000_000
BOT = Token("b" * 12, b"\x00\xff" * 16, TokenKind.BOT, APP, None, AT_US, None)
DELETED_AT_ONCE = 7  # so few that a test with some dozens of records needs several transactions
ICON = Icon("0" * 32, "image/gif", b"GIF\x00", b"PNG\xff")

Opener = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Open the same store again and again, as several processes would."""
    if request.param == "memory":
        memory = MemoryStore()
        yield lambda: memory
        return
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        make: Opener = partial(PostgresStore, server.new_database(), deleted_at_once=DELETED_AT_ONCE)
    else:
        make = partial(SqliteStore, str(tmp_path / "folder" / "service.sqlite3"), deleted_at_once=DELETED_AT_ONCE)
    opened: list[Store] = []

    def open_one_more() -> Store:
        opened.append(make())
        return opened[-1]

    yield open_one_more
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    store = opener()
    store.add_application(Application(APP, "A Game", AT_US), BOT)
    return store


def achievement(achievement_id: int, **fields: object) -> Achievement:
    plain = Achievement(APP, achievement_id, "Name", "Description", icon_hash="1" * 32)
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_applications(store: Store) -> None:
    store.add_application(Application(OTHER, "Ein Spiel 🎲", AT_US + 1), BOT._replace(key="c" * 12))
    assert store.application(APP) == Application(APP, "A Game", AT_US)
    assert store.application(1) is None
    assert store.applications() == [Application(APP, "A Game", AT_US), Application(OTHER, "Ein Spiel 🎲", AT_US + 1)]


def test_tokens(store: Store) -> None:
    player = Token("p" * 12, b"\x01" * 32, TokenKind.BEARER, APP, 2**63 - 1, AT_US, AT_US + 5)
    store.add_token(player)
    assert store.token(BOT.key) == BOT
    assert store.token(player.key) == player
    assert store.token("unknown") is None


def test_one_token_can_be_revoked(store: Store) -> None:
    one = Token("p" * 12, b"\x01" * 32, TokenKind.BEARER, APP, 5, AT_US, None)
    other = one._replace(key="q" * 12)
    store.add_token(one)
    store.add_token(other)
    assert store.remove_token(one.key) is True
    assert (store.token(one.key), store.token(other.key), store.token(BOT.key)) == (None, other, BOT)
    assert store.remove_token(one.key) is False


def test_rotation_ends_only_the_bots_old_tokens(store: Store) -> None:
    player = Token("p" * 12, b"\x01" * 32, TokenKind.BEARER, APP, 5, AT_US, None)
    store.add_token(player)
    new = BOT._replace(key="n" * 12)
    assert store.rotate_bot_token(new) is True
    assert (store.token(BOT.key), store.token(new.key), store.token(player.key)) == (None, new, player)
    assert store.rotate_bot_token(new._replace(key="x" * 12, application_id=OTHER)) is False


def test_definitions_are_stored_unchanged(store: Store) -> None:
    one = achievement(9, name="a'b\"c\\d\u2028🎲", name_localizations={"de": "ä"}, secret=True)
    two = achievement(10, secure=True, description="x" * 200)
    store.add_achievement(two, None)
    store.add_achievement(one, ICON)
    assert store.achievements(APP) == [one, two]
    assert store.achievements(OTHER) == []
    assert store.icon(APP, 9, ICON.icon_hash) == ICON
    assert store.icon(APP, 9, "1" * 32) is None
    assert store.icon(APP, 10, ICON.icon_hash) is None


def test_changing_a_definition(store: Store) -> None:
    store.add_achievement(achievement(9, icon_hash=ICON.icon_hash), ICON)
    changed = store.change_achievement(APP, 9, lambda before: replace(before, name="New"), None)
    assert changed == achievement(9, name="New", icon_hash=ICON.icon_hash)
    assert store.achievements(APP) == [changed]
    assert store.icon(APP, 9, ICON.icon_hash) == ICON, "the icon was not mentioned"

    other = ICON._replace(icon_hash="2" * 32)
    store.change_achievement(APP, 9, lambda before: replace(before, icon_hash=other.icon_hash), other)
    assert store.icon(APP, 9, other.icon_hash) == other
    assert store.icon(APP, 9, ICON.icon_hash) is None
    store.change_achievement(APP, 9, lambda before: replace(before, icon_hash="3" * 32), None)
    assert store.icon(APP, 9, other.icon_hash) is None
    assert store.change_achievement(APP, 1, lambda before: before, None) is None


def test_an_id_can_be_used_once(store: Store) -> None:
    with pytest.raises(AlreadyExists, match=f"application {APP} already"):
        store.add_application(Application(APP, "Another", AT_US), BOT._replace(key="c" * 12))
    assert store.token("c" * 12) is None
    assert store.applications() == [Application(APP, "A Game", AT_US)]
    store.add_achievement(achievement(9), None)
    with pytest.raises(AlreadyExists, match="achievement 9 already"):
        store.add_achievement(achievement(9, name="Another"), ICON)
    assert store.achievements(APP) == [achievement(9)]
    assert store.icon(APP, 9, ICON.icon_hash) is None


def test_deleting_a_definition_of_many_players(store: Store) -> None:
    store.add_achievement(achievement(9), None)
    for application in (APP, OTHER):
        for number in (9, 10):
            store.write([Raise(Key(application, user, number), 50, 0) for user in range(1, 51) if user % 3], AT_US)
    assert store.delete_achievement(APP, 9) is True
    for user in range(1, 51):
        assert list(store.records(APP, user)) == ([10] if user % 3 else [])
        assert list(store.records(OTHER, user)) == ([9, 10] if user % 3 else [])


def test_deleting_a_definition_deletes_its_icon_and_progress(store: Store) -> None:
    store.add_achievement(achievement(9), ICON)
    store.add_achievement(achievement(10), None)
    store.write([Raise(Key(APP, 5, 9), 50, 0), Raise(Key(APP, 5, 10), 60, 0)], AT_US)
    assert store.delete_achievement(APP, 9) is True
    assert store.delete_achievement(APP, 9) is False
    assert [left.id for left in store.achievements(APP)] == [10]
    assert store.icon(APP, 9, ICON.icon_hash) is None
    assert list(store.records(APP, 5)) == [10]


def test_nothing_is_written_on_a_deleted_achievement(opener: Opener, store: Store) -> None:
    """A process that has not heard of the deletion yet may try."""
    another = opener()
    store.add_achievement(achievement(9), None)
    store.add_achievement(achievement(10), None)
    store.write([Raise(Key(APP, 5, 9), 50, 0)], AT_US)
    assert store.delete_achievement(APP, 9) is True
    gone, there, elsewhere = Key(APP, 5, 9), Key(APP, 5, 10), Key(OTHER, 5, 9)
    written = another.write([Raise(gone, 60, 0), Raise(there, 70, 0), Reset(gone), Raise(elsewhere, 80, 0)], AT_US)
    assert written.keys() == {there, elsewhere}
    assert list(store.records(APP, 5)) == [10]
    assert store.write([Raise(gone, 60, 0)], AT_US) == {}
    store.add_achievement(achievement(9), None)  # a catalogue brings it back
    assert another.write([Raise(gone, 20, 0)], AT_US)[gone] == Written(None, Held(Progress(20, None), 1, AT_US))


def test_progress_goes_with_an_achievement_however_many_write_meanwhile(opener: Opener, store: Store) -> None:
    writers = [opener() for _ in range(2)]
    players, rounds = 40, 3
    with ThreadPoolExecutor(2 * len(writers)) as threads:
        for number in range(rounds):
            store.add_achievement(achievement(100 + number), None)
            began = threading.Event()

            def play(writer: Store, first: int, number: int, began: threading.Event) -> None:
                for user in range(first, players, len(writers)):
                    writer.write([Raise(Key(APP, 1 + user, 100 + number), 50, 0)], AT_US)
                    began.set()

            playing = [threads.submit(play, writer, first, number, began) for first, writer in enumerate(writers)]
            assert began.wait(30)
            assert store.delete_achievement(APP, 100 + number) is True
            for one in playing:
                one.result(30)
    assert [user for user in range(1, players + 1) if store.records(APP, user)] == []


def test_a_deletion_that_was_interrupted_can_be_finished(tmp_path: Path, postgres: Postgres) -> None:
    """A process may die after the achievement was marked, and before all progress on it is gone."""
    for database in (f"sqlite:///{tmp_path.as_posix()}/service.sqlite3", postgres.new_database()):
        with closing(open_store(database)) as store:
            assert isinstance(store, SqlStore)
            store.add_application(Application(APP, "A Game", AT_US), BOT)
            for again in (
                lambda: store.delete_achievement(APP, 9),
                lambda: store.add_achievement(achievement(9), None),
            ):
                if not store.achievements(APP):
                    store.add_achievement(achievement(9), None)
                store.write([Raise(Key(APP, user, 9), 50, 0) for user in range(1, 20)], AT_US)
                assert store._delete_definition(APP, 9)
                assert store.records(APP, 5)
                again()
                assert not any(store.records(APP, user) for user in range(1, 20))
            assert store.write([Raise(Key(APP, 5, 9), 10, 0)], AT_US)


def test_the_generation_changes_with_everything_that_is_cached(opener: Opener, store: Store) -> None:
    another = opener()
    changes: list[Callable[[], object]] = [
        lambda: store.add_application(Application(OTHER, "B", AT_US), BOT._replace(key="c" * 12)),
        lambda: store.add_achievement(achievement(9), None),
        lambda: store.change_achievement(APP, 9, lambda before: replace(before, name="New"), None),
        lambda: store.rotate_bot_token(BOT._replace(key="d" * 12)),
        lambda: store.remove_token("d" * 12),
        store.renew_history,
        lambda: store.delete_achievement(APP, 9),
    ]
    for change in changes:
        here, there = store.generation(), another.generation()
        change()
        assert store.generation() != here, "the process that made the change knows at once"
        until(lambda there=there: another.generation() != there, "another process notices it")  # type: ignore[misc]
    quiet = store.generation()
    for percent in range(1, 51):
        store.write([Raise(Key(APP, 5, 9), percent, 0)], AT_US)
    # PostgreSQL may still notify a process of its own changes above, but of no more than those.
    assert store.generation() - quiet <= len(changes), "progress is not cached, so it does not change the generation"


def test_a_history_is_renewed_for_all(opener: Opener, store: Store) -> None:
    another = opener()
    first = store.history()
    assert another.history() == first
    assert store.renew_history() == store.history() == another.history() != first


def test_a_change_without_effect_keeps_the_generation(store: Store) -> None:
    store.add_achievement(achievement(9), None)
    changed = store.change_achievement(APP, 9, lambda before: replace(before, name="New"), None)
    other = Application(OTHER, "B", AT_US)
    store.add_application(other, BOT._replace(key="c" * 12))
    before = store.generation()
    for _ in range(20):
        assert store.change_achievement(APP, 9, lambda before: replace(before, name="New"), None) == changed
    # PostgreSQL may still be notifying of the three changes above.
    assert store.generation() - before <= 3


def test_the_records_version_differs_after_every_change(opener: Opener, store: Store) -> None:
    another = opener()
    store.add_achievement(achievement(9), None)
    seen = [store.records_version(APP, 5)]
    for write in (
        Raise(Key(APP, 5, 9), 0, 0), Raise(Key(APP, 5, 9), 1, 0), Raise(Key(APP, 5, 10), 100, 0),
        Raise(Key(APP, 5, 10), 100, 60), Reset(Key(APP, 5, 10)), Raise(Key(APP, 5, 10), 100, 0),
    ):  # fmt: skip
        before = another.records(APP, 5)
        store.write([write], AT_US)
        version = another.records_version(APP, 5)
        assert version == store.records_version(APP, 5)
        assert (version in seen) is (another.records(APP, 5) == before)
        seen.append(version)
    store.write([Raise(Key(APP, 6, 9), 50, 0), Raise(Key(OTHER, 5, 9), 50, 0)], AT_US)
    assert store.records_version(APP, 5) == seen[-1], "records of another player or application do not count"


def test_there_are_at_most_1000_achievements_even_if_many_are_created_at_once(opener: Opener, store: Store) -> None:
    for number in range(1, ACHIEVEMENTS_MAX - 4):
        store.add_achievement(achievement(number), None)
    stores = [store, opener()]

    def create(number: int) -> bool:
        try:
            stores[number % 2].add_achievement(achievement(10_000 + number), None)
        except TooManyAchievements:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(create, range(24)))
    assert sum(made) == 5
    assert len(store.achievements(APP)) == ACHIEVEMENTS_MAX
    with pytest.raises(TooManyAchievements, match=str(ACHIEVEMENTS_MAX)):
        store.add_achievement(achievement(20_000), None)


def test_a_write_returns_the_record_before_and_after(store: Store) -> None:
    key = Key(APP, 5, 9)
    first = store.write([Raise(key, 50, 0)], AT_US)[key]
    assert first == Written(None, Held(Progress(50, None), 1, AT_US))
    second = store.write([Raise(key, 100, 0)], AT_US + 10)[key]
    assert second == Written(first.after, Held(Progress(100, AT_US + 10), 2, AT_US + 10))
    assert store.records(APP, 5) == {9: second.after}
    lower = store.write([Raise(key, 20, 0)], AT_US + 20)[key]
    assert lower == Written(second.after, second.after)


def test_the_revision_still_rises_at_a_reset(store: Store) -> None:
    key = Key(APP, 5, 9)
    store.write([Raise(key, 100, 0)], AT_US)
    assert store.write([Reset(key)], AT_US + 1)[key].after == Held(NO_PROGRESS, 2, AT_US + 1)
    assert store.write([Reset(Key(APP, 5, 10))], AT_US)[Key(APP, 5, 10)] == Written(None, None)
    assert list(store.records(APP, 5)) == [9]


def test_a_late_unlock_keeps_its_own_time(store: Store) -> None:
    key = Key(APP, 5, 9)
    held = store.write([Raise(key, 100, 3600)], AT_US)[key].after
    assert held is not None
    assert held.progress.unlocked_at_us == AT_US - 3600 * 1_000_000


def test_writes_to_one_record_in_one_batch_are_one_change(store: Store) -> None:
    key = Key(APP, 5, 9)
    written = store.write([Raise(key, percent, 0) for percent in (10, 70, 30)], AT_US)
    assert written == {key: Written(None, Held(Progress(70, None), 1, AT_US))}


def test_each_record_of_a_batch_changes_at_its_own_time(store: Store) -> None:
    written = store.write([Raise(Key(APP, user, 9), 10, 0) for user in range(1, 50)], AT_US)
    times = {entry.after.changed_at_us for entry in written.values() if entry.after}
    assert len(times) == 49
    assert all(AT_US <= at_us < AT_US + 49 for at_us in times)


def test_players_and_applications_are_separate(store: Store) -> None:
    store.write([Raise(Key(APP, 5, 9), 10, 0), Raise(Key(APP, 6, 9), 20, 0), Raise(Key(OTHER, 5, 9), 30, 0)], AT_US)
    found = [store.records(*player)[9].progress.percent for player in ((APP, 5), (APP, 6), (OTHER, 5))]
    assert found == [10, 20, 30]
    assert store.records(APP, 7) == {}


def test_a_write_is_visible_to_other_processes(opener: Opener, store: Store) -> None:
    another = opener()
    store.write([Raise(Key(APP, 5, 9), 10, 0)], AT_US)
    assert another.records(APP, 5) == store.records(APP, 5)


def test_writers_that_race_for_records_lose_nothing(opener: Opener, store: Store) -> None:
    """Four threads write rising values into the same ten records; none may be lost or applied twice."""
    stores = [store, opener(), store, opener()]
    ready = threading.Barrier(4)

    def write(number: int) -> None:
        ready.wait(20)
        for percent in range(1, 100):
            keys = [Key(APP, 5, 100 + (number + percent + step) % 10) for step in range(5)]
            stores[number].write([Raise(key, percent, 0) for key in keys], AT_US + percent)
        stores[number].write([Raise(Key(APP, 5, 100 + record), 100, 0) for record in range(10)], AT_US + 1000 + number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    records = store.records(APP, 5)
    assert {held.progress.percent for held in records.values()} == {100}
    for held in records.values():
        assert held.revision <= 100, "at most one revision for each possible value"
        assert held.progress.unlocked_at_us in range(AT_US + 1000, AT_US + 1004)


PLAIN_WRITES = st.tuples(
    st.integers(1, 2), st.integers(1, 3), st.integers(0, 100) | st.none(), st.sampled_from([0.0, 1.5, 1e6, 1e9])
)
fresh_games = itertools.count(1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(PLAIN_WRITES, min_size=1, max_size=6), max_size=5))
def test_every_store_behaves_as_the_one_in_memory(
    store: Store, batches: list[list[tuple[int, int, int | None, float]]]
) -> None:
    model, game = MemoryStore(), next(fresh_games)
    for number, batch in enumerate(batches):
        writes: list[Write] = []
        for user, record, percent, age_s in batch:
            key = Key(game, user, record)
            writes.append(Reset(key) if percent is None else Raise(key, percent, age_s))
        at_us = AT_US + 100 * number
        assert store.write(writes, at_us) == model.write(writes, at_us)
    for user in (1, 2):
        assert store.records(game, user) == model.records(game, user)


def test_ping(store: Store) -> None:
    store.ping()


def test_a_store_can_be_closed_twice(store: Store) -> None:
    store.close()
    store.close()


def test_no_postgres_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        open_store(f"postgresql://postgres@/x?host={tmp_path}")


def test_an_outage_of_postgres_is_reported_and_ends(postgres: Postgres) -> None:
    with closing(open_store(postgres.new_database())) as store:
        store.add_application(Application(APP, "A", AT_US), BOT)
        postgres.restart()

        def back() -> bool:
            try:
                store.write([Raise(Key(APP, 5, 9), 10, 0)], AT_US)
            except StoreUnavailable:
                return False
            return True

        until(back, "the store writes again")
        assert store.application(APP) is not None


def test_a_silent_connection_to_postgres_is_replaced(postgres: Postgres) -> None:
    url, bounds = postgres.new_database(), Bounds(answer_s=2.0)
    with closing(postgres.line()) as line, closing(PostgresStore(by_line(url, line), bounds=bounds)) as store:
        for connection in range(2):
            store.write([Raise(Key(APP, 5, 9), 10 + connection, 0)], AT_US)
            line.fall_silent()
            line.heal()
            with pytest.raises(StoreUnavailable, match="not answered"):
                store.write([Raise(Key(APP, 5, 9), 20 + connection, 0)], AT_US)
        store.write([Raise(Key(APP, 5, 9), 30, 0)], AT_US)
        assert store.records(APP, 5)[9].progress.percent == 30


def test_a_silent_host_costs_all_callers_together_one_time_out(postgres: Postgres) -> None:
    url, bounds = postgres.new_database(), Bounds(answer_s=2.0, connect_s=2)
    with closing(postgres.line()) as line, closing(PostgresStore(by_line(url, line), bounds=bounds)) as store:
        store.ping()  # opens a connection, which falls silent too
        line.fall_silent()
        with pytest.raises(StoreUnavailable, match="not answered"):
            store.ping()
        with pytest.raises(StoreUnavailable, match="timeout"):
            store.ping()
        began = time.monotonic()
        for _ in range(10):
            with pytest.raises(StoreUnavailable, match="timeout"):
                store.ping()
        assert time.monotonic() - began < 4, "the later ones fail without trying"
        line.heal()

        def back() -> bool:
            try:
                store.ping()
            except StoreUnavailable:
                return False
            return True

        until(back, "the store connects again")


def test_sqlite_that_is_locked_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite3"
    with closing(SqliteStore(str(path), busy_timeout_s=0.1)) as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            store.write([Raise(Key(APP, 5, 9), 10, 0)], AT_US)
        other.rollback()
        store.write([Raise(Key(APP, 5, 9), 10, 0)], AT_US)


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody remove an open database")
@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
@pytest.mark.parametrize("name", ["service.sqlite3", "service.sqlite3-wal"])
def test_sqlite_whose_file_is_gone_is_unavailable_until_it_is_back(
    tmp_path: Path, name: str, is_replaced: bool
) -> None:
    path, aside = tmp_path / name, tmp_path / "aside.sqlite3"
    key = Key(APP, 5, 9)
    with closing(SqliteStore(str(tmp_path / "service.sqlite3"))) as store:
        store.add_application(Application(APP, "A Game", AT_US), BOT)
        store.add_achievement(achievement(9), None)
        store.write([Raise(key, 10, 0)], AT_US)
        path.rename(aside)
        if is_replaced:
            path.write_bytes(aside.read_bytes())
        calls: list[Callable[[], object]] = [
            store.ping,
            lambda: until(store.generation, "a look at the file"),
            lambda: store.write([Raise(key, 20, 0)], AT_US),
            lambda: store.add_achievement(achievement(10), None),
        ]
        for call in calls:
            with pytest.raises(StoreUnavailable, match="was deleted or replaced"):
                call()
        aside.replace(path)
        store.ping()
        assert store.write([Raise(key, 30, 0)], AT_US)[key].after is not None


@pytest.mark.skipif(os.name == "nt", reason="there the folder above decides")
def test_a_new_sqlite_file_is_private_to_its_user(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    before = os.umask(0o022)
    try:
        for path in (tmp_path / "new" / "service.sqlite3", there / "service.sqlite3"):
            with closing(open_store(f"sqlite:///{path.as_posix()}")):
                rights = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
                assert rights == {f"service.sqlite3{end}": 0o600 for end in ("", "-wal", "-shm")}
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert there.stat().st_mode & 0o777 == 0o755, "a folder that existed before"


def test_sqlite_commits_are_durable(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite3"
    with closing(open_store(f"sqlite:///{path.as_posix()}")) as store:
        assert isinstance(store, SqliteStore)
        with store._writing() as transaction:
            assert transaction.execute("PRAGMA synchronous").fetchone() == (2,)
            assert transaction.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_no_unlock_locks_a_row_that_players_share(postgres: Postgres) -> None:
    """Progress can be written while another transaction locks every table of the definitions."""
    url = postgres.new_database()
    with closing(open_store(url)) as store, psycopg.connect(url) as other:
        store.add_application(Application(APP, "A", AT_US), BOT)
        store.add_achievement(achievement(9), None)
        for table in ("applications", "achievements", "tokens", "icons", "generation"):
            other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        store.write([Raise(Key(APP, 5, 9), 10, 0)], AT_US)
