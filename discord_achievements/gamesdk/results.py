"""Converts a manager's `Result` to another spelling, for callbacks and for the exceptions of getters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeVar

from ..domain.errors import DiscordAchievementsError, ResultError

R = TypeVar("R", bound=IntEnum)


class DiscordException(DiscordAchievementsError):
    """The root of the exceptions that are named after a `Result`."""


def exceptions_by_result(results: type[R]) -> dict[R, type[DiscordException]]:
    """Return an exception class for each member of a `Result`, with the member's name."""
    named = {"__module__": results.__module__}
    return {result: type(result.name, (DiscordException,), named) for result in results}


def respelt(results: type[R], callback: Callable[[R], object] | None) -> Callable[[int], object] | None:
    """Return a callback that passes a result on to `callback`, in the spelling `results`. Raises `TypeError`."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback must be a function or None, got {callback!r:.60}")
    return lambda result: callback(results(result))


def named(exceptions: Mapping[R, type[DiscordException]], error: ResultError) -> DiscordException:
    """Return `error` as the exception named after its result."""
    kind = next(kind for result, kind in exceptions.items() if result == error.result)
    return kind(f"result {error.result:d}: {error}")
