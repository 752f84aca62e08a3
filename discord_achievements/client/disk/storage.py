"""The data folder: opens database and journal, recovers what a crash left, and continues in memory if files fail."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from ...domain.models import Achievement
from ...domain.progress import Progress, further, reach
from ..state import State, reached, recovered
from . import journal as journals
from .database import BUSY_TIMEOUT_S, DamagedError, Database, definition_row
from .filelock import locked
from .journal import Entry, Journal, Orphan
from .pacing import SLICE_ROWS
from .players import Player, Players
from .reunion import bring

_log = logging.getLogger("discord_achievements")
_FILE = "achievements.sqlite3"
_SERVICE, _HISTORY, _ANSWERED = "service", "history", "answered"
_IDLE_S = 0.25
_RECHECK_S = 0.05
_RETRY_S, _RETRY_MAX_S, _RETRY_BUSY_S = 1.0, 30.0, 0.1
_ORPHANS_AT_ONCE = 64
"""Journals folded in one transaction, each of them open meanwhile."""
T = TypeVar("T")


class Taken(NamedTuple):
    """An achievement's state before and after a set."""

    before: State
    after: State


class Storage:
    """One manager's files.

    If files fail, all methods continue in memory, with the journal, until `tend` finds that the file can be used again.
    `durable` is whether the database is in its file. `is_safe` is whether everything taken survives the end of the
    process: in the database, or at least in the journal. `keeps_journal` is whether something could not be stored and
    waits in the journal for the next start. `returns` counts how often the file could be used again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.durable = True
        self.is_safe = True
        self.keeps_journal = False
        self.returns = 0
        self._errors: list[str] = []
        self._in_memory: str | None = None
        self._due_at: float | None = None
        self._retry_s = _RETRY_S
        self._recheck_at = 0.0
        self._was_replaced = False
        self._is_closed = False
        self._lost_journals: list[Journal] = []
        self._led: dict[bytes, Player] = {}  # to whom the owners of this run lead, should the file no longer say so
        self._overrun_logged = False
        self.journal: Journal | None = None
        self._no_journal = ""
        self._seen_seq = 0
        self._noted_seq = 0
        try:
            _make(folder)
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
        return "; ".join(filter(None, (*self._errors, self._in_memory, trouble))) or None

    @property
    def players(self) -> Players:
        """Who is who in the database."""
        return Players(self.database)

    def player_of(self, owner: bytes) -> Player:
        """Return the player of `owner`, a new one if necessary."""
        player = self._led[owner] = self.change(lambda: self.players.of_owner(owner, self.run))
        return player

    def linked(self, owner: bytes, player: Player) -> Player:
        """Let `owner` lead to `player`, and return who that is now, as `Players.link` does."""
        player = self._led[owner] = self.change(lambda: self.players.link(owner, player, self.run))
        return player

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
            self._leave_file(f"{self.database.path} cannot be written: {exc}")
            _log.warning("%s", self._in_memory)
        return what()

    def _commit(self, what: Callable[[], T]) -> T:
        with self.database.transaction():
            result = what()
            if self._seen_seq > self._noted_seq:
                self.database.commit_journal(self._noted_as, self._seen_seq)
        self._noted_seq = self._seen_seq
        if not self.database.is_in_place():
            self._follow_the_path()
        return result

    def take(self, player_id: int, sets: dict[int, Progress], seq: int, *, news: bool = False) -> dict[int, Taken]:
        """Store what a player has reached up to the call `seq`, and return the states before and after.

        Sets that change nothing are not written, since a game may repeat one in every frame; `news` says that some
        of these do, which saves looking. That the others were seen is noted with the next change: a value that the
        service refuses or resets in the meantime does not return after a crash.
        """
        if self.journal is not None:
            # In a burst of sets not for each of these, which would slow the game down.
            now = time.monotonic()
            if now >= self._recheck_at:
                self._recheck_at = now + _RECHECK_S
                self.journal.recheck = True
            if not self._overrun_logged and (trouble := self.journal.trouble):
                self._overrun_logged = True
                _log.warning("%s", trouble)
        seen_seq = self._seen_seq
        if not self.keeps_journal:
            self._seen_seq = seq
        try:
            unchanged = None if news else self._unchanged(player_id, sets)
            taken = unchanged or self.change(lambda: self._record(player_id, sets))
        except BaseException:
            self._seen_seq = seen_seq
            raise
        self._secure()
        return taken

    def _secure(self) -> None:
        """Find out whether everything taken survives the end of the process, and have it do so."""
        if self.journal is not None:
            try:
                if not self.journal.is_in_place():
                    self._replace_journal(self.journal)
            except OSError as exc:
                self._report_once(f"the journal was deleted and cannot be created again ({exc})")
            if self.durable:
                self.journal.committed_seq = self._seen_seq
        self.is_safe = self.durable or self._is_journalled()

    @property
    def _noted_as(self) -> bytes:
        return self.run if self.journal is None else self.journal.nonce

    def _is_journalled(self) -> bool:
        if self.journal is None or self.journal.is_overrun or self.journal in self._lost_journals:
            return False
        try:
            self.journal.flush()
            return self.journal.is_in_place()
        except OSError:
            return False

    def _replace_journal(self, lost: Journal) -> None:
        """Let the game write to a new journal; what is in the lost one is in the database, or in memory only."""
        if lost not in self._lost_journals:
            self._lost_journals.append(lost)  # open until the end: the game's thread may be writing to it
        _make(self.folder)
        try:
            self.journal = Journal.create(self.folder, nonce=lost.nonce)
        except FileExistsError:
            self.journal = Journal.create(self.folder)
            self._noted_seq = 0

    def keep_journal(self, exc: Exception) -> None:
        """Stop counting the journal as committed, since something in it cannot be stored.

        The next start recovers it. For what is stored that changes nothing, except that a value which the service
        refuses or resets in the meantime is sent to it once more.
        """
        if not self.keeps_journal:
            self.keeps_journal = True
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

    def _record(
        self, player_id: int, sets: dict[int, Progress], become: Callable[[State, Progress], State] = reached
    ) -> dict[int, Taken]:
        taken: dict[int, Taken] = {}
        ids = list(sets)
        for start in range(0, len(ids), SLICE_ROWS):
            before = self.database.states(player_id, ids[start : start + SLICE_ROWS])
            after = {id_: become(state, sets[id_]) for id_, state in before.items()}
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
                self.database.set_meta(_HISTORY, "")
                self.database.set_meta(_ANSWERED, "")

        self.change(move)

    def is_another(self, history: str | None) -> bool:
        """Return whether an answer of `history` (None: it does not say) is of another one than the confirmations."""
        known = self.read(lambda: self.database.get_meta(_HISTORY))
        return bool(history) and bool(known) and history != known

    def remember_history(self, history: str) -> None:
        """Note to which history of the service the confirmations belong, inside `change`."""
        self.database.set_meta(_HISTORY, history)

    def forget_lists(self) -> None:
        """Have the service send the lists whole next time."""

        def forget() -> None:
            self.players.forget_lists()  # looked up again if the file fails

        self.change(forget)

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

    # What is due

    def tend(self, now: float) -> float | None:
        """Do what is due at the monotonic time `now`; return when to call again, None if nothing is to be done.

        While the database is in memory, that is to try the file again. Otherwise it is to empty the write-ahead log
        after a while without changes: a copy of the file alone is then complete.
        """
        if self.durable and self.database.is_settled:
            self._due_at = None
            return None
        if self._due_at is None:
            self._due_at = now + (_IDLE_S if self.durable else self._retry_s)
        elif now >= self._due_at:
            self._due_at = None
            if self.journal is not None:
                self.journal.recheck = True
            if self.durable:
                self.read(self._settle)
            elif self._return_to_file():
                self._fold_orphans()  # those that could be neither stored nor copied at the start
            else:
                self._retry_s = min(2 * self._retry_s, _RETRY_MAX_S)
            return self.tend(now)
        return self._due_at

    def _settle(self) -> None:
        self.database.settle()

    def _follow_the_path(self) -> None:
        """Another program has replaced or deleted the file: bring everything into the one that is there now."""
        self._was_replaced = True
        path = self.database.path
        self._report_once(
            f"another program has replaced or deleted {path} or its side files while the game was running;"
            " progress is written to the file that is there now"
        )
        self._leave_file(f"{path} is not the file that was opened")
        if not self._return_to_file():
            _log.warning("%s", self._in_memory)

    def _return_to_file(self) -> bool:
        """Bring what is in memory into the file; return whether that worked."""
        path = self.folder / _FILE
        memory = self.database
        try:
            _make(self.folder)
            if self.journal is None:
                self.journal = Journal.create(self.folder, nonce=self.run)
                self._no_journal = ""
            file = self._open_file(path, _RETRY_BUSY_S)
            try:
                with file.transaction():
                    bring(memory, file, service=_SERVICE, history=_HISTORY, answered=_ANSWERED)
                    self._lead_again(Players(file))
                if not file.is_in_place():
                    raise OSError(f"{path} is being replaced by another program")
            except BaseException:
                file.close()
                raise
        except (sqlite3.Error, OSError) as exc:
            _log.debug("%s still cannot be used: %s", path, exc)
            return False
        self.database = file
        self.durable = True
        self.returns += 1
        self._in_memory = None
        self._retry_s = _RETRY_S
        self._secure()
        memory.close()
        _log.info("%s can be used again; everything is stored", path)
        return True

    def _lead_again(self, players: Players) -> None:
        """Let the owners of this run lead to their players; a damaged file could not be asked for them any more."""
        for owner, player in self._led.items():
            if players.known(owner) is None:
                players.adopt(player, [(owner, self.run)])

    def close(self) -> None:
        """Close everything; delete the journal if the database file holds all of it. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self.durable and not self.database.is_in_place():
            self._follow_the_path()
        elif not self.durable:
            self._return_to_file()
        # A program that has replaced the file once may do so again: then the next start needs the journal.
        gone = self.journal is not None and self.durable and self.journal.is_committed and not self._was_replaced
        try:
            if self._close_journal(remove=gone) and self._noted_seq:
                # Only now: a note must outlive its journal, which another process may find at any moment.
                with self.database.transaction():
                    self.database.forget_journals([self.run, self._noted_as])
        except sqlite3.Error as exc:
            _log.info("the note about the journal of this run was not deleted (%s); the next start deletes it", exc)
        finally:
            for lost in self._lost_journals:
                lost.close(remove=False)
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
            return self._open_file(path, BUSY_TIMEOUT_S)
        except (sqlite3.Error, OSError) as exc:
            self._memory_only(f"{path} cannot be used: {exc}")
            _log.warning("%s", self._in_memory)
        return _in_memory(path)

    def _open_file(self, path: Path, busy_timeout_s: float) -> Database:
        try:
            return Database(path, busy_timeout_s=busy_timeout_s)
        except DamagedError:
            with locked(path.with_name(f"{path.name}.lock"), busy_timeout_s):
                return self._begin_anew(path, busy_timeout_s)

    def _begin_anew(self, path: Path, busy_timeout_s: float) -> Database:
        try:
            return Database(path, busy_timeout_s=busy_timeout_s)  # another process has just replaced it
        except DamagedError as exc:
            aside = _set_aside(path)
            self._report(f"{path} was damaged ({exc}); it is kept as {aside.name}, and a new file replaces it")
        return Database(path, busy_timeout_s=busy_timeout_s)

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
            self._record(self.players.of_owner(owner, orphan.nonce).id, progress, recovered)
        if fresh:
            # If the journal cannot be removed, nobody recovers it a second time.
            self.database.commit_journal(orphan.nonce, fresh[-1].seq)
        return fresh

    def _forget_gone_journals(self) -> None:
        noted = self.database.noted_journals()  # before looking at the folder: a journal is older than its note
        self.database.forget_journals(set(noted).difference(journals.nonces(self.folder)))

    def _leave_file(self, why: str) -> None:
        file = self.database
        try:
            self.database = file.copy_to_memory()
        except sqlite3.Error:
            self.database = _in_memory(self.folder / _FILE)
        self._memory_only(why)
        file.close()

    def _memory_only(self, why: str) -> None:
        self.durable = False
        self._due_at = None
        kept = "in memory and in the journal, for the next start" if self.journal else "in memory until the game ends"
        reasons = "; ".join(filter(None, (why, self._no_journal)))
        self._in_memory = f"{reasons}. Progress is kept {kept}"

    def _report(self, what: str) -> None:
        self._errors.append(what)
        _log.warning("%s", what)

    def _report_once(self, what: str) -> None:
        if what not in self._errors:
            self._report(what)


def _in_memory(path: Path) -> Database:
    """Return a copy of the file at `path` as far as it can be read, otherwise an empty database."""
    try:
        return Database.copied(path)
    except sqlite3.Error:
        return Database(None)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _set_aside(path: Path) -> Path:
    """Rename a damaged file together with its side files. Raises `OSError`."""
    aside = next(free for n in count(1) if not (free := path.with_name(f"{path.name}.corrupt-{n}")).exists())
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    return aside
