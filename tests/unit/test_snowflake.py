from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from discord_achievements.domain.snowflake import (
    MAX_SNOWFLAKE,
    ClockError,
    format_snowflake,
    is_snowflake,
    make_snowflake,
    parse_snowflake,
)

IDS = [1, 461618159171141643, 580159119969878046, 2**63 - 1]
NOT_IDS: list[object] = [
    0,
    -1,
    2**63,
    2**64,
    True,
    False,
    1.0,
    float("nan"),
    None,
    "",
    " ",
    [],
    {},
    (1,),
    b"1",
]
NOT_SPELLED_IDS = ["0", "-1", "+1", "1.0", "1e3", "0x1", "1_0", " 1", "1\n", "@me", str(2**63), "9" * 5000]
OTHER_DIGITS = ["\N{ARABIC-INDIC DIGIT FIVE}", "\N{SUPERSCRIPT TWO}", "\N{FULLWIDTH DIGIT ONE}"]


@pytest.mark.parametrize("value", IDS)
def test_id(value: int) -> None:
    assert is_snowflake(value)
    assert parse_snowflake(value) == value
    assert parse_snowflake(str(value)) == value


@pytest.mark.parametrize("value", [*NOT_IDS, *NOT_SPELLED_IDS, *OTHER_DIGITS])
def test_not_an_id(value: object) -> None:
    assert not is_snowflake(value)
    with pytest.raises(ValueError, match=f"expected .* {MAX_SNOWFLAKE}"):
        parse_snowflake(value)


def test_a_string_is_not_an_id_until_it_is_parsed() -> None:
    assert not is_snowflake("580159119969878046")


@given(st.integers(1, 2**63 - 1))
def test_id_survives_json(value: int) -> None:
    text = format_snowflake(value)
    assert text.isascii()
    assert text.isdigit()
    assert parse_snowflake(text) == value


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_parsing_gives_an_id_or_a_value_error(value: object) -> None:
    try:
        parsed = parse_snowflake(value)
    except ValueError:
        return
    assert is_snowflake(parsed)


def test_a_refused_value_is_shown_shortened() -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse_snowflake("x" * 10_000)
    assert len(str(caught.value)) < 200


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


FIRST_US, END_US = us(datetime(2015, 1, 1, tzinfo=UTC)), us(datetime(2151, 1, 1, tzinfo=UTC))


def test_an_id_is_made_of_the_time() -> None:
    assert make_snowflake(1_462_015_105_796_000, 7 << 5 | 7) >> 22 == 41_944_705_796, "Discord's own example"
    assert make_snowflake(1_462_015_105_796_000, 2**64 - 1) & (2**22 - 1) == 2**22 - 1


@given(st.integers(FIRST_US, END_US - 1), st.integers(0, 2**64))
@example(FIRST_US, 0)
@example(us(datetime(2084, 9, 6, 15, 47, 35, 551999, tzinfo=UTC)), 2**22 - 1)  # the last moment of 41 bits
@example(us(datetime(2084, 9, 6, 15, 47, 35, 552000, tzinfo=UTC)), 0)
@example(END_US - 1, 2**22 - 1)
def test_whatever_is_made_is_an_id(at_us: int, low_bits: int) -> None:
    assert is_snowflake(make_snowflake(at_us, low_bits))


@pytest.mark.parametrize(
    ("at_us", "shown"),
    [
        (0, "1970-01-01 00:00:00 UTC"),
        (FIRST_US - 1, "2014-12-31 23:59:59 UTC"),
        (END_US, "2151-01-01 00:00:00 UTC"),
        (-(2**80), "1208925819614629174 s before 1970"),
        (2**80, "1208925819614629174 s after 1970"),
    ],
)
def test_a_clock_that_must_be_wrong_makes_no_id(at_us: int, shown: str) -> None:
    with pytest.raises(ClockError) as caught:
        make_snowflake(at_us, 1)
    for words in (f"clock says {shown}", "2015 to 2150", "set the clock"):
        assert words in str(caught.value)
