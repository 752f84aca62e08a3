"""Warnings about calls that can never succeed, since a game that passes no callback never sees their `Result`."""

from __future__ import annotations

from collections.abc import Callable

from ..domain.catalogue import Catalogue
from ..domain.errors import shown
from ..domain.result import Result
from ..domain.snowflake import is_snowflake
from .messages import Mistake

_WARNINGS_MAX = 50  # ids may be computed, and a mistake in that must not fill the log


class WrongCalls:
    """Has the worker log a warning, once for each achievement and mistake: logging itself takes locks and files.

    **Thread**: the game's.
    """

    def __init__(self, catalogue: Catalogue | None, post: Callable[[object], None]) -> None:
        self._post = post
        self._source = "the catalogue" if catalogue is None else catalogue.source
        entries = () if catalogue is None else catalogue.entries
        self._ids = {entry.key: entry.achievement.id for entry in entries if entry.key is not None}
        self._given: set[tuple[str, str]] = set()

    def id_hint(self, achievement_id: object) -> str | None:
        """Return what is wrong with an id of the wrong kind, None for an integer in the range of ids."""
        if is_snowflake(achievement_id):
            return None
        if isinstance(achievement_id, str) and achievement_id in self._ids:
            return f"that is a key; calls take its id, {self._ids[achievement_id]}"
        if isinstance(achievement_id, str) and achievement_id.isdecimal():
            return "an id is an int: pass it without quotes"
        return "expected an int from 1 to 2**63-1"

    def invalid_set(self, achievement_id: object, percent_complete: object) -> None:
        """Warn of a set with an id or a percentage that no achievement can have."""
        said = shown(achievement_id)
        if is_snowflake(achievement_id):
            wrong = "percent_complete must be an int from 0 to 100, such as min(100, 100 * n // goal)"
            self._warn("percent", said, f"set_user_achievement({said}, {shown(percent_complete)}): {wrong}")
            return
        self._warn("id", said, f"set_user_achievement({said}): {self.id_hint(achievement_id)}")

    def refused_set(self, achievement_id: int, result: Result) -> None:
        """Warn of a set that local mode refuses: its id is not in the catalogue, or is secure there."""
        if result is Result.NOT_FOUND:
            why = f"{self._source} has no achievement with this id"
        else:
            why = "it is secure: only a game's server can grant it, and there is none in local mode"
        said = shown(achievement_id)
        self._warn(result.name, said, f"set_user_achievement({said}): {why} ({result.name})")

    def key_as_id(self, verb: str, achievement_id: object) -> None:
        """Warn of something else than an id that was passed to a getter which raises nothing."""
        hint = self.id_hint(achievement_id)
        if hint is not None:
            self._warn(verb, shown(achievement_id), f"{verb}({shown(achievement_id)}): {hint}")

    def _warn(self, kind: str, said: str, message: str) -> None:
        if (kind, said) not in self._given and len(self._given) < _WARNINGS_MAX:
            self._given.add((kind, said))
            self._post(Mistake(message))
