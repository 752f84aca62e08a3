"""Snowflakes, Discord's ids: `int` in memory, decimal `str` in JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

from .errors import DiscordAchievementsError, shown

MAX_SNOWFLAKE = 2**63 - 1
DISCORD_EPOCH_MS = 1_420_070_400_000  # the first millisecond of 2015
LOW_BITS = 22
_TIME_BITS = 41  # what a positive 64-bit integer leaves
_YEARS = (2015, 2150)  # in which Discord's own ids, which have no sign, may have been made
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US, _END_US = (
    (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) for year in (_YEARS[0], _YEARS[1] + 1)
)
_DIGITS = re.compile("[1-9][0-9]{0,18}")  # at most as many as the greatest has


def is_snowflake(value: object) -> TypeGuard[int]:
    """Return whether `value` is an id: an int (not a bool) from 1 to 2**63-1."""
    # `is not True`, since True is the int 1; a second isinstance() would cost a set a tenth of its time.
    return isinstance(value, int) and value is not True and 1 <= value <= MAX_SNOWFLAKE


def parse_snowflake(value: object) -> int:
    """Return the id in `value`, a decimal string or an int. Raises `ValueError` for anything else.

    A string with a leading zero is not an id: there is only one spelling.
    """
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if is_snowflake(value):
        return value
    raise ValueError(f"expected an id, an integer from 1 to {MAX_SNOWFLAKE}, got {shown(value)}")


def format_snowflake(value: int) -> str:
    """Return an id as JSON has it, a decimal string."""
    return str(value)


class ClockError(DiscordAchievementsError):
    """The clock is obviously wrong, so no id can be made of its time."""

    def __init__(self, at_us: int) -> None:
        super().__init__(
            f"the clock says {_shown_time(at_us)}, and ids are made of times from {_YEARS[0]} to {_YEARS[1]} only; set"
            " the clock of the machine on which this runs"
        )


def check_clock(at_us: int) -> None:
    """Raise `ClockError` unless an id can be made at `at_us`."""
    if not _FIRST_US <= at_us < _END_US:
        raise ClockError(at_us)


def make_snowflake(at_us: int, low_bits: int) -> int:
    """Return a new id for the time `at_us`; 22 `low_bits` distinguish the ids of one millisecond.

    Raises `ClockError` for a time outside of 2015 to 2150. From September 2084 on, the highest bit of the time is left
    out: the id is as unique, but its time reads as 70 years earlier.
    """
    check_clock(at_us)
    time = (at_us // 1000 - DISCORD_EPOCH_MS) % (1 << _TIME_BITS)
    return time << LOW_BITS | low_bits % (1 << LOW_BITS) or 1  # 0 is no id


def _shown_time(at_us: int) -> str:
    try:
        return f"{_EPOCH + timedelta(microseconds=at_us):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{abs(at_us) // 1_000_000} s {'before' if at_us < 0 else 'after'} 1970"
