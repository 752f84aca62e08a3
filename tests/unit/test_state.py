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
def test_secure_and_unknown_achievements_show_the_confirmed_value(state: State) -> None:
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


# What the game sets


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


def test_a_secure_achievement_is_sent_even_if_the_value_is_not_news() -> None:
    assert reached(SECURE._replace(confirmed=DONE), HALF).pending == HALF


@given(STATES, PROGRESS)
def test_setting_twice_changes_nothing(state: State, new: Progress) -> None:
    assert reached(reached(state, new), new) == reached(state, new)


@given(STATES, st.lists(PROGRESS, max_size=6))
def test_what_is_shown_only_rises_and_an_unlock_stays_as_it_is(state: State, sets: list[Progress]) -> None:
    # A pending value that is not above the confirmed one is dropped earlier.
    if state.pending is not None and state.pending.percent <= state.confirmed.percent:
        state = refused(state, state.pending)
    for new in sets:
        before, state = shown(state), reached(state, new)
        assert shown(state).percent >= before.percent
        if before.percent == 100:
            assert shown(state) == before


# What the service answers


def test_an_accepted_value_is_confirmed() -> None:
    state = KNOWN._replace(pending=DONE)
    assert accepted(state, DONE, None, None) == KNOWN._replace(confirmed=DONE)
    assert accepted(state, DONE, DONE, 7) == KNOWN._replace(confirmed=DONE, revision=7)


def test_a_higher_value_set_during_the_exchange_stays_pending() -> None:
    state = KNOWN._replace(pending=MOST)
    after = accepted(state, HALF, HALF, 7)
    assert (after.confirmed, after.pending) == (HALF, MOST)


def test_an_answer_older_than_an_event_does_not_restore_the_old_value() -> None:
    reset = reported(KNOWN._replace(confirmed=HALF, revision=5, pending=MOST), NO_PROGRESS, 7)
    after = accepted(reset, MOST, MOST, 6)
    assert after == KNOWN._replace(confirmed=NO_PROGRESS, revision=7)


@pytest.mark.parametrize("service_at_us", [None, T2, T3])
def test_an_unlock_keeps_the_time_that_the_player_has_seen(service_at_us: int | None) -> None:
    # The service counts back from when it receives the update, in whole seconds.
    later = Progress(100, service_at_us)
    pending, confirmed = KNOWN._replace(pending=DONE), KNOWN._replace(confirmed=DONE)
    for after in (accepted(pending, DONE, later, 1), reported(pending, later, 1), reported(confirmed, later, 1)):
        assert after == KNOWN._replace(confirmed=DONE, revision=1)


def test_an_unlock_clearly_earlier_than_the_services_stays_pending() -> None:
    state = KNOWN._replace(pending=DONE)
    assert reported(state, Progress(100, T2 + 60_000_000), 1).pending == DONE


DAY_US = 24 * 3600 * 1_000_000
NOW_US = 1_700_000_000_000_000


@pytest.mark.parametrize("years", [1, 53])
def test_an_age_that_is_certain_proves_that_a_much_earlier_time_is_wrong(years: int) -> None:
    ours, held = Progress(100, NOW_US - years * 365 * DAY_US), Progress(100, NOW_US)
    state = KNOWN._replace(pending=ours)
    assert accepted(state, ours, held, 1, is_dated=True).confirmed == held
    kept = held if years == 53 else ours  # nothing can be earlier than 2015; anything else can
    assert accepted(state, ours, held, 1).confirmed == kept


@pytest.mark.parametrize("early_us", [0, 1, 59_000_000])
def test_a_slow_way_to_the_service_proves_nothing(early_us: int) -> None:
    ours, held = Progress(100, NOW_US - early_us), Progress(100, NOW_US)
    assert accepted(KNOWN._replace(pending=ours), ours, held, 1, is_dated=True).confirmed == ours


def test_whatever_the_service_says_replaces_an_impossible_time() -> None:
    ours, held = Progress(100, 600_000_000), Progress(100, NOW_US)
    for state in (KNOWN._replace(pending=ours), KNOWN._replace(confirmed=ours)):
        after = reported(state, held, 1)
        assert (after.confirmed, after.pending) == (held, None)


def test_an_unlock_on_another_device_counts_from_then() -> None:
    for state in (KNOWN, KNOWN._replace(pending=DONE), KNOWN._replace(confirmed=DONE)):
        assert reported(state, Progress(100, T1), 1).confirmed == Progress(100, T1)


