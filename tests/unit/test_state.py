from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.client.state import (
    State,
    accepted,
    combined,
    listed,
    reached,
    refused,
    reported,
    shown,
    unconfirmed,
)
from discord_achievements.domain.progress import NO_PROGRESS, Progress, further, reach

T1, T2, T3 = 1_000_000, 2_000_000, 3_000_000
HALF, MOST, DONE = Progress(50, None), Progress(80, None), Progress(100, T2)
KNOWN = State(known=True)
UNKNOWN = State()
SECURE = State(known=True, secure=True)
SECRET = State(known=True, secret=True)

PROGRESS = st.builds(reach, st.integers(0, 100), st.integers(0, 10**15))
REVISION = st.none() | st.integers(0, 20)
STATES = st.builds(
    State,
    confirmed=PROGRESS,
    revision=REVISION,
    pending=st.none() | PROGRESS,
    known=st.booleans(),
    secret=st.booleans(),
    secure=st.booleans(),
)


# What the player sees


def test_what_is_pending_is_shown_at_once() -> None:
    assert shown(KNOWN._replace(confirmed=HALF, pending=DONE)) == DONE


@pytest.mark.parametrize("state", [SECURE, UNKNOWN])
def test_secure_and_unknown_ones_show_what_the_service_has_confirmed(state: State) -> None:
    assert shown(state._replace(pending=DONE)) == NO_PROGRESS
    assert shown(state._replace(confirmed=HALF, pending=DONE)) == HALF


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (KNOWN, True),
        (SECRET, False),
        (SECRET._replace(confirmed=Progress(99, None)), False),
        (SECRET._replace(confirmed=DONE), True),
        (SECRET._replace(pending=DONE), True),
        (SECRET._replace(pending=DONE, secure=True), False),
    ],
)
def test_a_secret_is_listed_once_it_is_unlocked(state: State, expected: bool) -> None:
    assert listed(state) is expected


# What the game says


@pytest.mark.parametrize("percent", [0, 49, 50])
@pytest.mark.parametrize("state", [KNOWN._replace(confirmed=HALF), KNOWN._replace(pending=HALF)])
def test_a_lower_or_equal_value_changes_nothing(state: State, percent: int) -> None:
    assert reached(state, reach(percent, T1)) == state


def test_a_higher_value_is_pending() -> None:
    assert reached(KNOWN._replace(confirmed=HALF), MOST).pending == MOST
    assert reached(KNOWN._replace(confirmed=HALF, pending=MOST), DONE).pending == DONE


@pytest.mark.parametrize("again_at_us", [T1, T2, T3])
def test_the_first_unlock_keeps_its_time_whatever_the_clock_does(again_at_us: int) -> None:
    unlocked = reached(KNOWN, reach(100, T2))
    assert reached(unlocked, reach(100, again_at_us)) == unlocked
    confirmed = accepted(unlocked, DONE, None, None)
    assert reached(confirmed, reach(100, again_at_us)) == confirmed
    assert further(reach(100, T2), reach(100, again_at_us)) == reach(100, T2)


def test_the_service_is_asked_about_a_secure_one_even_if_the_value_is_no_news() -> None:
    assert reached(SECURE._replace(confirmed=DONE), HALF).pending == HALF


@given(STATES, PROGRESS)
def test_saying_it_twice_is_saying_it_once(state: State, new: Progress) -> None:
    assert reached(reached(state, new), new) == reached(state, new)


@given(STATES, st.lists(PROGRESS, max_size=6))
def test_what_is_shown_only_rises_and_an_unlock_stays_as_it_is(state: State, sets: list[Progress]) -> None:
    # A pending value that is not above the confirmed one is dropped before it gets here.
    if state.pending is not None and state.pending.percent <= state.confirmed.percent:
        state = refused(state, state.pending)
    for new in sets:
        before, state = shown(state), reached(state, new)
        assert shown(state).percent >= before.percent
        if before.percent == 100:
            assert shown(state) == before


# What the service says


def test_what_it_has_accepted_is_confirmed() -> None:
    state = KNOWN._replace(pending=DONE)
    assert accepted(state, DONE, None, None) == KNOWN._replace(confirmed=DONE)
    assert accepted(state, DONE, DONE, 7) == KNOWN._replace(confirmed=DONE, revision=7)


def test_what_was_reached_meanwhile_stays_pending() -> None:
    state = KNOWN._replace(pending=MOST)
    after = accepted(state, HALF, HALF, 7)
    assert (after.confirmed, after.pending) == (HALF, MOST)


def test_an_answer_that_an_event_has_overtaken_does_not_bring_the_old_value_back() -> None:
    reset = reported(KNOWN._replace(confirmed=HALF, revision=5, pending=MOST), NO_PROGRESS, 7)
    after = accepted(reset, MOST, MOST, 6)
    assert after == KNOWN._replace(confirmed=NO_PROGRESS, revision=7)


