from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.database import SCHEMA_VERSION, Database, definition_row
from discord_achievements.client.disk.pacing import SLICE_ROWS
from discord_achievements.client.disk.players import Player, Players
from discord_achievements.client.state import State, reached
from discord_achievements.domain.models import Achievement
from discord_achievements.domain.progress import NO_PROGRESS, Progress, reach

ANNA, BERT = 1001, 1002
ANNAS_TOKEN, ANNAS_NEXT_TOKEN = owners.of_token("anna-1"), owners.of_token("anna-2")
BERTS_TOKEN = owners.of_token("bert-1")
THIS_RUN, OTHER_RUN = b"r" * 16, b"o" * 16
HALF, DONE = Progress(50, None), Progress(100, 7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "database.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


@pytest.fixture
def other_process(database: Database, path: Path) -> Iterator[Database]:
    other = Database(path)
    yield other
    other.close()


def set_progress(database: Database, player: Player, achievement_id: int, percent: int = 50) -> None:
    before = database.states(player.id, [achievement_id])[achievement_id]
    database.write_states(player.id, {achievement_id: reached(before, reach(percent, 7))})


def pending(database: Database, owner: bytes) -> dict[int, Progress]:
    return database.pending(Players(database).of_owner(owner, THIS_RUN).id)


def sign_in(database: Database, token: bytes, user_id: int, live: tuple[bytes, ...] = (THIS_RUN,)) -> Player:
    return Players(database).identify(Players(database).of_owner(token, THIS_RUN), user_id, token, live)


# Who is who


def test_only_the_same_owner_finds_a_player_again(database: Database) -> None:
    keys = [
        owners.LOCAL,
        ANNAS_TOKEN,
        BERTS_TOKEN,
        owners.of_user(ANNA),
        owners.of_user(BERT),
        owners.of_run(),
        owners.of_run(),
    ]
    players = [Players(database).of_owner(owner, THIS_RUN) for owner in keys]
    assert len({player.id for player in players}) == len(keys)
    assert [Players(database).of_owner(owner, OTHER_RUN) for owner in keys] == players
    assert [player.user_id for player in players] == [None, None, None, ANNA, BERT, None, None]


def test_only_a_hash_of_a_token_is_stored(database: Database, path: Path) -> None:
    sign_in(database, ANNAS_TOKEN, ANNA)
    database.close()
    again = Database(path)
    try:
        assert Players(again).of_owner(ANNAS_TOKEN, OTHER_RUN).user_id == ANNA
    finally:
        again.close()
    assert not any(b"anna-1" in file.read_bytes() for file in path.parent.iterdir())


def test_progress_made_before_the_first_answer_belongs_to_the_player(database: Database) -> None:
    set_progress(database, Players(database).of_owner(ANNAS_TOKEN, THIS_RUN), 10)
    player = sign_in(database, ANNAS_TOKEN, ANNA)
    assert player.user_id == ANNA
    assert database.pending(player.id) == {10: HALF}


def test_progress_made_offline_with_a_new_token_is_merged_with_the_old_ones(database: Database) -> None:
    set_progress(database, sign_in(database, ANNAS_TOKEN, ANNA), 10)
    set_progress(database, Players(database).of_owner(ANNAS_NEXT_TOKEN, THIS_RUN), 20)
    assert pending(database, ANNAS_NEXT_TOKEN) == {20: HALF}, "it is not known yet whose token it is"

    player = sign_in(database, ANNAS_NEXT_TOKEN, ANNA)
    assert database.pending(player.id) == {10: HALF, 20: HALF}
    assert pending(database, ANNAS_TOKEN) == pending(database, ANNAS_NEXT_TOKEN) == {10: HALF, 20: HALF}


def test_an_offline_start_with_another_players_token_neither_shows_nor_delivers_the_firsts_progress(
    database: Database,
) -> None:
    set_progress(database, sign_in(database, ANNAS_TOKEN, ANNA), 10)
    set_progress(database, Players(database).of_owner(BERTS_TOKEN, THIS_RUN), 20)
    assert pending(database, BERTS_TOKEN) == {20: HALF}
    bert = sign_in(database, BERTS_TOKEN, BERT)
    assert database.pending(bert.id) == {20: HALF}
    assert pending(database, ANNAS_TOKEN) == {10: HALF}


def test_a_token_that_was_never_online_keeps_its_progress_for_its_own_player(database: Database) -> None:
    set_progress(database, Players(database).of_owner(ANNAS_TOKEN, OTHER_RUN), 10)
    assert database.pending(sign_in(database, BERTS_TOKEN, BERT).id) == {}
    assert database.pending(sign_in(database, ANNAS_TOKEN, ANNA).id) == {10: HALF}


def test_a_given_user_id_and_a_token_lead_to_one_player(database: Database) -> None:
    set_progress(database, Players(database).of_owner(owners.of_user(ANNA), THIS_RUN), 10)
    set_progress(database, Players(database).of_owner(ANNAS_TOKEN, THIS_RUN), 20)
    player = Players(database).link(ANNAS_TOKEN, Players(database).of_owner(owners.of_user(ANNA), THIS_RUN), THIS_RUN)
    assert player.user_id == ANNA
    assert database.pending(player.id) == {10: HALF, 20: HALF}
    assert Players(database).of_owner(ANNAS_TOKEN, THIS_RUN) == player


def test_a_player_who_signs_in_late_takes_over_earlier_progress_of_the_run(database: Database) -> None:
    run = owners.of_run()
    sign_in(database, ANNAS_TOKEN, ANNA)
    set_progress(database, Players(database).of_owner(run, THIS_RUN), 10)
    player = Players(database).link(run, Players(database).of_owner(ANNAS_TOKEN, THIS_RUN), THIS_RUN)
    assert (player.user_id, database.pending(player.id)) == (ANNA, {10: HALF})
    assert Players(database).of_owner(run, THIS_RUN) == player


def test_a_token_known_to_be_another_players_stays_theirs(database: Database) -> None:
    bert = sign_in(database, BERTS_TOKEN, BERT)
    anna = sign_in(database, ANNAS_TOKEN, ANNA)
    set_progress(database, anna, 10)
    assert Players(database).link(BERTS_TOKEN, anna, THIS_RUN) == bert
    assert database.pending(bert.id) == {}


def test_the_service_decides_whose_token_it_is(database: Database) -> None:
    anna = sign_in(database, ANNAS_TOKEN, ANNA)
    set_progress(database, anna, 10)
    bert = sign_in(database, ANNAS_TOKEN, BERT)
    assert bert.user_id == BERT
    assert database.pending(bert.id) == {}
    assert Players(database).of_owner(ANNAS_TOKEN, THIS_RUN) == bert
    assert database.pending(anna.id) == {10: HALF}


# From local mode to a service


def test_the_first_player_to_sign_in_takes_over_local_mode_once(database: Database) -> None:
    set_progress(database, Players(database).of_owner(owners.LOCAL, OTHER_RUN), 10)
    anna = sign_in(database, ANNAS_TOKEN, ANNA)
    assert database.pending(anna.id) == {10: HALF}
    assert database.pending(sign_in(database, BERTS_TOKEN, BERT).id) == {}
    assert database.pending(sign_in(database, ANNAS_TOKEN, ANNA).id) == {10: HALF}


def test_taking_over_keeps_the_higher_value_of_each_achievement(database: Database) -> None:
    local = Players(database).of_owner(owners.LOCAL, OTHER_RUN)
    anna = Players(database).of_owner(ANNAS_TOKEN, THIS_RUN)
    for achievement_id, in_local_mode, by_anna in ((10, 50, 20), (20, 20, 50)):
        set_progress(database, local, achievement_id, in_local_mode)
        set_progress(database, anna, achievement_id, by_anna)
    assert database.pending(sign_in(database, ANNAS_TOKEN, ANNA).id) == {10: HALF, 20: HALF}


def test_later_local_progress_belongs_to_the_player_who_took_local_mode_over(database: Database) -> None:
    anna = sign_in(database, ANNAS_TOKEN, ANNA)
    set_progress(database, Players(database).of_owner(owners.LOCAL, THIS_RUN), 10)
    sign_in(database, ANNAS_TOKEN, ANNA)
    sign_in(database, BERTS_TOKEN, BERT)
    set_progress(database, Players(database).of_owner(owners.LOCAL, THIS_RUN), 20)
    assert database.pending(anna.id) == {10: HALF, 20: HALF}


def test_a_run_without_a_token_is_taken_over_only_after_it_has_ended(database: Database) -> None:
    set_progress(database, Players(database).of_owner(owners.of_run(), OTHER_RUN), 10)
    assert database.pending(sign_in(database, ANNAS_TOKEN, ANNA, live=(THIS_RUN, OTHER_RUN)).id) == {}
    assert database.pending(sign_in(database, ANNAS_TOKEN, ANNA, live=(THIS_RUN,)).id) == {10: HALF}


def test_a_run_that_ended_offline_with_a_token_is_not_taken_over(database: Database) -> None:
    run = owners.of_run()  # of a token object without a `user_id`
    player = Players(database).link(ANNAS_TOKEN, Players(database).of_owner(run, OTHER_RUN), OTHER_RUN)
    set_progress(database, player, 10)
    assert database.pending(sign_in(database, BERTS_TOKEN, BERT).id) == {}
    assert database.pending(sign_in(database, ANNAS_TOKEN, ANNA).id) == {10: HALF}


# Two processes


@pytest.mark.parametrize("owner", [owners.LOCAL, ANNAS_NEXT_TOKEN], ids=["local mode", "another token"])
def test_another_process_can_still_use_a_player_who_was_merged(
    database: Database, other_process: Database, owner: bytes
) -> None:
    database.write_definitions([definition_row(definition(30))])
    set_progress(database, sign_in(database, ANNAS_TOKEN, ANNA), 10)
    held = Players(other_process).of_owner(owner, OTHER_RUN)
    set_progress(other_process, held, 20)

    anna = sign_in(database, ANNAS_NEXT_TOKEN, ANNA)
    set_progress(other_process, held, 30)
    Players(other_process).remember_list(held.id, "an etag", "a cursor")
    assert (
        Players(other_process).get(held.id)
        == Players(database).get(anna.id)
        == Player(anna.id, ANNA, "an etag", "a cursor", True)
    )
    assert other_process.states(held.id) == database.states(anna.id)
    assert other_process.pending(held.id) == database.pending(anna.id) == {10: HALF, 20: HALF, 30: HALF}
    assert list(other_process.columns(held.id, 2)) == list(database.columns(anna.id, 2))
    for newcomer in (BERTS_TOKEN, owners.of_run()):
        assert pending(database, newcomer) == {}

    assert Players(other_process).identify(held, ANNA, owner, ()).id == anna.id
    assert Players(other_process).link(owner, held, OTHER_RUN).id == anna.id
    assert database.pending(anna.id) == {10: HALF, 20: HALF, 30: HALF}


def test_a_process_with_stale_knowledge_gives_no_player_anothers_progress(
    database: Database, other_process: Database
) -> None:
    bert = sign_in(database, BERTS_TOKEN, BERT)
    held = Players(other_process).of_owner(ANNAS_TOKEN, OTHER_RUN)
    set_progress(database, sign_in(database, ANNAS_TOKEN, ANNA), 10)
    assert Players(other_process).link(BERTS_TOKEN, held, OTHER_RUN) == bert
    assert Players(other_process).identify(held, BERT, ANNAS_NEXT_TOKEN, ()) == bert
    assert database.pending(bert.id) == {}
    assert pending(database, ANNAS_TOKEN) == {10: HALF}


def test_a_player_can_be_merged_twice(database: Database) -> None:
    held = Players(database).of_owner(ANNAS_NEXT_TOKEN, THIS_RUN)
    second = Players(database).link(ANNAS_NEXT_TOKEN, Players(database).of_owner(owners.of_run(), THIS_RUN), THIS_RUN)
    anna = sign_in(database, ANNAS_TOKEN, ANNA)
    assert Players(database).identify(second, ANNA, ANNAS_NEXT_TOKEN, (THIS_RUN,)) == anna
    set_progress(database, held, 10)
    assert database.pending(anna.id) == {10: HALF}


def test_a_players_row_number_is_not_reused_in_a_new_database(database: Database) -> None:
    new = Database(None)
    try:
        assert Players(new).of_owner(ANNAS_TOKEN, THIS_RUN).id != Players(database).of_owner(BERTS_TOKEN, THIS_RUN).id
        set_progress(new, Players(database).of_owner(BERTS_TOKEN, THIS_RUN), 10)
        assert pending(new, ANNAS_TOKEN) == {}
    finally:
        new.close()


def test_a_change_by_another_process_is_noticed_once(database: Database, other_process: Database) -> None:
    assert not database.changed_elsewhere()
    set_progress(database, Players(database).of_owner(owners.LOCAL, THIS_RUN), 10)
    assert not database.changed_elsewhere()
    set_progress(other_process, Players(other_process).of_owner(owners.LOCAL, OTHER_RUN), 10, percent=60)
    assert database.changed_elsewhere()
    assert not database.changed_elsewhere()


# Progress and definitions


def definition(number: int, *, secret: bool = False) -> Achievement:
    return Achievement(1, number, f"Name {number}", "What to do", secret=secret, name_localizations={"de": "Näme"})


def test_a_state_is_read_as_it_was_stored(database: Database) -> None:
    player = Players(database).of_owner(ANNAS_TOKEN, THIS_RUN)
    database.write_definitions([definition_row(definition(10, secret=True))])
    states = {
        10: State(DONE, 3, None, known=True, secret=True),
        20: State(NO_PROGRESS, None, HALF),
        2**63 - 1: State(HALF, 2**62, DONE),
    }
    database.write_states(player.id, states)
    assert database.states(player.id) == states
    assert database.states(player.id, [30, 10]) == {30: State(), 10: states[10]}
    assert database.pending(player.id) == {20: HALF, 2**63 - 1: DONE}
    assert list(database.pending(player.id)) == [20, 2**63 - 1]


def test_the_rows_of_a_list_are_read_in_slices_sorted_by_id(database: Database) -> None:
    numbers = range(3 * SLICE_ROWS - 1, 0, -1)
    database.write_definitions(definition_row(definition(number)) for number in numbers)
    player = Players(database).of_owner(ANNAS_TOKEN, THIS_RUN)
    database.write_states(player.id, {5: State(HALF)})
    slices = list(database.columns(player.id, SLICE_ROWS))
    assert max(len(columns.ids) for columns in slices) == SLICE_ROWS
    assert [id_ for columns in slices for id_ in columns.ids] == sorted(numbers)
    assert slices[0].state(4) == State(HALF, known=True)
    assert slices[0].texts[4] == (b"Name 5", '{"de": "Näme"}'.encode(), b"What to do", None, b"")
    assert slices[0].state(5) == State(known=True)


def test_an_achievement_without_its_definition_keeps_its_progress(database: Database) -> None:
    player = Players(database).of_owner(owners.LOCAL, THIS_RUN)
    database.write_definitions([definition_row(definition(10)), definition_row(definition(20, secret=True))])
    set_progress(database, player, 10)
    assert database.definition_ids() == {10: False, 20: True}
    database.delete_definitions([10])
    assert database.definition_ids() == {20: True}
    assert database.states(player.id)[10] == State(pending=HALF)


def test_everything_of_every_player_is_pending_for_another_service(database: Database) -> None:
    anna, bert = sign_in(database, ANNAS_TOKEN, ANNA), sign_in(database, BERTS_TOKEN, BERT)
    database.write_states(anna.id, {10: State(DONE, 4), 20: State(HALF, 5, DONE)})
    database.write_states(bert.id, {10: State(HALF, 6)})
    Players(database).remember_list(anna.id, "an etag", "a cursor")
    assert Players(database).get(anna.id) == Player(anna.id, ANNA, "an etag", "a cursor", True)
    database.forget_confirmations()
    assert Players(database).get(anna.id) == Player(anna.id, ANNA, None, None, False)
    assert database.pending(anna.id) == {10: DONE, 20: DONE}
    assert database.pending(bert.id) == {10: HALF}
    assert {state.confirmed for state in database.states(anna.id).values()} == {NO_PROGRESS}


def test_a_list_that_may_be_stale_is_fetched_again(database: Database) -> None:
    anna = sign_in(database, ANNAS_TOKEN, ANNA)
    Players(database).remember_list(anna.id, "an etag", "a cursor")
    set_progress(database, Players(database).of_owner(owners.LOCAL, OTHER_RUN), 10)
    player = sign_in(database, ANNAS_TOKEN, ANNA)
    assert (player.etag, player.cursor, player.fetched) == (None, None, True)


# The file


def test_a_transaction_is_all_or_nothing(database: Database, other_process: Database) -> None:
    database.set_meta("key", "before")

    def change_and_fail() -> None:
        with database.transaction():
            database.set_meta("key", "after")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_and_fail()
    assert database.get_meta("key") == other_process.get_meta("key") == "before"
    with database.transaction():
        database.set_meta("key", "after")
        assert other_process.get_meta("key") == "before"
    assert other_process.get_meta("key") == "after"


def test_a_copy_in_memory_is_independent_of_the_file(database: Database) -> None:
    set_progress(database, sign_in(database, ANNAS_TOKEN, ANNA), 10)
    copy = database.copy_to_memory()
    try:
        assert pending(copy, ANNAS_TOKEN) == {10: HALF}
        set_progress(copy, Players(copy).of_owner(ANNAS_TOKEN, THIS_RUN), 20)
        assert pending(database, ANNAS_TOKEN) == {10: HALF}
    finally:
        copy.close()


def test_copying_a_file_does_not_change_it(database: Database, path: Path) -> None:
    set_progress(database, sign_in(database, ANNAS_TOKEN, ANNA), 10)
    database.close()
    before = path.read_bytes()
    copy = Database.copied(path)
    try:
        set_progress(copy, Players(copy).of_owner(ANNAS_TOKEN, THIS_RUN), 20)
        assert pending(copy, ANNAS_TOKEN) == {10: HALF, 20: HALF}
    finally:
        copy.close()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_file_of_a_later_version_is_not_taken_for_a_damaged_one(path: Path) -> None:
    Database(path).close()
    later = sqlite3.connect(path)
    later.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    later.close()
    with pytest.raises(sqlite3.OperationalError, match=f"schema {SCHEMA_VERSION + 1}"):
        Database(path)


def test_a_file_of_an_earlier_version_is_brought_up_to_date(path: Path) -> None:
    database = Database(path)
    anna = sign_in(database, ANNAS_TOKEN, ANNA)
    set_progress(database, anna, 10)
    Players(database).remember_list(anna.id, "an etag", "a cursor")
    database.close()
    earlier = sqlite3.connect(path)
    earlier.execute("ALTER TABLE player DROP COLUMN cursor")  # which the first version did not have
    earlier.execute("PRAGMA user_version = 1")
    earlier.close()
    database = Database(path)
    assert Players(database).get(anna.id) == Player(anna.id, ANNA, "an etag", None, True)
    assert database.pending(anna.id) == {10: HALF}
    database.close()


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION])
def test_a_file_with_other_tables_is_refused(path: Path, version: int) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE something (other)")
    other.execute(f"PRAGMA user_version = {version}")
    other.close()
    with pytest.raises(sqlite3.DatabaseError, match="tables"):
        Database(path)


def test_several_processes_can_create_it_at_once(tmp_path: Path) -> None:
    for number in range(50):  # one in twenty failed before processes waited for each other
        databases: list[Database] = []
        start = threading.Barrier(3)

        def create(path: Path, databases: list[Database], start: threading.Barrier) -> None:
            start.wait()
            databases.append(Database(path))

        threads = [threading.Thread(target=create, args=(tmp_path / str(number), databases, start)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(databases) == 3
        assert len({Players(database).of_owner(owners.LOCAL, THIS_RUN).id for database in databases}) == 1
        for database in databases:
            database.close()
