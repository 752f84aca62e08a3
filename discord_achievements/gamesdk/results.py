"""A manager's `Result` in another spelling: what callbacks are told, what getters raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeVar

from ..domain.errors import DiscordAchievementsError, ResultError

R = TypeVar("R", bound=IntEnum)


class DiscordException(DiscordAchievementsError):
    """The root of the exceptions that are named after a `Result`."""


def exceptions_by_result(results: type[R]) -> dict[R, type[DiscordException]]:
    """Return an exception class for each member of a spelling's `Result`, with its name."""
    named = {"__module__": results.__module__}
    return {result: type(result.name, (DiscordException,), named) for result in results}


def told(results: type[R], callback: Callable[[R], object] | None) -> Callable[[int], object] | None:
    """Return what passes a result on to `callback`, in the spelling `results`. Raises `TypeError`."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback is {callback!r:.60}, which cannot be called")
    return lambda result: callback(results(result))


def named(exceptions: Mapping[R, type[DiscordException]], error: ResultError) -> DiscordException:
    """Return `error` as the exception that has the name of its result."""
    kind = next(kind for result, kind in exceptions.items() if result == error.result)
    return kind(f"result {error.result:d}: {error}")
