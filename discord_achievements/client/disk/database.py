"""The cache: this machine's SQLite file of definitions, players and their progress.

A player is a row here before it is known who it is; the table `owner` says which keys (see `identity`) lead to it.
When a player turns out to be another one, the row stays and points to theirs: another process of the game may still
work with it.

The methods belong to one thread at a time: the constructor's first, then the worker's. They raise `sqlite3.Error`.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ...domain.models import Achievement
from ...domain.progress import Progress
from ..state import State, combined, unconfirmed
from . import owner as owners

SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 2.0
_POLL_S = 0.005
MEMORY = ":memory:"

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE definition (id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL, name_localizations TEXT, description TEXT NOT NULL, description_localizations TEXT,"
    " secret INTEGER NOT NULL, secure INTEGER NOT NULL, icon_hash TEXT NOT NULL)",
    "CREATE TABLE player (id INTEGER PRIMARY KEY, user_id INTEGER UNIQUE, etag TEXT,"
    " fetched INTEGER NOT NULL DEFAULT 0, joined_id INTEGER)",
    "CREATE TABLE owner (key BLOB PRIMARY KEY, player_id INTEGER NOT NULL, journal BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE progress (player_id INTEGER NOT NULL, achievement_id INTEGER NOT NULL,"
    " percent INTEGER NOT NULL, unlocked_at_us INTEGER, revision INTEGER,"
    " pending_percent INTEGER, pending_unlocked_at_us INTEGER,"
    " PRIMARY KEY (player_id, achievement_id)) WITHOUT ROWID",
    "CREATE TABLE journal (nonce BLOB PRIMARY KEY, committed_seq INTEGER NOT NULL) WITHOUT ROWID",
)

_FOREIGN = "its tables are not those of this package"
_DEFINITION = "name, name_localizations, description, description_localizations, secret, secure, icon_hash"
_PROGRESS = "percent, unlocked_at_us, revision, pending_percent, pending_unlocked_at_us"


class Player(NamedTuple):
    """A player as this machine knows one; `fetched` tells that the service's list has been seen for them."""

    id: int
    user_id: int | None
    etag: str | None
    fetched: bool


class Texts(NamedTuple):
    """What a definition says to people; localizations are JSON text."""

    name: str
    name_localizations: str | None
    description: str
    description_localizations: str | None
    icon_hash: str


class DamagedError(sqlite3.DatabaseError):
    """The file is not, or no longer, what this module writes."""


