from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.snowflake import (
    MAX_SNOWFLAKE,
    format_snowflake,
    is_snowflake,
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
