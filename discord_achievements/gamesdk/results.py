"""Converts a manager's `Result` to another spelling, for callbacks and for the exceptions of getters."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeVar

from ..domain.errors import DiscordAchievementsError, ResultError

R = TypeVar("R", bound=IntEnum)
_VERBS = re.compile(
    r"\b(?:set_user_achievement|fetch_user_achievements|count_user_achievements|get_user_achievement(?:_at)?"
    r"|on_user_achievement_update|run_callbacks|set_log_hook)\b"
)


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


def named(
    exceptions: Mapping[R, type[DiscordException]], error: ResultError, spell: Callable[[str], str] = str
) -> DiscordException:
    """Return `error` as the exception named after its result, its message as `spell` returns it."""
    kind = next(kind for result, kind in exceptions.items() if result == error.result)
    return kind(f"result {error.result:d}: {spell(str(error))}")


def in_pascal_case(text: str) -> str:
    """Return a message with the manager's verbs in the C#-like spelling: `run_callbacks()` is `RunCallbacks()`."""
    return _VERBS.sub(lambda found: "".join(word.capitalize() for word in found[0].split("_")), text)


def log_in_pascal_case(record: logging.LogRecord) -> bool:
    """Spell a message of the log that way; a filter that lets everything through."""
    record.msg = in_pascal_case(str(record.msg))
    if isinstance(record.args, tuple):
        record.args = tuple(in_pascal_case(one) if isinstance(one, str) else one for one in record.args)
    return True
