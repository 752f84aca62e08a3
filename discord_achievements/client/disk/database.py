"""The SQLite file on this machine: definitions, players and their progress.

It is not a cache: in local mode it is the player's only copy. Who is who among its players is `players`' matter.

**Thread**: one at a time, the constructor's first, then the worker's. Methods raise `sqlite3.Error`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from ...domain.models import Achievement
from ...domain.progress import Progress
from ...domain.wire import parse_time
from ..columns import Columns, TextRow
from ..state import State, unconfirmed
from .image_file import ImageFile, is_too_long
from .pacing import SLICE_ROWS, no_pause
from .sqlite_file import InMemory, SqliteFile

SCHEMA_VERSION = 2
BUSY_TIMEOUT_S = 2.0

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE definition (id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL, name_localizations TEXT, description TEXT NOT NULL, description_localizations TEXT,"
    " secret INTEGER NOT NULL, secure INTEGER NOT NULL, icon_hash TEXT NOT NULL)",
    "CREATE TABLE player (id INTEGER PRIMARY KEY, user_id INTEGER UNIQUE, etag TEXT,"
    " fetched INTEGER NOT NULL DEFAULT 0, joined_id INTEGER, cursor TEXT)",
    "CREATE TABLE owner (key BLOB PRIMARY KEY, player_id INTEGER NOT NULL, journal BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE progress (player_id INTEGER NOT NULL, achievement_id INTEGER NOT NULL,"
    " percent INTEGER NOT NULL, unlocked_at_us INTEGER, revision INTEGER,"
    " pending_percent INTEGER, pending_unlocked_at_us INTEGER,"
    " PRIMARY KEY (player_id, achievement_id)) WITHOUT ROWID",
    "CREATE TABLE journal (nonce BLOB PRIMARY KEY, committed_seq INTEGER NOT NULL) WITHOUT ROWID",
)

# What makes each older version the next one.
_MIGRATIONS = {1: ("ALTER TABLE player ADD COLUMN cursor TEXT",)}
_FOREIGN = "its tables are not those of this package"
# SQLite accepts any value in any column.
_FIRST_US, _LAST_US = parse_time("0001-01-01"), parse_time("9999-12-31T23:59:59.999999")
_IMPOSSIBLE = (
    "SELECT 1 FROM progress WHERE typeof(percent) <> 'integer' OR percent NOT BETWEEN 0 AND 100"
    " OR typeof(pending_percent) NOT IN ('integer', 'null') OR pending_percent NOT BETWEEN 0 AND 100"
    " OR typeof(unlocked_at_us) NOT IN ('integer', 'null') OR unlocked_at_us NOT BETWEEN :first_us AND :last_us"
    " OR typeof(pending_unlocked_at_us) NOT IN ('integer', 'null')"
    " OR pending_unlocked_at_us NOT BETWEEN :first_us AND :last_us"
    " OR typeof(revision) NOT IN ('integer', 'null') LIMIT 1"
)
_DEFINITION = "name, name_localizations, description, description_localizations, secret, secure, icon_hash"
_NUMBERS = 7
"""So many columns of a list are not texts."""
# As bytes, whatever damage has made of them: a row is always readable, and decoding waits until somebody looks.
_TEXTS = ", ".join(
    f"CAST({column} AS BLOB)"
    for column in ("name", "name_localizations", "description", "description_localizations", "icon_hash")
)
_PROGRESS = "percent, unlocked_at_us, revision, pending_percent, pending_unlocked_at_us"


class DamagedError(sqlite3.DatabaseError):
    """The file is not what this module writes, or no longer."""


class Transaction:
    """What is done inside `with` is committed, all of it or nothing. `rows` is forgotten at the end."""

    def __init__(self, file: InMemory, rows: dict[int, int]) -> None:
        self._file = file
        self._rows = rows

    def __enter__(self) -> None:
        self._file.begin()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._file.commit()
        finally:
            self._rows.clear()
            self._file.rollback()  # does nothing after a commit


class Database:
    """One open database; without a `path` it is in memory. Raises `DamagedError`, or `sqlite3.Error`."""

    def __init__(self, path: Path | None, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._rows: dict[int, int] = {}
        with _damage_is_reported():
            self._file = _open(path, busy_timeout_s)
        try:
            with _damage_is_reported():
                self._db = self._file.db
                # A damaged text must not raise an exception.
                self._db.text_factory = _text
                self._migrate()
                self._check()
                self._data_version = self._file.version()
                self.is_in_place()  # remembers which file it is
        except BaseException:
            self._file.close()
            raise

    def _migrate(self) -> None:
        version = self._version()
        if version == SCHEMA_VERSION:
            return
        if not 0 <= version < SCHEMA_VERSION:
            # Nothing is wrong with the file, so it stays as it is for the other version.
            raise sqlite3.OperationalError(f"it was written by another version of this package (schema {version})")
        with self.transaction():
            version = self._version()  # another process may have been faster
            if version == 0 and self._statements():
                raise sqlite3.DatabaseError(_FOREIGN)
            older = [_SCHEMA] if version == 0 else [_MIGRATIONS[one] for one in range(version, SCHEMA_VERSION)]
            for statements in older:
                for statement in statements:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check(self) -> None:
        fault = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if fault != "ok":
            raise sqlite3.DatabaseError(str(fault).splitlines()[0])
        if not self._statements().issuperset(_SCHEMA):
            raise sqlite3.DatabaseError(_FOREIGN)
        if self._db.execute(_IMPOSSIBLE, {"first_us": _FIRST_US, "last_us": _LAST_US}).fetchone() is not None:
            raise sqlite3.DatabaseError("it has progress that no game can have stored")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _statements(self) -> set[str]:
        """Return the statements that created the tables."""
        return {row[0] for row in self._db.execute("SELECT sql FROM sqlite_master")}

    def transaction(self) -> AbstractContextManager[None]:
        """Commit what is done inside a `with` of it, all of it or nothing."""
        self._rows.clear()
        return Transaction(self._file, self._rows)

    def is_in_place(self) -> bool:
        """Return whether what was committed is in the file at the path: nobody has replaced or deleted that."""
        return self._file.is_in_place()

    @property
    def is_settled(self) -> bool:
        """Whether all is in the file itself, nothing in its log."""
        return self._file.is_settled

    def settle(self) -> None:
        """Move what the log holds into the file, unless other processes are using it."""
        self._file.settle()

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._db.execute(statement, parameters)

    @classmethod
    def copied(cls, path: Path) -> Database:
        """Return an in-memory copy of a file that can be read but not written."""
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as file:
            return cls._copy(file)

    def copy_to_memory(self) -> Database:
        """Return an in-memory copy, to continue with once the file can no longer be written."""
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
        """Close the file."""
        self._file.close()

    # Progress

    def row_of(self, player_id: int) -> int:
        """Return the id under which a player's rows are stored: another one once two players turned out to be one."""
        row_id = self._rows.get(player_id)
        if row_id is None:
            row = self._db.execute("SELECT joined_id FROM player WHERE id = ?", (player_id,)).fetchone()
            row_id = player_id if row is None or row[0] is None else int(row[0])
            if self._db.in_transaction:  # otherwise another process may join the player at any moment
                self._rows[player_id] = row_id
        return row_id

    def join(self, player_id: int, joined_id: int) -> None:
        """Note that the rows of `player_id` are now those of `joined_id`, inside a transaction."""
        self._db.execute(
            "UPDATE player SET joined_id = ? WHERE id = ? OR joined_id = ?", (joined_id, player_id, player_id)
        )
        self._rows.clear()

    def states(self, player_id: int, ids: Sequence[int] | None = None) -> dict[int, State]:
        """Return one player's states: those of `ids`, unknown ones included, or all that have a record."""
        player_id = self.row_of(player_id)
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
        """Return the progress that the service has not confirmed for one player, by ascending id."""
        rows = self._db.execute(
            "SELECT achievement_id, pending_percent, pending_unlocked_at_us FROM progress"
            " WHERE player_id = ? AND pending_percent IS NOT NULL ORDER BY achievement_id",
            (self.row_of(player_id),),
        )
        return {row[0]: Progress(row[1], row[2]) for row in rows}

    def write_states(self, player_id: int, states: Mapping[int, State]) -> None:
        """Store the progress in `states`."""
        row = self.row_of(player_id)
        self._db.executemany(
            "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(row, id_, *s.confirmed, s.revision, *(s.pending or (None, None))) for id_, s in states.items()],
        )

    def forget_confirmations(self, pause: Callable[[], None] = no_pause, *, keeps_lists: bool = False) -> None:
        """Make all players' progress pending again, for a service that may know nothing of it.

        With `keeps_lists`, the service's lists still count as stored, so that a game can go on reading its own.
        """
        for (player_id,) in self._db.execute("SELECT id FROM player WHERE joined_id IS NULL").fetchall():
            kept = "SELECT achievement_id FROM progress WHERE player_id = ?"
            ids = [row[0] for row in self._db.execute(kept, (player_id,))]
            for start in range(0, len(ids), SLICE_ROWS):
                states = self.states(player_id, ids[start : start + SLICE_ROWS])
                self.write_states(player_id, {id_: unconfirmed(state) for id_, state in states.items()})
                pause()
        self._db.execute("UPDATE player SET etag = NULL, cursor = NULL, fetched = fetched AND ?", (keeps_lists,))

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

    def texts(self, achievement_id: int) -> TextRow | None:
        """Return the texts of one achievement, None if it has no definition."""
        row: TextRow | None = self._db.execute(
            f"SELECT {_TEXTS} FROM definition WHERE id = ?", (achievement_id,)
        ).fetchone()
        return row

    def columns(self, player_id: int, rows_at_a_time: int) -> Iterator[Columns]:
        """Yield all definitions with one player's progress, by ascending id."""
        cursor = self._db.execute(
            f"SELECT id, percent, pending_percent, secret, secure, unlocked_at_us, pending_unlocked_at_us, {_TEXTS}"
            " FROM definition LEFT JOIN progress ON player_id = ? AND achievement_id = id ORDER BY id",
            (self.row_of(player_id),),
        )
        while rows := cursor.fetchmany(rows_at_a_time):
            numbers = list(zip(*rows, strict=True))[:_NUMBERS]
            yield Columns._make([*numbers, [row[_NUMBERS:] for row in rows]])

    # Bookkeeping

    def changed_elsewhere(self) -> bool:
        """Return whether another process has written since the last call."""
        version = self._file.version()
        changed = version != self._data_version
        self._data_version = version
        return bool(changed)

    def get_meta(self, key: str) -> str | None:
        """Return a stored value."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Store a value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def all_meta(self) -> dict[str, str]:
        """Return all stored values."""
        return dict(self._db.execute("SELECT key, value FROM meta").fetchall())

    def committed_seq(self, journal: bytes) -> int:
        """Return the sequence number up to which a journal's records are in the database."""
        row = self._db.execute("SELECT committed_seq FROM journal WHERE nonce = ?", (journal,)).fetchone()
        return 0 if row is None else int(row[0])

    def commit_journal(self, journal: bytes, seq: int) -> None:
        """Note that a journal's records up to `seq` are in the database."""
        self._db.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (journal, seq))

    def forget_journals(self, gone: Iterable[bytes]) -> None:
        """Delete the notes about journals that no longer exist."""
        self._db.executemany("DELETE FROM journal WHERE nonce = ?", [(journal,) for journal in gone])

    def noted_journals(self) -> list[bytes]:
        """Return the journals that have such a note."""
        return [row[0] for row in self._db.execute("SELECT nonce FROM journal")]


def _open(path: Path | None, busy_timeout_s: float) -> InMemory:
    if path is None:
        return InMemory()
    return (ImageFile if is_too_long(path) else SqliteFile)(path, busy_timeout_s)


@contextmanager
def _damage_is_reported() -> Iterator[None]:
    """Raise `DamagedError` for what SQLite says of a damaged file."""
    try:
        yield
    except UnicodeDecodeError as exc:
        raise DamagedError("SQLite's message about it quotes damaged text") from exc
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError | DamagedError):
            raise
        raise DamagedError(str(exc)) from exc


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
    # By position, not by name, which takes half the time.
    return State(
        Progress(percent or 0, unlocked_at_us),
        revision,
        None if pending_percent is None else Progress(pending_percent, pending_unlocked_at_us),
        secret is not None,
        bool(secret),
        bool(secure),
    )