@pytest.mark.parametrize("service_at_us", [None, T2, T3])
def test_an_unlock_keeps_the_time_that_the_player_has_seen(service_at_us: int | None) -> None:
    # The service counts back from when it hears of it, in whole seconds.
    later = Progress(100, service_at_us)
    pending, confirmed = KNOWN._replace(pending=DONE), KNOWN._replace(confirmed=DONE)
    for after in (accepted(pending, DONE, later, 1), reported(pending, later, 1), reported(confirmed, later, 1)):
        assert after == KNOWN._replace(confirmed=DONE, revision=1)


def test_an_unlock_that_was_clearly_earlier_than_the_service_thinks_is_told() -> None:
    state = KNOWN._replace(pending=DONE)
    assert reported(state, Progress(100, T2 + 60_000_000), 1).pending == DONE


def test_an_unlock_on_another_device_counts_from_then() -> None:
    for state in (KNOWN, KNOWN._replace(pending=DONE), KNOWN._replace(confirmed=DONE)):
        assert reported(state, Progress(100, T1), 1).confirmed == Progress(100, T1)


def test_a_refused_value_is_gone_and_the_confirmed_one_is_back() -> None:
    after = refused(KNOWN._replace(confirmed=HALF, revision=3, pending=DONE), DONE)
    assert after == KNOWN._replace(confirmed=HALF, revision=3)
    assert shown(after) == HALF


def test_what_was_reached_beyond_a_refused_value_stays_pending() -> None:
    state = KNOWN._replace(confirmed=HALF, pending=DONE)
    assert refused(state, MOST) == state
    assert refused(KNOWN, MOST) == KNOWN


@pytest.mark.parametrize("revision", [None, 3, 4])
def test_a_reset_lowers_the_confirmed_value_and_leaves_what_is_pending(revision: int | None) -> None:
    state = KNOWN._replace(confirmed=HALF, revision=3, pending=MOST)
    after = reported(state, NO_PROGRESS, revision)
    assert (after.confirmed, after.pending) == (NO_PROGRESS, MOST)


def test_news_that_is_older_than_what_is_known_is_none() -> None:
    state = KNOWN._replace(confirmed=HALF, revision=3, pending=MOST)
    assert reported(state, DONE, 2) == state


@pytest.mark.parametrize("percent", [80, 90, 100])
def test_what_the_service_has_anyway_is_not_pending(percent: int) -> None:
    assert reported(KNOWN._replace(pending=MOST), Progress(percent, None), 1).pending is None


@given(STATES, PROGRESS, REVISION)
def test_hearing_it_twice_is_hearing_it_once(state: State, progress: Progress, revision: int | None) -> None:
    after = reported(state, progress, revision)
    assert reported(after, progress, revision) == after


# Two players who are one, and a service that knows nothing


def test_of_two_devices_the_earliest_unlock_counts() -> None:
    early, late = KNOWN._replace(pending=reach(100, T1)), KNOWN._replace(pending=reach(100, T3))
    assert combined(early, late) == combined(late, early) == early


def test_the_later_word_of_the_service_counts_even_if_it_is_lower() -> None:
    old, new = KNOWN._replace(confirmed=DONE, revision=3), KNOWN._replace(confirmed=HALF, revision=4)
    assert combined(old, new) == combined(new, old) == new


def test_a_service_without_revisions_takes_nothing_back() -> None:
    one, other = KNOWN._replace(confirmed=HALF), KNOWN._replace(confirmed=MOST)
    assert combined(one, other) == combined(other, one) == other


def test_what_one_of_them_has_confirmed_is_not_pending_for_the_other() -> None:
    one, other = KNOWN._replace(confirmed=MOST, revision=1), KNOWN._replace(pending=HALF)
    assert combined(one, other) == combined(other, one) == one


@given(STATES, STATES)
def test_nothing_that_is_pending_for_either_is_lost(one: State, other: State) -> None:
    other = other._replace(known=one.known, secret=one.secret, secure=one.secure)
    both = combined(one, other)
    assert both == combined(other, one)
    for state in (one, other):
        if state.pending is not None:
            assert max(both.confirmed.percent, both.pending.percent if both.pending else 0) >= state.pending.percent


@given(STATES)
def test_another_service_is_told_everything_that_was_reached(state: State) -> None:
    moved = unconfirmed(state)
    assert moved.confirmed == NO_PROGRESS
    assert moved.revision is None
    best = max(state.confirmed.percent, state.pending.percent if state.pending else 0)
    assert (moved.pending.percent if moved.pending else 0) == best
    assert unconfirmed(moved) == moved


def test_an_unlock_that_was_earlier_than_the_one_told_is_still_told() -> None:
    pending = KNOWN._replace(pending=DONE)
    an_hour_later = Progress(100, T2 + 3_600_000_000)
    after = reported(pending, an_hour_later, 1)
    assert after.pending == DONE
    assert accepted(after, DONE, DONE, 2) == KNOWN._replace(confirmed=DONE, revision=2)
