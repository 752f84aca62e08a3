"""The progress rule: progress only rises, and the first unlock time stays.

Client and service apply this one rule, so neither order nor repetition of updates matters: `merge` is commutative,
associative and idempotent. No other module compares two percents to see which one wins, except the loop of
`Callbacks.run`, which has no time for a call.
"""

from __future__ import annotations

from typing import NamedTuple

COMPLETE = 100
MAX_SECONDS_SINCE_UNLOCK = 14 * 24 * 3600
EARLIEST_UNLOCK_US = 1_420_070_400_000_000
"""The first moment of 2015, with which ids begin: an earlier time is that of a clock which had not been set."""

_US = 1_000_000


class Progress(NamedTuple):
    """How far a player is: `percent` 0 to 100, `unlocked_at_us` microseconds since the epoch, None while locked."""

    percent: int
    unlocked_at_us: int | None


NO_PROGRESS = Progress(0, None)


def is_percent(value: object) -> bool:
    """Return whether `value` is an integer from 0 to 100; a bool or a float is not."""
    return isinstance(value, int) and value is not True and value is not False and 0 <= value <= COMPLETE


def reach(percent: int, at_us: int) -> Progress:
    """Return the progress of a player who is at `percent` at the time `at_us`."""
    return Progress(percent, at_us if percent == COMPLETE else None)


def is_news(percent: int, known_percent: int) -> bool:
    """Return whether `percent` says anything to somebody who knows of `known_percent`: only a higher value does."""
    return percent > known_percent


def further(before: Progress | None, new: Progress) -> Progress:
    """Return the progress after `before`, then `new`; an unlock keeps its first time.

    This is for one player's calls in their order, whatever the clock does meanwhile. Where the order is unknown, as
    between two devices, `merge` keeps the earliest time.
    """
    return new if before is None or is_news(new.percent, before.percent) else before


def merge(a: Progress, b: Progress) -> Progress:
    """Return what holds if both are true: the higher percent and the earlier unlock."""
    if a.unlocked_at_us is None or b.unlocked_at_us is None:
        unlocked_at_us = a.unlocked_at_us if b.unlocked_at_us is None else b.unlocked_at_us
    else:
        unlocked_at_us = min(a.unlocked_at_us, b.unlocked_at_us)
    return Progress(max(a.percent, b.percent), unlocked_at_us)


def seconds_since_unlock(unlocked_at_us: int, at_us: int) -> int:
    """Return the age of an unlock in whole seconds, 0 or more, as an update request carries it."""
    return max(0, (at_us - unlocked_at_us) // _US)


def unlocked_at_from_age(age_s: float, at_us: int) -> int:
    """Return when an unlock happened that a client reports as `age_s` seconds old, clamped to 0 to 14 days."""
    return at_us - int(min(max(age_s, 0), MAX_SECONDS_SINCE_UNLOCK) * _US)


def receive(before: Progress, percent: int, age_s: float, at_us: int) -> Progress:
    """Return what a service holds after an update that arrived at `at_us` with an unlock `age_s` seconds old.

    A known unlock keeps its time unless the update reports an earlier one, so two devices that unlock at the same
    moment do not move it.
    """
    if not age_s and before.unlocked_at_us is not None:
        at_us = max(at_us, before.unlocked_at_us)
    return merge(before, reach(percent, unlocked_at_from_age(age_s, at_us)))
