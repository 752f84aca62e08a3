"""Snowflakes, Discord's ids: `int` in memory, decimal `str` in JSON."""

from __future__ import annotations

import re
from typing import TypeGuard

from .errors import shown

MAX_SNOWFLAKE = 2**63 - 1
DISCORD_EPOCH_MS = 1_420_070_400_000  # the first millisecond of 2015
LOW_BITS = 22
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


def make_snowflake(at_us: int, low_bits: int) -> int:
    """Return a new id for the time `at_us`; 22 `low_bits` distinguish the ids of one millisecond."""
    return (at_us // 1000 - DISCORD_EPOCH_MS) << LOW_BITS | low_bits & ((1 << LOW_BITS) - 1)
