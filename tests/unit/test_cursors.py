"""A list with what has changed since its cursor is the list of now; where it could not be, the whole is sent."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.models import Achievement
from discord_achievements.domain.progress import NO_PROGRESS
from discord_achievements.domain.wire import Shape
from discord_achievements.server.changes import CLOCK_SKEW_US
from discord_achievements.server.cursors import Cursor
from discord_achievements.server.definitions import Definitions
from discord_achievements.server.stores.base import Held, Key, Raise, Reset, fold

APP, ANN, BERT = 461618159171141643, 53908232506183680, 53908232506183681
PLAIN, OTHER, SECRET = 1001, 1002, 1003
BEGAN_US = 1_767_225_600_000_000
ACHIEVEMENTS = {
    id_: Achievement(APP, id_, f"Name {id_}", "What to do", secret=id_ == SECRET) for id_ in (PLAIN, OTHER, SECRET)
}
writes = st.tuples(
    st.sampled_from(list(ACHIEVEMENTS)),
    st.sampled_from([None, 30, 60, 100]),  # None: a reset
    st.sampled_from([1, 1_000_000, CLOCK_SKEW_US, 40 * CLOCK_SKEW_US]),
)
renamed = st.sampled_from([None, *ACHIEVEMENTS])


class Service:
    """One player's records, and the time."""

    def __init__(self) -> None:
        self.achievements = dict(ACHIEVEMENTS)
        self.records: dict[int, Held] = {}
        self.at_us = BEGAN_US

    @property
    def definitions(self) -> Definitions:
        return Definitions(APP, self.achievements.values())

    def write(self, achievement_id: int, percent: int | None, after_us: int) -> None:
        self.at_us += after_us
        key = Key(APP, ANN, achievement_id)
        change = Reset(key) if percent is None else Raise(key, percent, 0)
        held = fold(self.records.get(achievement_id), [change], self.at_us, self.at_us)
        if held is not None:
            self.records[achievement_id] = held

    def cursor(self, history: str = "one", user_id: int = ANN) -> Cursor:
        return Cursor.of(self.definitions, history, user_id, self.records, self.at_us)

    def list(self) -> dict[str, object]:
        return by_id(self.definitions.player_list(ANN, self.records, Shape.STRINGS, started=False))

    def changed(self, cursor: Cursor, history: str = "one", user_id: int = ANN) -> dict[str, object] | None:
        """Return what has changed, None if the list must be sent whole."""
        changed = cursor.changed(self.definitions, history, user_id, self.records, self.at_us)
        if changed is None:
            return None
        return by_id(self.definitions.records(ANN, {id_: self.records[id_] for id_ in changed}, Shape.STRINGS))


def by_id(body: bytes) -> dict[str, object]:
    return {record["id"]: record for record in json.loads(body)}


@given(st.lists(writes, max_size=6), st.lists(writes, max_size=6), renamed)
def test_the_list_with_its_changes_is_the_list_of_now(
    before: list[tuple[int, int | None, int]], after: list[tuple[int, int | None, int]], renamed: int | None
) -> None:
    service = Service()
    for write in before:
        service.write(*write)
    known, cursor = service.list(), Cursor.parse(str(service.cursor()))
    assert cursor is not None
    for write in after:
        service.write(*write)
    if renamed is not None:
        service.achievements[renamed] = replace(service.achievements[renamed], name="Another name")
    changed = service.changed(cursor)
    if changed is not None:
        assert known | changed == service.list()


def test_only_what_has_changed_is_sent() -> None:
    service = Service()
    service.write(PLAIN, 30, 1)
    service.at_us += 2 * CLOCK_SKEW_US
    cursor = service.cursor()
    assert service.changed(cursor) == {}
    service.write(OTHER, 60, 1)
    service.write(SECRET, 60, 1)
    assert (service.changed(cursor) or {}).keys() == {str(OTHER)}
    service.write(SECRET, 100, 1)
    assert (service.changed(cursor) or {}).keys() == {str(OTHER), str(SECRET)}
    service.write(SECRET, None, 1)
    assert service.changed(cursor) is None, "what had been in the list must go"


def test_a_secret_that_was_reset_and_set_again_leaves_the_list() -> None:
    service = Service()
    service.write(SECRET, 100, 1)
    cursor = service.cursor()
    service.write(SECRET, None, 1)
    service.write(SECRET, 30, 1)
    assert service.changed(cursor) is None


def test_a_secret_that_is_not_unlocked_does_not_show_in_a_cursor() -> None:
    service = Service()
    before = service.cursor()
    service.write(SECRET, 60, 0)
    service.achievements[SECRET] = replace(service.achievements[SECRET], name="Another name")
    assert service.cursor() == before


@pytest.mark.parametrize(
    ("history", "user_id", "off_us"),
    [("two", ANN, 0), ("one", BERT, 0), ("one", ANN, -2 * CLOCK_SKEW_US)],
    ids=["another history", "another player", "a clock that was set back"],
)
def test_a_cursor_that_is_not_of_this_list_gets_the_whole(history: str, user_id: int, off_us: int) -> None:
    service = Service()
    service.write(PLAIN, 30, 1)
    cursor = service.cursor()
    service.at_us += off_us
    assert service.changed(cursor, history, user_id) is None


def test_an_older_database_gets_the_whole_list_read() -> None:
    service = Service()
    service.write(PLAIN, 30, 1)
    older = dict(service.records)
    service.write(PLAIN, 60, 1)
    cursor = service.cursor()
    service.records = older
    assert service.changed(cursor) is None
    service.records = {PLAIN: Held(NO_PROGRESS, 9, BEGAN_US)}
    assert service.changed(cursor) is not None, "a reset raises the revision too"


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.x", "-1.2.0123456789abcdef", "1.2.0123456789abcdef\n", "9" * 400]
)
def test_other_texts_are_no_cursors(text: str) -> None:
    assert Cursor.parse(text) is None
