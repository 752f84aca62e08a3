"""The age of an unlock, whatever the wall clock does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from discord_achievements.client.clock import SystemClock
from discord_achievements.client.unlock_age import UnlockAges
from discord_achievements.domain.progress import Progress, seconds_since_unlock
from discord_achievements.testing import ManualClock

DAY_S = 24 * 3600.0
ID = 7


def age_s(ages: UnlockAges, progress: Progress) -> int:
    assert progress.unlocked_at_us is not None
    return seconds_since_unlock(progress.unlocked_at_us, ages.sent_at_us(ID, progress))


@pytest.mark.parametrize("jump_s", [0.0, -3600.0, 3600.0, 53 * 365 * DAY_S, -40 * 365 * DAY_S])
def test_in_one_run_the_age_is_that_of_the_monotonic_clock(jump_s: float) -> None:
    clock = ManualClock()
    ages = UnlockAges(clock)
    unlocked = Progress(100, clock.at_us())
    ages.note(ID, unlocked, clock.at_us())
    clock.advance(100)
    clock.jump_wall_clock(jump_s)
    ages.note(ID, unlocked, clock.at_us())  # set again, which changes nothing
    clock.advance(20)
    assert age_s(ages, unlocked) == 120
    assert ages.is_measured(ID, unlocked)


def test_of_another_run_it_is_that_of_the_wall_clock() -> None:
    clock = ManualClock()
    ages = UnlockAges(clock)
    unlocked = Progress(100, clock.at_us() - 50_000_000)
    assert age_s(ages, unlocked) == 50
    assert not ages.is_measured(ID, unlocked)


def test_an_impossible_time_of_another_run_says_nothing() -> None:
    ages = UnlockAges(ManualClock())
    assert age_s(ages, Progress(100, 600_000_000)) == 0


def test_an_age_that_no_service_accepts_is_not_certain() -> None:
    clock = ManualClock(at=datetime(2024, 1, 1, tzinfo=UTC))
    ages = UnlockAges(clock)
    unlocked = Progress(100, clock.at_us())
    ages.note(ID, unlocked, clock.at_us())
    clock.advance(14 * DAY_S)
    assert not ages.is_measured(ID, unlocked)
    assert age_s(ages, unlocked) == 14 * DAY_S


def test_progress_short_of_an_unlock_has_no_age() -> None:
    clock = ManualClock()
    ages = UnlockAges(clock)
    ages.note(ID, Progress(50, None), 0)
    assert not ages.is_measured(ID, Progress(50, None))
    assert ages.sent_at_us(ID, Progress(50, None)) == clock.at_us()


def test_the_machines_clock_never_goes_back() -> None:
    clock = SystemClock()
    seen = [clock.now() for _ in range(1000)]
    assert seen == sorted(seen)
