"""The data folder: opens database and journal, recovers what a crash left, and continues in memory if files fail."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from ...domain.models import Achievement
from ...domain.progress import Progress, further, reach
from ..state import State, reached
from . import journal as journals
from .database import BUSY_TIMEOUT_S, DamagedError, Database, definition_row
from .filelock import locked
from .journal import Entry, Journal, Orphan
from .pacing import SLICE_ROWS
from .players import Players

_log = logging.getLogger("discord_achievements")
_FILE = "achievements.sqlite3"
_SERVICE, _ANSWERED = "service", "answered"
_ORPHANS_AT_ONCE = 64
"""Journals folded in one transaction, each of them open meanwhile."""
T = TypeVar("T")


class Taken(NamedTuple):
    """An achievement's state before and after a set."""

    before: State
    after: State


class Storage:
    """One manager's files.

    If files fail, all methods continue in memory; an existing journal is kept for the next start.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.durable = True
        self._error: str | None = None
        self._overrun_logged = False
        self._kept = False
        self.journal: Journal | None = None
        self._no_journal = ""
        self._seen_seq = 0
        self._noted_seq = 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.journal = Journal.create(folder)
        except OSError as exc:
            self._no_journal = f"no journal can be created in {folder} ({exc})"
        self.run = self.journal.nonce if self.journal else secrets.token_bytes(journals.NONCE_BYTES)
        try:
            self.database = self._open_database()
        except BaseException:
            self._close_journal(remove=True)  # nothing is in it yet
            raise
        try:
            if self._no_journal and self.durable:
                self._report(f"{self._no_journal}; a crash may lose the last updates")
                self._no_journal = ""
            self._fold_orphans()
        except BaseException:
            self.close()
            raise

    @property
    def error(self) -> str | None:
        """What is wrong with the files, None if nothing is. **Thread**: any."""
        trouble = None if self.journal is None else self.journal.trouble
        return "; ".join(filter(None, (self._error, trouble))) or None

    @property
    def players(self) -> Players:
        """Who is who in the database."""
        return Players(self.database)

    def read(self, what: Callable[[], T]) -> T:
        """Return what `what` reads from the database, without a transaction. See `change` for failures."""
        return self._with_a_fallback(what)

    def change(self, what: Callable[[], T]) -> T:
        """Do `what` in one transaction, all of it or nothing, and return what it returns.

        A database that fails is replaced by a copy in memory, on which `what` is done again. So `what` must look up
        `self.database` each time it is called.
        """
        return self._with_a_fallback(lambda: self._commit(what))

    def _with_a_fallback(self, what: Callable[[], T]) -> T:
        try:
            return what()
        except sqlite3.Error as exc:
            if not self.durable:
                raise
            self._go_on_in_memory(exc)
        return what()

    def _commit(self, what: Callable[[], T]) -> T:
        with self.database.transaction():
            result = what()
            if self._seen_seq > self._noted_seq:
                self.database.commit_journal(self.run, self._seen_seq)
        self._noted_seq = self._seen_seq
        return result

    def take(self, player_id: int, sets: dict[int, Progress], seq: int, *, news: bool = False) -> dict[int, Taken]:
        """Store what a player has reached up to the call `seq`, and return the states before and after.

        Sets that change nothing are not written, since a game may repeat one in every frame; `news` says that some
        of these do, which saves looking. That the others were seen is noted with the next change: a value that the
        service refuses or resets in the meantime does not return after a crash.
        """
        if self.journal is not None:
            self.journal.recheck = True
            if not self._overrun_logged and (trouble := self.journal.trouble):
                self._overrun_logged = True
                _log.warning("%s", trouble)
        seen_seq = self._seen_seq
        if not self._kept:
            self._seen_seq = seq
        try:
            unchanged = None if news else self._unchanged(player_id, sets)
            taken = unchanged or self.change(lambda: self._record(player_id, sets))
        except BaseException:
            self._seen_seq = seen_seq
            raise
        if self.journal is not None and self.durable:
            self.journal.committed_seq = self._seen_seq
        return taken

    def keep_journal(self, exc: Exception) -> None:
        """Stop counting the journal as committed, since something in it cannot be stored.

        The next start recovers it. For what is stored that changes nothing, except that a value which the service
        refuses or resets in the meantime is sent to it once more.
        """
        if not self._kept:
            self._kept = True
            where = "stays in the journal for the next start" if self.journal else "is lost when the game ends"
            self._report(f"an update cannot be stored ({type(exc).__name__}: {exc}); it {where}")

    def _unchanged(self, player_id: int, sets: dict[int, Progress]) -> dict[int, Taken] | None:
        if len(sets) > SLICE_ROWS:
            return None
        try:
            states = self.database.states(player_id, list(sets))
        except sqlite3.Error:
            return None  # writing fails too, and handles it
        if any(reached(state, sets[id_]) != state for id_, state in states.items()):
            return None
        return {id_: Taken(state, state) for id_, state in states.items()}

    def _record(self, player_id: int, sets: dict[int, Progress]) -> dict[int, Taken]:
        taken: dict[int, Taken] = {}
        ids = list(sets)
        for start in range(0, len(ids), SLICE_ROWS):
            before = self.database.states(player_id, ids[start : start + SLICE_ROWS])
            after = {id_: reached(state, sets[id_]) for id_, state in before.items()}
            self.database.write_states(player_id, {id_: s for id_, s in after.items() if s != before[id_]})
            taken |= {id_: Taken(before[id_], state) for id_, state in after.items()}
        return taken

    def define(self, definitions: Iterable[Achievement]) -> None:
        """Replace all definitions with the catalogue's."""
        rows = {one.id: definition_row(one) for one in definitions}

        def replace() -> None:
            ids = list(rows)
            old = self.database.definition_ids()
            for start in range(0, len(ids), SLICE_ROWS):
                some = ids[start : start + SLICE_ROWS]
                stored = self.database.definitions(some)
                self.database.write_definitions([rows[id_] for id_ in some if stored.get(id_) != rows[id_]])
            self.database.delete_definitions(old.keys() - rows.keys())

        self.change(replace)

    def use_service(self, base_url: str) -> None:
        """Note whose confirmations these are; all progress must be sent again to another service."""

        def move() -> None:
            if self.database.get_meta(_SERVICE) != base_url:
                self.database.forget_confirmations()
                self.database.set_meta(_SERVICE, base_url)
                self.database.set_meta(_ANSWERED, "")

        self.change(move)

    @property
    def answered(self) -> bool:
        """Whether the service's definitions are stored; from then on they count, not the catalogue's."""
        return self.read(lambda: bool(self.database.get_meta(_ANSWERED)))

    def remember_answer(self) -> None:
        """Note that the service's definitions are stored, inside `change`."""
        self.database.set_meta(_ANSWERED, "1")

    def other_runs(self) -> list[bytes]:
        """Return the runs whose journals still exist: this one and those of other processes."""
        return [self.run, *journals.nonces(self.folder)]

    def close(self) -> None:
        """Close everything; delete the journal if the database file holds all of it."""
        gone = self.journal is not None and self.durable and self.journal.is_committed
        try:
            if self._close_journal(remove=gone) and self._noted_seq:
                # Only now: a note must outlive its journal, which another process may find at any moment.
                with self.database.transaction():
                    self.database.forget_journals([self.run])
        except sqlite3.Error as exc:
            _log.info("the note about the journal of this run was not deleted (%s); the next start deletes it", exc)
        finally:
            self.database.close()

    def _close_journal(self, *, remove: bool) -> bool:
        """Close the journal; return whether it was to be removed, and has been."""
        if self.journal is None:
            return False
        try:
            self.journal.close(remove=remove)
        except OSError as exc:
            _log.info("the journal of this run was not removed (%s); the next start removes it", exc)
            return False
        return remove

    def _open_database(self) -> Database:
        path = self.folder / _FILE
        try:
            try:
                return Database(path)
            except DamagedError:
                with locked(path.with_name(f"{path.name}.lock"), BUSY_TIMEOUT_S):
                    return self._begin_anew(path)
        except (sqlite3.Error, OSError) as exc:
            self._memory_only(f"{path} cannot be used: {exc}")
        try:
            return Database.copied(path)
        except sqlite3.Error:
            return Database(None)

    def _begin_anew(self, path: Path) -> Database:
        try:
            return Database(path)  # another process has just replaced it
        except DamagedError as exc:
            aside = _set_aside(path)
            self._report(f"{path} was damaged ({exc}); it is kept as {aside.name}, and a new file replaces it")
        return Database(path)

    def _fold_orphans(self) -> None:
        waiting = journals.paths(self.folder)
        while paths := list(islice(waiting, _ORPHANS_AT_ONCE)):
            self._fold_some([orphan for path in paths if (orphan := self._take_orphan(path)) is not None])
        self.change(self._forget_gone_journals)

    def _take_orphan(self, path: Path) -> Orphan | None:
        """Return the journal at `path` if it was left by a crash and has records; if it has none, remove it."""
        try:
            orphan = Orphan.take(path)
        except OSError as exc:
            self._report_unremoved(path, exc)
            return None
        if orphan is not None and not orphan.entries:
            self._close_orphan(orphan, remove=True)
            return None
        return orphan

    def _fold_some(self, orphans: list[Orphan]) -> None:
        is_kept = False
        try:
            if orphans:
                entries = self.change(lambda: [entry for orphan in orphans for entry in self._fold(orphan)])
                is_kept = self.durable or self._copy_to_journal(entries)
        except Exception as exc:
            _log.exception("journals that a crash has left cannot be recovered")
            self._report(f"{len(orphans)} journals cannot be recovered ({exc}); the next start tries again")
        finally:
            # Whatever was raised, an interrupt included: a journal goes only after its commit.
            for orphan in orphans:
                self._close_orphan(orphan, remove=is_kept)

    def _close_orphan(self, orphan: Orphan, *, remove: bool) -> None:
        try:
            orphan.close(remove=remove)
        except OSError as exc:
            self._report_unremoved(orphan.path, exc)

    def _report_unremoved(self, path: Path, exc: OSError) -> None:
        self._report(f"{path} cannot be recovered or removed ({exc}); the next start tries again")

    def _copy_to_journal(self, entries: Iterable[Entry]) -> bool:
        """Copy what the database file cannot store into this run's journal, so that journals do not pile up."""
        if self.journal is None:
            return False
        for entry in entries:
            # It belongs to no call of this run. Number 1 will do: once a call is committed, so is all that came before.
            if not self.journal.write(1, entry.achievement_id, entry.percent, entry.at_us, entry.owner):
                return False
        self.journal.flush()
        return True

    def _fold(self, orphan: Orphan) -> list[Entry]:
        """Store what a journal has beyond the database, and return it, inside `change`."""
        seen_seq = self.database.committed_seq(orphan.nonce)
        fresh = [entry for entry in orphan.entries if entry.seq > seen_seq]
        sets: dict[bytes, dict[int, Progress]] = {}
        for entry in fresh:
            reached_by_owner = sets.setdefault(entry.owner, {})
            before = reached_by_owner.get(entry.achievement_id)
            reached_by_owner[entry.achievement_id] = further(before, reach(entry.percent, entry.at_us))
        for owner, progress in sets.items():
            self._record(self.players.of_owner(owner, orphan.nonce).id, progress)
        if fresh:
            # If the journal cannot be removed, nobody recovers it a second time.
            self.database.commit_journal(orphan.nonce, fresh[-1].seq)
        return fresh

    def _forget_gone_journals(self) -> None:
        noted = self.database.noted_journals()  # before looking at the folder: a journal is older than its note
        self.database.forget_journals(set(noted).difference(journals.nonces(self.folder)))

    def _go_on_in_memory(self, exc: sqlite3.Error) -> None:
        broken = self.database
        try:
            self.database = broken.copy_to_memory()
        except sqlite3.Error:
            self.database = Database(None)
        self._memory_only(f"{broken.path} cannot be written: {exc}")
        broken.close()

    def _memory_only(self, what: str) -> None:
        self.durable = False
        kept = "in memory and in the journal, for the next start" if self.journal else "in memory until the game ends"
        self._report("; ".join(filter(None, (what, self._no_journal))) + f". Progress is kept {kept}")

    def _report(self, what: str) -> None:
        self._error = what if self._error is None else f"{self._error}; {what}"
        _log.warning("%s", what)


def _set_aside(path: Path) -> Path:
    """Rename a damaged file together with its side files. Raises `OSError`."""
    aside = next(free for n in count(1) if not (free := path.with_name(f"{path.name}.corrupt-{n}")).exists())
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    return aside