class Database:
    """One open cache. `path` None keeps it in memory. Raises `DamagedError`, and `sqlite3.Error` for anything else."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        # The constructor's thread opens it and hands it to the worker: one thread at a time, never two.
        self._db = sqlite3.connect(
            MEMORY if path is None else path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            # A damaged text is shown damaged; it must not come as an exception in the middle of a list.
            self._db.text_factory = _text
            if path is not None:
                self._write_ahead()
                self._db.execute("PRAGMA synchronous = FULL")
            self._migrate()
            self._check()
            self._data_version = self._db.execute("PRAGMA data_version").fetchone()[0]
        except UnicodeDecodeError as exc:
            self._db.close()
            raise DamagedError("SQLite's own message on it quotes damaged text") from exc
        except BaseException as exc:
            self._db.close()
            if isinstance(exc, sqlite3.DatabaseError) and not isinstance(exc, sqlite3.OperationalError):
                raise DamagedError(str(exc)) from exc
            raise

    def _write_ahead(self) -> None:
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as exc:
                # Processes that make the file at once are in each other's way here, and SQLite does not wait.
                if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_S)

    def _migrate(self) -> None:
        version = self._version()
        if version == SCHEMA_VERSION:
            return
        if version != 0:
            # Nothing is wrong with the file, so it stays as it is for that version.
            raise sqlite3.OperationalError(f"it was written by another version of this package (schema {version})")
        with self.transaction():
            # Another process may have been faster.
            if self._version() == 0:
                if self._statements():
                    raise sqlite3.DatabaseError(_FOREIGN)
                for statement in _SCHEMA:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check(self) -> None:
        fault = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if fault != "ok":
            raise sqlite3.DatabaseError(str(fault).splitlines()[0])
        if not self._statements().issuperset(_SCHEMA):
            raise sqlite3.DatabaseError(_FOREIGN)

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _statements(self) -> set[str]:
        """Return how the tables were created."""
        return {row[0] for row in self._db.execute("SELECT sql FROM sqlite_master")}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, all of it or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.commit()
        except BaseException:
            self._db.rollback()
            raise

    @classmethod
    def copied(cls, path: Path) -> Database:
        """Return a copy in memory of a file that can be read but not written."""
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as file:
            return cls._copy(file)

    def copy_to_memory(self) -> Database:
        """Return a copy of it in memory, to go on with when the file cannot be written any more."""
        return self._copy(self._db)

    @classmethod
    def _copy(cls, source: sqlite3.Connection) -> Database:
        copy = cls(None)
        try:
            source.backup(copy._db)
            copy._migrate()
            copy._check()
        except BaseException:
            copy.close()
            raise
        return copy

    def close(self) -> None:
        """Close it."""
        self._db.close()

    # Players

    def player_of(self, owner: bytes, journal: bytes) -> Player:
        """Return the player that `owner` leads to, a new one if need be; `journal` is the run that asks."""
        known = self.known(owner)
        if known is not None:
            return known
        user_id = owners.user_of(owner)
        player_id = None if user_id is None else self._find(user_id)
        if player_id is None:
            player_id = self._new_player(user_id)
        self._db.execute("INSERT INTO owner VALUES (?, ?, ?)", (owner, player_id, journal))
        return self.player(player_id)

    def known(self, owner: bytes) -> Player | None:
        """Return the player that `owner` leads to, None where it leads to nobody yet."""
        row = self._db.execute("SELECT player_id FROM owner WHERE key = ?", (owner,)).fetchone()
        return None if row is None else self.player(row[0])

    def player(self, player_id: int) -> Player:
        """Return the player of that row, or the one whom they turned out to be."""
        row = self._db.execute(
            "SELECT id, user_id, etag, fetched FROM player WHERE id = ?", (self._row(player_id),)
        ).fetchone()
        return Player(player_id, None, None, False) if row is None else Player(row[0], row[1], row[2], bool(row[3]))

    def remember_list(self, player_id: int, etag: str | None) -> None:
        """Note that the service's list has been taken over, and its version."""
        self._db.execute("UPDATE player SET etag = ?, fetched = 1 WHERE id = ?", (etag, self._row(player_id)))

    def forget_etag(self, player_id: int) -> None:
        """Note that what is confirmed may differ from the list that the etag names."""
        self._db.execute("UPDATE player SET etag = NULL WHERE id = ?", (self._row(player_id),))

    def link(self, owner: bytes, player: Player, journal: bytes) -> Player:
        """Let `owner` lead to the same player as `player`, and return who that is.

        Where it is known to be somebody else's it stays theirs, and that is who it is.
        """
        player, other = self.player(player.id), self.player_of(owner, journal)
        if other.user_id is None:
            return self._join(player, other)
        if player.user_id is None:
            return self._join(other, player)
        return other

    def identify(self, player: Player, user_id: int, owner: bytes, live_journals: Iterable[bytes]) -> Player:
        """The service has said that `player`, signed in as `owner`, is `user_id`; return the player they are.

        The first player to sign in on this data folder also takes over what local mode has recorded, and what was
        done without any token in runs that are over.
        """
        player, found = self.player(player.id), self._find(user_id)
        if player.user_id is None and found is None:
            self._db.execute("UPDATE player SET user_id = ? WHERE id = ?", (user_id, player.id))
            player = self.player(player.id)
        elif player.user_id is None and found is not None:
            player = self._join(self.player(found), player)
        elif player.user_id != user_id:
            # The token turned out to be somebody else's than remembered: it leads elsewhere from now on.
            player = self.player(self._new_player(user_id) if found is None else found)
            known = self.known(owner)
            if known is not None and known.user_id is None:
                player = self._join(player, known)  # what was done with the token before anybody knew whose it is
            self._db.execute("UPDATE owner SET player_id = ? WHERE key = ?", (player.id, owner))
        for unclaimed in self._unclaimed(frozenset(live_journals)):
            player = self._join(player, self.player(unclaimed))
        return player

    def _unclaimed(self, live_journals: frozenset[bytes]) -> list[int]:
        """Return the players whom no token has ever led to, but for those of runs that still go on."""
        rows = self._db.execute(
            "SELECT player_id, key, journal FROM owner JOIN player ON player.id = player_id WHERE user_id IS NULL"
        ).fetchall()
        claimed = {
            player_id
            for player_id, key, journal in rows
            if not (key == owners.LOCAL or (owners.is_run(key) and journal not in live_journals))
        }
        return list({row[0] for row in rows} - claimed)

    def _find(self, user_id: int) -> int | None:
        row = self._db.execute("SELECT id FROM player WHERE user_id = ?", (user_id,)).fetchone()
        return None if row is None else int(row[0])

    def _new_player(self, user_id: int | None) -> int:
        # Drawn, not counted: an id that another process still has in hand must never come to mean another player.
        player_id = secrets.randbits(62)
        self._db.execute("INSERT INTO player (id, user_id) VALUES (?, ?)", (player_id, user_id))
        return player_id

    def _join(self, player: Player, other: Player) -> Player:
        """Give everything that is `other`'s to `player`: they are one."""
        if player.id != other.id:
            mine, theirs = self.states(player.id), self.states(other.id)
            self.write_states(
                player.id, {id_: combined(mine[id_], state) if id_ in mine else state for id_, state in theirs.items()}
            )
            self._db.execute("DELETE FROM progress WHERE player_id = ?", (other.id,))
            self._db.execute("UPDATE owner SET player_id = ? WHERE player_id = ?", (player.id, other.id))
            self._db.execute(
                "UPDATE player SET joined_id = ? WHERE id = ? OR joined_id = ?", (player.id, other.id, other.id)
            )
            # What is confirmed may differ now from the list that this names.
            self.forget_etag(player.id)
        return self.player(player.id)

    def _row(self, player_id: int) -> int:
        """Return under which id a player's data are."""
        row = self._db.execute("SELECT joined_id FROM player WHERE id = ?", (player_id,)).fetchone()
        return player_id if row is None or row[0] is None else int(row[0])

    # Progress

    def states(self, player_id: int, ids: Sequence[int] | None = None) -> dict[int, State]:
        """Return the states of one player: of `ids` (also those never heard of), or all that have a record."""
        player_id = self._row(player_id)
        if ids is None:
            rows = self._db.execute(
                f"SELECT achievement_id, {_PROGRESS}, secret, secure FROM progress"
                " LEFT JOIN definition ON id = achievement_id WHERE player_id = ?",
                (player_id,),
            ).fetchall()
            return {row[0]: _state(row) for row in rows}
        places = ", ".join(["(?)"] * len(ids))
        rows = self._db.execute(
            f"WITH wanted (id) AS (VALUES {places}) SELECT wanted.id, {_PROGRESS}, secret, secure FROM wanted"
            " LEFT JOIN progress ON player_id = ? AND achievement_id = wanted.id"
            " LEFT JOIN definition ON definition.id = wanted.id",
            (*ids, player_id),
        ).fetchall()
        return {row[0]: _state(row) for row in rows}

    def pending(self, player_id: int) -> dict[int, Progress]:
        """Return what the service has not confirmed for one player, in ascending id."""
        rows = self._db.execute(
            "SELECT achievement_id, pending_percent, pending_unlocked_at_us FROM progress"
            " WHERE player_id = ? AND pending_percent IS NOT NULL ORDER BY achievement_id",
            (self._row(player_id),),
        )
        return {row[0]: Progress(row[1], row[2]) for row in rows}

    def write_states(self, player_id: int, states: Mapping[int, State]) -> None:
        """Store the progress part of `states`."""
        row = self._row(player_id)
        self._db.executemany(
            "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(row, id_, *s.confirmed, s.revision, *(s.pending or (None, None))) for id_, s in states.items()],
        )

    def forget_confirmations(self) -> None:
        """Make everything pending again, as for a service that knows nothing of it."""
        for (player_id,) in self._db.execute("SELECT id FROM player WHERE joined_id IS NULL").fetchall():
            states = self.states(player_id)
            self.write_states(player_id, {id_: unconfirmed(state) for id_, state in states.items()})
        self._db.execute("UPDATE player SET etag = NULL, fetched = 0")

    # Definitions

    def definitions(self, ids: Sequence[int]) -> dict[int, tuple[object, ...]]:
        """Return the stored form of the definitions of `ids`, for comparison with `definition_row`."""
        places = ", ".join("?" * len(ids))
        rows = self._db.execute(f"SELECT id, {_DEFINITION} FROM definition WHERE id IN ({places})", ids).fetchall()
        return {row[0]: row for row in rows}

    def write_definitions(self, rows: Iterable[tuple[object, ...]]) -> None:
        """Store definitions made by `definition_row`."""
        self._db.executemany("INSERT OR REPLACE INTO definition VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def definition_ids(self) -> dict[int, bool]:
        """Return the ids of all definitions, and whether each is secret."""
        return {row[0]: bool(row[1]) for row in self._db.execute("SELECT id, secret FROM definition")}

    def definition_count(self) -> int:
        """Return how many definitions there are."""
        return int(self._db.execute("SELECT count(*) FROM definition").fetchone()[0])

    def delete_definitions(self, ids: Iterable[int]) -> None:
        """Delete definitions; progress on them stays."""
        self._db.executemany("DELETE FROM definition WHERE id = ?", [(id_,) for id_ in ids])

    def texts(self, achievement_id: int) -> Texts | None:
        """Return what the definition of one achievement says, None where there is none."""
        row = self._db.execute(
            "SELECT name, name_localizations, description, description_localizations, icon_hash"
            " FROM definition WHERE id = ?",
            (achievement_id,),
        ).fetchone()
        return None if row is None else Texts(*row)

    def rows(self, player_id: int) -> Iterator[list[tuple[int, State, tuple[str | None, ...]]]]:
        """Yield, a slice at a time and by ascending id, each definition's id, one player's state, and its texts."""
        cursor = self._db.execute(
            f"SELECT id, {_PROGRESS}, secret, secure, name, name_localizations, description,"
            " description_localizations, icon_hash"
            " FROM definition LEFT JOIN progress ON player_id = ? AND achievement_id = id ORDER BY id",
            (self._row(player_id),),
        )
        while rows := cursor.fetchmany(SLICE):
            yield [(row[0], _state(row), row[8:]) for row in rows]

    # Bookkeeping

    def changed_elsewhere(self) -> bool:
        """Tell whether another process has written since this was last asked."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        changed = version != self._data_version
        self._data_version = version
        return bool(changed)

    def get_meta(self, key: str) -> str | None:
        """Return a remembered value."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Remember a value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def committed_seq(self, journal: bytes) -> int:
        """Return up to which record the journal of that nonce has been taken over."""
        row = self._db.execute("SELECT committed_seq FROM journal WHERE nonce = ?", (journal,)).fetchone()
        return 0 if row is None else int(row[0])

    def commit_journal(self, journal: bytes, seq: int) -> None:
        """Note that the journal's records up to `seq` have been taken over."""
        self._db.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (journal, seq))

    def forget_journals(self, gone: Iterable[bytes]) -> None:
        """Drop the notes of journals that are gone."""
        self._db.executemany("DELETE FROM journal WHERE nonce = ?", [(journal,) for journal in gone])

    def noted_journals(self) -> list[bytes]:
        """Return the journals of which there is such a note."""
        return [row[0] for row in self._db.execute("SELECT nonce FROM journal")]


SLICE = 8
"""So many rows are dealt with before the game gets the interpreter back: a tenth of a millisecond's worth."""

_encode_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def definition_row(definition: Achievement) -> tuple[object, ...]:
    """Return the stored form of a definition."""
    return (
        definition.id,
        definition.name,
        _json(definition.name_localizations),
        definition.description,
        _json(definition.description_localizations),
        int(definition.secret),
        int(definition.secure),
        definition.icon_hash,
    )


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _json(localizations: Mapping[str, str] | None) -> str | None:
    return _encode_json(localizations) if localizations else None


def _state(row: Sequence[Any]) -> State:
    percent, unlocked_at_us, revision, pending_percent, pending_unlocked_at_us, secret, secure = row[1:8]
    # By position, not by name: that is half the time, a thousand times in a start.
    return State(
        Progress(percent or 0, unlocked_at_us),
        revision,
        None if pending_percent is None else Progress(pending_percent, pending_unlocked_at_us),
        secret is not None,
        bool(secret),
        bool(secure),
    )
