from __future__ import annotations

import json
import logging
from enum import IntEnum
from pathlib import Path

from discord_achievements.domain.result import Result

DATA = Path(__file__).parents[1] / "data"
GAMESDK: dict[str, int] = json.loads((DATA / "gamesdk_results.json").read_text(encoding="utf-8"))["values"]

# The one name whose capitals do not start words.
IRREGULAR = {"OAuth2Error": "OAUTH2_ERROR"}


def upper_case(name: str) -> str:
    """Spell a C# member's name as a Python constant: NotFetched becomes NOT_FETCHED."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in name).split()
    return IRREGULAR.get(name, "_".join(words).upper())


def test_members_are_the_gamesdks() -> None:
    assert {member.name: member.value for member in Result} == {
        upper_case(name): number for name, number in GAMESDK.items()
    }


def test_old_numbers_continue_to_work() -> None:
    assert issubclass(Result, IntEnum)
    assert Result(40) is Result.UNAUTHORIZED_FOR_ACHIEVEMENT
    number: int = Result.OK
    assert number == 0


def test_a_result_prints_as_its_name_and_stays_a_number() -> None:
    result = Result.NOT_FOUND
    assert (str(result), f"{result}", f"{result:>10}") == ("NOT_FOUND", "NOT_FOUND", " NOT_FOUND")
    assert (f"{result:d}", f"{result:03d}", result + 1, json.dumps(result)) == ("9", "009", 10, "9")
    assert logging.LogRecord("", 0, "", 0, "%s is %d", (result, result), None).getMessage() == "NOT_FOUND is 9"
    assert repr(result) == "<Result.NOT_FOUND: 9>"
