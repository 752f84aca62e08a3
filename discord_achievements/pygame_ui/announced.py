"""Remembers which unlocks a player has been shown, in a file next to the progress."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from .background import Background

_log = logging.getLogger("discord_achievements")
_FILE = "announced.json"
_MAX_CHARACTERS = 4_000_000
_LOCAL = 0
_RETRY_S = 5.0
Players = dict[int, set[int]]


class Announced:
    """The achievements that have been announced, for each player on this machine.

    The file is read in the constructor and replaced on the background thread after each change; what another process
    of the game has announced meanwhile is kept. A write that fails is repeated after `retry_s` seconds. Nothing about a
    player is written before the player is `known` or `settle` is called, since with half of the list old unlocks would
    look new.

    **Blocks**: the constructor, to read a small file.
    """

    def __init__(self, folder: Path, background: Background, *, retry_s: float = _RETRY_S) -> None:
        self._path = folder / _FILE
        self._background = background
        background.settle()  # an earlier manager may still be writing the file
        self._retry_s = self._retry_in_s = retry_s
        self._has_failed = False
        self._failure_logged = False
        try:
            self._players = self._usable()
        except OSError as exc:
            _log.warning("%s cannot be read (%s); it is read again before it is written", self._path, exc)
            self._players = {}
        self._unsettled: Players = {}
        self._nameless: set[int] = set()  # shown in this run before the service said who plays
        self._is_queued = False

    @property
    def is_saved(self) -> bool:
        """Whether everything is in the file."""
        return not (self._is_queued or self._has_failed)

    def advance(self, dt_s: float) -> None:
        """Let time pass, and repeat a write that has failed when that is due."""
        if self._has_failed:
            self._retry_in_s -= dt_s
            if self._retry_in_s <= 0:
                self.close()

    def close(self) -> None:
        """Repeat a write that has failed, once."""
        if self._has_failed:
            self._retry_in_s = self._retry_s
            self._save()

    def known(self, user_id: int) -> bool:
        """Return whether the file covers a player."""
        if user_id not in self._players and self._players.keys() == {_LOCAL}:
            # Progress made before signing in goes to the first player who signs in; so does what was shown of it.
            self._players[user_id] = set(self._players[_LOCAL])
        is_known = user_id in self._players
        if user_id != _LOCAL and self._nameless:
            (self._players if is_known else self._unsettled).setdefault(user_id, set()).update(self._nameless)
            self._nameless.clear()
            self._unsettled.pop(_LOCAL, None)
            if is_known:
                self._save()
        return is_known

    def has(self, user_id: int, achievement_id: int) -> bool:
        """Return whether an unlock has been announced to a player."""
        players = self._players if self.known(user_id) else self._unsettled
        return achievement_id in players.get(user_id, ())

    def add(self, user_id: int, achievement_id: int) -> None:
        """Record an unlock as announced."""
        if user_id == _LOCAL:
            self._nameless.add(achievement_id)
        if self.known(user_id):
            self._players[user_id].add(achievement_id)
            self._save()
        else:
            self._unsettled.setdefault(user_id, set()).add(achievement_id)

    def settle(self, user_id: int, achievement_ids: Iterable[int]) -> None:
        """Make a player `known`; `achievement_ids` and those added so far count as announced."""
        self._players[user_id] = self._unsettled.pop(user_id, set()).union(achievement_ids)
        self._save()

    def _save(self) -> None:
        if not self._is_queued:
            self._is_queued = True
            self._background.run("remembering which achievements were announced", self._write)

    def _write(self) -> None:
        self._has_failed = True
        self._is_queued = False  # ids that are added from here on are written next time
        try:
            merged = self._usable()
            for user_id, ids in self._players.copy().items():
                merged.setdefault(user_id, set()).update(ids.copy())
            text = json.dumps({"version": 1, "players": {str(user_id): sorted(ids) for user_id, ids in merged.items()}})
            part = self._path.with_name(f"{_FILE}.{os.getpid()}.part")
            part.write_text(text, encoding="utf-8")
            os.replace(part, self._path)
        except OSError as exc:
            if not self._failure_logged:
                self._failure_logged = True
                _log.warning("which achievements were announced cannot be stored (%s); it will be tried again", exc)
            return
        self._has_failed = self._failure_logged = False

    def _usable(self) -> Players:
        """Return what the file has. Raises `OSError` if that cannot be known now."""
        try:
            return _read(self._path)
        except FileNotFoundError:
            return {}
        except ValueError as exc:
            _log.warning("%s cannot be read (%s); a new one is started", self._path, exc)
            return {}


def _read(path: Path) -> Players:
    with path.open(encoding="utf-8") as file:
        kept = json.loads(file.read(_MAX_CHARACTERS))
    try:
        return {int(user_id): {int(one) for one in ids} for user_id, ids in kept["players"].items()}
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"expected lists of ids: {exc!r}") from exc
