"""What the log says of a call that can never succeed: a `Result` is only heard by a game that passes a callback."""

from __future__ import annotations

from collections.abc import Callable

from ..domain.catalogue import Catalogue
from ..domain.errors import shown
from ..domain.result import Result
from ..domain.snowflake import is_snowflake
from .messages import Mistake

_WARNINGS_MAX = 50  # ids may be computed: a mistake in that must not fill the log


class WrongCalls:
    """Has the worker warn, once for each achievement and kind of mistake: writing a log takes locks and files.

    **Thread**: the game's.
    """

    def __init__(self, catalogue: Catalogue | None, tell_worker: Callable[[object], None]) -> None:
        self._tell_worker = tell_worker
        self._source = "the catalogue" if catalogue is None else catalogue.source
        entries = () if catalogue is None else catalogue.entries
        self._ids = {entry.key: entry.achievement.id for entry in entries if entry.key is not None}
        self._told: set[tuple[str, str]] = set()

    def key_hint(self, achievement_id: object) -> str | None:
        """Return what to say of a key of the catalogue in the place of an id; None for anything else."""
        if not isinstance(achievement_id, str) or achievement_id not in self._ids:
            return None
        return f"that is a key; calls take its id, {self._ids[achievement_id]}"

    def invalid_set(self, achievement_id: object, percent_complete: object) -> None:
        """A set has an id or a percentage that no achievement can have."""
        said = shown(achievement_id)
        if is_snowflake(achievement_id):
            wrong = "percent_complete has to be an int from 0 to 100: min(100, 100 * n // goal)"
            self._warn("percent", said, f"set_user_achievement({said}, {shown(percent_complete)}): {wrong}")
            return
        wrong = self.key_hint(achievement_id) or "achievement_id has to be an int from 1 to 2^63-1"
        self._warn("id", said, f"set_user_achievement({said}): {wrong}")

    def refused_set(self, achievement_id: int, result: Result) -> None:
        """A set is refused without a service: the catalogue does not have the id, or says that it is secure."""
        if result is Result.NOT_FOUND:
            why = f"{self._source} has no achievement with this id"
        else:
            why = "it is secure: only a game's server can grant it, and there is none in local mode"
        said = shown(achievement_id)
        self._warn(result.name, said, f"set_user_achievement({said}): {why} ({result.name})")

    def key_as_id(self, verb: str, achievement_id: object) -> None:
        """A getter that raises nothing was given something; warn if it is a key."""
        hint = self.key_hint(achievement_id)
        if hint is not None:
            self._warn(verb, shown(achievement_id), f"{verb}({shown(achievement_id)}): {hint}")

    def _warn(self, kind: str, said: str, message: str) -> None:
        if (kind, said) not in self._told and len(self._told) < _WARNINGS_MAX:
            self._told.add((kind, said))
            self._tell_worker(Mistake(message))
