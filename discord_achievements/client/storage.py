"""The data folder: opens cache and journal, takes over what a crash left, and goes on in memory where it must."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from itertools import count, groupby
from pathlib import Path
from typing import TypeVar

from ..domain.models import Achievement
from ..domain.progress import Progress, reach
from . import journal as journals
from .cache import SLICE, Cache, definition_row
from .journal import Entry, Journal
from .state import State, reached

_log = logging.getLogger("discord_achievements")
_CACHE = "achievements.sqlite3"
_SERVICE, _ANSWERED = "service", "answered"
_BUSY_TRIES = 3
T = TypeVar("T")


class Storage:
    """One manager's files.

    `error` says what is wrong with them, None while all is well. Whatever is wrong, the methods keep working: in
    memory, with the journal, if there is one, kept for the next start.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error: str | None = None
        self.durable = True
        self.cache = self._open_cache()
        self.journal = self._open_journal()
        self.run = self.journal.nonce if self.journal else secrets.token_bytes(journals.NONCE_BYTES)
        self._fold_orphans()

    def change(self, what: Callable[[], T]) -> T:
        """Do `what` to the cache, all of it or nothing, and return what it returns.

        A cache that cannot be written any more is replaced by a copy in memory, and `what` is done to that; so it
        has to look up `self.cache` when it is called, and may be called more than once.
        """
        for attempt in count(1):
            try:
                with self.cache.transaction():
                    return what()
            except sqlite3.Error as exc:
                if not self.durable:
                    raise
                if _is_busy(exc) and attempt < _BUSY_TRIES:
                    continue
                self._go_on_in_memory(exc)
        raise AssertionError("count() does not end")

    def record(self, player_id: int, sets: dict[int, Progress]) -> dict[int, State]:
        """Store what a player has reached, inside `change`; return the states that follow."""
        states: dict[int, State] = {}
        ids = list(sets)
        for start in range(0, len(ids), SLICE):
            before = self.cache.states(player_id, ids[start : start + SLICE])
            after = {id_: reached(state, sets[id_]) for id_, state in before.items()}
            self.cache.write_states(player_id, {id_: s for id_, s in after.items() if s != before[id_]})
            states |= after
        return states

    def unless_new(self, player_id: int, sets: dict[int, Progress]) -> dict[int, State] | None:
        """Return the states if `sets` change none of them, else None.

        A game may say the same in every frame; that must not cost a write to disk each time.
        """
        try:
            states = self.cache.states(player_id, list(sets)[:SLICE])
        except sqlite3.Error:
            return None
        if len(sets) <= SLICE and all(reached(state, sets[id_]) == state for id_, state in states.items()):
            return states
        return None

    def committed(self, seq: int) -> None:
        """Let the journal use again what is safe in the cache's file."""
        if self.journal is not None and self.durable:
            self.journal.committed_seq = seq

    def define(self, definitions: Iterable[Achievement]) -> None:
        """Make the catalogue's definitions the only ones."""
        rows = {one.id: definition_row(one) for one in definitions}

        def replace() -> None:
            ids = list(rows)
            old = self.cache.definition_ids()
            for start in range(0, len(ids), SLICE):
                some = ids[start : start + SLICE]
                stored = self.cache.definitions(some)
                self.cache.write_definitions([rows[id_] for id_ in some if stored.get(id_) != rows[id_]])
            self.cache.delete_definitions(old.keys() - rows.keys())

        self.change(replace)

    def use_service(self, base_url: str) -> None:
        """Note which service the confirmations are from; a new one has to be told everything."""
        if self.cache.get_meta(_SERVICE) == base_url:
            return

        def move() -> None:
            if self.cache.get_meta(_SERVICE) is not None:
                self.cache.forget_confirmations()
            self.cache.set_meta(_SERVICE, base_url)
            self.cache.set_meta(_ANSWERED, "")

        self.change(move)

    @property
    def answered(self) -> bool:
        """Whether the service has told its definitions; from then on they count, not the catalogue's."""
        return bool(self.cache.get_meta(_ANSWERED))

    def remember_answer(self) -> None:
        """Note that it has, inside `change`."""
        self.cache.set_meta(_ANSWERED, "1")

    def other_runs(self) -> list[bytes]:
        """Return the runs whose journals are still there: this one and those of other processes."""
        return [self.run, *journals.nonces(self.folder)]

    def close(self) -> None:
        """Close everything; the journal goes when the cache's file holds all of it."""
        try:
            if self.durable and self.journal is not None:
                self.change(lambda: self.cache.forget_journal(self.run))
            self.cache.close()
        except sqlite3.Error as exc:
            self._report(f"the cache could not be closed properly ({exc})")
            self.durable = False
        if self.journal is not None:
            self.journal.close(remove=self.durable)

    def _open_cache(self) -> Cache:
        path = self.folder / _CACHE
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return Cache(path)
        except sqlite3.OperationalError as exc:
            reason = str(exc)
        except sqlite3.DatabaseError as exc:
            aside = _set_aside(path)
            if aside is not None:
                self._report(f"{path} was damaged ({exc}); it is kept as {aside.name}, and a new one is begun")
                return self._open_cache()
            reason = f"it is damaged ({exc}) and cannot be renamed"
        except OSError as exc:
            reason = str(exc)
        self._memory_only(f"{path} cannot be used: {reason}")
        return Cache(None)

    def _open_journal(self) -> Journal | None:
        try:
            return Journal.create(self.folder)
        except OSError as exc:
            self._report(f"no journal can be kept in {self.folder} ({exc}); a crash may lose the last moments")
            return None

    def _fold_orphans(self) -> None:
        try:
            for orphan in journals.orphans(self.folder):
                try:
                    self.change(lambda orphan=orphan: self._fold(orphan.nonce, orphan.entries))  # type: ignore[misc]
                finally:
                    # In memory only, they are safer where they are.
                    orphan.close(remove=self.durable)
        except OSError as exc:
            self._report(f"a journal in {self.folder} cannot be taken over ({exc}); it stays for the next start")

    def _fold(self, nonce: bytes | None, entries: list[Entry]) -> None:
        committed_seq = self.cache.committed_seq(nonce) if nonce else 0
        fresh = [entry for entry in entries if entry.seq > committed_seq]
        for owner, group in groupby(sorted(fresh, key=lambda entry: entry.owner), key=lambda entry: entry.owner):
            player = self.cache.player_of(owner, nonce or b"")
            # In the order of the calls: each one is merged into what was before it.
            for entry in sorted(group):
                self.record(player.id, {entry.achievement_id: reach(entry.percent, entry.at_us)})
        if nonce:
            self.cache.forget_journal(nonce)

    def _go_on_in_memory(self, exc: sqlite3.Error) -> None:
        broken = self.cache
        try:
            self.cache = broken.copy_to_memory()
        except sqlite3.Error:
            self.cache = Cache(None)
        self._memory_only(f"{broken.path} cannot be written: {exc}")
        broken.close()

    def _memory_only(self, what: str) -> None:
        self.durable = False
        self._report(f"{what}. Progress is kept in memory, and as far as possible in the journal, until the game ends")

    def _report(self, what: str) -> None:
        self.error = what if self.error is None else f"{self.error}; {what}"
        _log.warning("%s", what)


def _is_busy(exc: sqlite3.Error) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _set_aside(path: Path) -> Path | None:
    """Rename a damaged cache with its side files; None where that cannot be done."""
    for number in count(1):
        aside = path.with_name(f"{path.name}.corrupt-{number}")
        if not aside.exists():
            break
    try:
        for suffix in ("-wal", "-shm", ""):
            side = path.with_name(path.name + suffix)
            if side.exists():
                os.replace(side, aside.with_name(aside.name + suffix))
    except OSError:
        return None
    return aside
