from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.client.disk.database import Database
from discord_achievements.client.player_list import PlayerList, user_achievement
from discord_achievements.client.state import State, listed
from discord_achievements.domain.progress import reach

PLAYER, USER = 1, 1001
PROGRESS = st.builds(reach, st.integers(0, 100), st.integers(0, 10**15))
STATES = st.builds(State, confirmed=PROGRESS, revision=st.none() | st.integers(0, 20), pending=st.none() | PROGRESS)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
# SQLite stores any value in any column, whatever its type.
DAMAGED = st.text() | st.binary() | INTEGERS | st.floats(allow_nan=False)
FLAG = st.integers(0, 1) | DAMAGED
DEFINITIONS = st.tuples(DAMAGED, st.none() | DAMAGED, DAMAGED, st.none() | DAMAGED, FLAG, FLAG, DAMAGED)
ROWS = st.lists(st.tuples(st.none() | STATES, DEFINITIONS), max_size=20)


@given(rows=ROWS, rows_at_a_time=st.sampled_from([1, 3, 100]), fetched=st.booleans())
def test_the_list_is_judged_as_each_state_is(
    rows: list[tuple[State | None, tuple[object, ...]]], rows_at_a_time: int, fetched: bool
) -> None:
    made = PlayerList(USER, 0, fetched=fetched)
    with closing(Database(None)) as database:
        database.write_definitions((number, *definition) for number, (_, definition) in enumerate(rows, 1))
        database.write_states(PLAYER, {number: state for number, (state, _) in enumerate(rows, 1) if state is not None})
        for columns in database.columns(PLAYER, rows_at_a_time):
            made.add(columns)
        states = database.states(PLAYER, range(1, len(rows) + 1)) if rows else {}
    assert made.visible == [id_ for id_, state in sorted(states.items()) if listed(state)]
    assert made.secure == {id_ for id_, state in states.items() if state.secure}
    for id_, state in states.items():
        assert made.look(id_) == user_achievement(USER, id_, state, fetched=fetched)
        definition = made.definition(1, id_, "en-US")
        assert definition is not None
        assert (definition.secret, definition.secure) == (state.secret, state.secure)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("'Name'", "Name"),
        ("'N\u00e4me'", "N\u00e4me"),
        ("CAST(x'ff4e616d65' AS TEXT)", "\ufffdName"),
        ("x'ff4e616d65'", "\ufffdName"),
        ("5", "5"),
    ],
)
def test_a_damaged_text_is_shown_damaged(stored: str, shown: str) -> None:
    made = PlayerList(USER, 0, fetched=True)
    with closing(Database(None)) as database:
        database.execute(f"INSERT INTO definition VALUES (7, {stored}, NULL, 'What to do', NULL, 0, 0, '')")
        for columns in database.columns(PLAYER, 1):
            made.add(columns)
        one = database.texts(7)
    definition = made.definition(1, 7, "en-US")
    assert definition is not None
    assert definition.name == shown
    assert one is not None
    made.define(7, State(known=True), one)
    assert made.definition(1, 7, "en-US") == definition