def test_a_refused_value_is_replaced_by_the_confirmed_one() -> None:
    after = refused(KNOWN._replace(confirmed=HALF, revision=3, pending=DONE), DONE)
    assert after == KNOWN._replace(confirmed=HALF, revision=3)
    assert shown(after) == HALF


def test_a_value_above_a_refused_one_stays_pending() -> None:
    state = KNOWN._replace(confirmed=HALF, pending=DONE)
    assert refused(state, MOST) == state
    assert refused(KNOWN, MOST) == KNOWN


@pytest.mark.parametrize("revision", [None, 3, 4])
def test_a_reset_lowers_the_confirmed_value_and_leaves_what_is_pending(revision: int | None) -> None:
    state = KNOWN._replace(confirmed=HALF, revision=3, pending=MOST)
    after = reported(state, NO_PROGRESS, revision)
    assert (after.confirmed, after.pending) == (NO_PROGRESS, MOST)


def test_news_older_than_the_known_state_is_ignored() -> None:
    state = KNOWN._replace(confirmed=HALF, revision=3, pending=MOST)
    assert reported(state, DONE, 2) == state


@pytest.mark.parametrize("percent", [80, 90, 100])
def test_a_value_that_the_service_already_has_is_not_pending(percent: int) -> None:
    assert reported(KNOWN._replace(pending=MOST), Progress(percent, None), 1).pending is None


@given(STATES, PROGRESS, REVISION)
def test_receiving_news_twice_changes_nothing(state: State, progress: Progress, revision: int | None) -> None:
    after = reported(state, progress, revision)
    assert reported(after, progress, revision) == after


# Two players who turn out to be one, and a service that knows nothing


def test_the_earliest_unlock_of_two_devices_counts() -> None:
    early, late = KNOWN._replace(pending=reach(100, T1)), KNOWN._replace(pending=reach(100, T3))
    assert combined(early, late) == combined(late, early) == early


def test_the_services_later_value_counts_even_if_it_is_lower() -> None:
    old, new = KNOWN._replace(confirmed=DONE, revision=3), KNOWN._replace(confirmed=HALF, revision=4)
    assert combined(old, new) == combined(new, old) == new


def test_a_service_without_revisions_takes_nothing_back() -> None:
    one, other = KNOWN._replace(confirmed=HALF), KNOWN._replace(confirmed=MOST)
    assert combined(one, other) == combined(other, one) == other


def test_a_value_confirmed_for_one_is_not_pending_for_the_other() -> None:
    one, other = KNOWN._replace(confirmed=MOST, revision=1), KNOWN._replace(pending=HALF)
    assert combined(one, other) == combined(other, one) == one


@given(STATES, STATES)
def test_what_is_pending_for_either_is_kept(one: State, other: State) -> None:
    other = other._replace(known=one.known, secret=one.secret, secure=one.secure)
    both = combined(one, other)
    assert both == combined(other, one)
    for state in (one, other):
        if state.pending is not None:
            assert max(both.confirmed.percent, both.pending.percent if both.pending else 0) >= state.pending.percent


def test_an_earlier_unlock_of_one_of_two_players_who_are_one_stays_pending() -> None:
    early, late = Progress(100, 1_800_000_000_000_000), Progress(100, 1_800_000_025_000_000)
    shown = reported(State(pending=early, known=True), late, 3)
    assert shown.pending == early
    for other in (State(pending=Progress(7, None), known=True), State(known=True)):
        assert combined(shown, other) == combined(other, shown) == shown


@given(STATES)
def test_all_progress_is_pending_for_another_service(state: State) -> None:
    moved = unconfirmed(state)
    assert moved.confirmed == NO_PROGRESS
    assert moved.revision is None
    best = max(state.confirmed.percent, state.pending.percent if state.pending else 0)
    assert (moved.pending.percent if moved.pending else 0) == best
    assert unconfirmed(moved) == moved


def test_an_unlock_earlier_than_the_one_being_sent_stays_pending() -> None:
    pending = KNOWN._replace(pending=DONE)
    an_hour_later = Progress(100, T2 + 3_600_000_000)
    after = reported(pending, an_hour_later, 1)
    assert after.pending == DONE
    assert accepted(after, DONE, DONE, 2) == KNOWN._replace(confirmed=DONE, revision=2)
