from __future__ import annotations

import re

import pytest

from discord_achievements.domain import errors
from discord_achievements.domain.errors import (
    ApiError,
    CatalogueError,
    ConfigurationError,
    DiscordAchievementsError,
    ErrorCode,
    ResultError,
    TransportError,
    WireError,
    field_error,
)
from discord_achievements.domain.result import Result
from discord_achievements.gamesdk.results import DiscordException

# Every error answer that the protocol names, as (HTTP status, JSON code).
DOCUMENTED = {
    (401, 0),
    (404, 0),
    (405, 0),
    (404, 10002),
    (404, 10013),
    (403, 20001),
    (403, 20012),
    (413, 40005),
    (415, 0),
    (403, 50001),
    (403, 50025),
    (400, 50035),
    (400, 50041),
    (400, 50109),
    (404, 990001),
    (400, 990002),
    (408, 0),
    (500, 0),
    (503, 0),
}


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("no"),
        CatalogueError("a.toml", ["no"]),
        ResultError(Result.NOT_FOUND, "no"),
        TransportError("no"),
        WireError("no"),
        ApiError(500, 0, "no"),
    ],
)
def test_one_except_clause_catches_all(error: Exception) -> None:
    assert isinstance(error, DiscordAchievementsError)


def test_mistakes_of_the_author_are_value_errors() -> None:
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(CatalogueError, ValueError)


def test_catalogue_error_lists_every_mistake_on_a_line() -> None:
    error = CatalogueError("achievements.toml", ["id is 0", "name is missing"])
    assert error.problems == ("id is 0", "name is missing")
    heading, *lines = str(error).splitlines()
    assert "achievements.toml" in heading
    assert [line.strip() for line in lines] == ["id is 0", "name is missing"]


def test_result_error_carries_the_result() -> None:
    error = ResultError(Result.NOT_FETCHED, "fetch first")
    assert error.result is Result.NOT_FETCHED
    assert str(error) == "fetch first"


def test_error_codes_are_the_documented_ones() -> None:
    assert {(known.status, known.code) for known in ErrorCode} == DOCUMENTED
    assert ErrorCode.INVALID_API_VERSION.message == "Invalid API version provided"


@pytest.mark.parametrize("known", ErrorCode)
def test_api_error_is_data(known: ErrorCode) -> None:
    error = ApiError.of(known)
    assert (error.status, error.code, error.message) == (known.status, known.code, known.message)
    assert (error.errors, error.retry_after_s) == (None, None)
    for part in (known.status, known.code, known.message):
        assert str(part) in str(error)


def test_field_error_names_the_field() -> None:
    error = field_error(("name", "default"), "BASE_TYPE_REQUIRED", "This field is required")
    assert (error.status, error.code) == (400, 50035)
    assert error.errors == {
        "name": {"default": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]}}
    }


def subclasses(kind: type[Exception]) -> set[str]:
    return {one.__name__ for one in kind.__subclasses__()}.union(*map(subclasses, kind.__subclasses__()))


def test_the_tree_has_every_exception_of_the_package() -> None:
    import discord_achievements.client.worker.session
    import discord_achievements.gamesdk.discord
    import discord_achievements.server.settings
    import discord_achievements.server.stores.base  # noqa: F401

    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    named_after_results = subclasses(DiscordException)
    assert drawn == subclasses(DiscordAchievementsError) - named_after_results
