from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.progress import (
    NO_PROGRESS,
    Progress,
    is_percent,
    merge,
    reach,
    seconds_since_unlock,
    unlocked_at_from_age,
)

SECOND_US = 1_000_000
FORTNIGHT_US = 14 * 24 * 3600 * SECOND_US
NOW_US = 1_700_000_000 * SECOND_US

TIMES = st.integers(0, 4_000_000_000 * SECOND_US)
PERCENTS = st.integers(0, 100)
UPDATES = st.tuples(PERCENTS, TIMES)
PROGRESS = st.builds(reach, PERCENTS, TIMES)


@pytest.mark.parametrize("value", [0, 1, 25, 99, 100])
def test_percent(value: int) -> None:
    assert is_percent(value)


@pytest.mark.parametrize("value", [-1, 101, 255, 2**64, True, False, 25.0, "25", None, [25]])
def test_not_a_percent(value: object) -> None:
    assert not is_percent(value)


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, Progress(0, None)), (99, Progress(99, None)), (100, Progress(100, NOW_US))],
)
def test_only_a_hundred_unlocks(percent: int, expected: Progress) -> None:
    assert reach(percent, NOW_US) == expected


@pytest.mark.parametrize(
    ("stored", "sent", "expected"),
    [
        (NO_PROGRESS, reach(0, 7), NO_PROGRESS),
        (NO_PROGRESS, reach(25, 7), Progress(25, None)),
        (reach(25, 7), reach(24, 8), Progress(25, None)),
        (reach(25, 7), reach(25, 8), Progress(25, None)),
        (reach(99, 7), reach(100, 8), Progress(100, 8)),
        (reach(100, 8), reach(100, 9), Progress(100, 8)),
        (reach(100, 8), reach(0, 9), Progress(100, 8)),
        (reach(100, 8), reach(100, 7), Progress(100, 7)),
    ],
)
def test_merge(stored: Progress, sent: Progress, expected: Progress) -> None:
    assert merge(stored, sent) == expected


@given(PROGRESS)
def test_merge_is_idempotent(a: Progress) -> None:
    assert merge(a, a) == a


@given(PROGRESS, PROGRESS)
def test_merge_is_commutative(a: Progress, b: Progress) -> None:
    assert merge(a, b) == merge(b, a)


@given(PROGRESS, PROGRESS, PROGRESS)
def test_merge_is_associative(a: Progress, b: Progress, c: Progress) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(PROGRESS)
def test_no_progress_adds_nothing(a: Progress) -> None:
    assert merge(NO_PROGRESS, a) == a


@given(PROGRESS, PROGRESS)
def test_progress_never_falls_and_an_unlock_never_moves_later(stored: Progress, sent: Progress) -> None:
    merged = merge(stored, sent)
    assert merged.percent >= stored.percent
    if stored.unlocked_at_us is not None:
        assert merged.unlocked_at_us is not None
        assert merged.unlocked_at_us <= stored.unlocked_at_us


@given(PROGRESS, UPDATES)
def test_a_later_update_that_is_not_higher_changes_nothing(stored: Progress, update: tuple[int, int]) -> None:
    percent, at_us = update
    later_us = max(at_us, stored.unlocked_at_us or 0)
    assert merge(stored, reach(min(percent, stored.percent), later_us)) == stored


@given(st.lists(UPDATES).flatmap(lambda updates: st.tuples(st.just(updates), st.permutations(updates))))
def test_order_and_repetition_do_not_matter(
    case: tuple[list[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    updates, other_order = case
    merged = reduce(merge, (reach(*update) for update in updates), NO_PROGRESS)
    assert merged == reduce(merge, (reach(*update) for update in [*other_order, *updates]), NO_PROGRESS)
    assert merged.percent == max((percent for percent, _ in updates), default=0)
    unlocks_us = [at_us for percent, at_us in updates if percent == 100]
    assert merged.unlocked_at_us == min(unlocks_us, default=None)


@pytest.mark.parametrize(
    ("age_us", "expected_s"),
    [(0, 0), (SECOND_US - 1, 0), (SECOND_US, 1), (90 * SECOND_US, 90), (-5 * SECOND_US, 0)],
)
def test_seconds_since_unlock(age_us: int, expected_s: int) -> None:
    assert seconds_since_unlock(NOW_US - age_us, NOW_US) == expected_s


@pytest.mark.parametrize(
    ("age_s", "expected_us"),
    [
        (0, NOW_US),
        (90, NOW_US - 90 * SECOND_US),
        (0.5, NOW_US - SECOND_US // 2),
        (14 * 24 * 3600, NOW_US - FORTNIGHT_US),
        (14 * 24 * 3600 + 1, NOW_US - FORTNIGHT_US),
        (1e300, NOW_US - FORTNIGHT_US),
        (float("inf"), NOW_US - FORTNIGHT_US),
        (-1, NOW_US),
        (float("-inf"), NOW_US),
    ],
)
def test_age_is_clamped_to_fourteen_days(age_s: float, expected_us: int) -> None:
    assert unlocked_at_from_age(age_s, NOW_US) == expected_us


@given(st.integers(0, FORTNIGHT_US), st.integers(0, 3600 * SECOND_US))
def test_a_late_unlock_keeps_its_time_even_if_the_two_clocks_differ(age_us: int, clock_error_us: int) -> None:
    unlocked_at_us = NOW_US - age_us
    services_now_us = NOW_US + clock_error_us
    received = unlocked_at_from_age(seconds_since_unlock(unlocked_at_us, NOW_US), services_now_us)
    assert 0 <= received - (unlocked_at_us + clock_error_us) < SECOND_US
