"""The journal makes a set crash-safe before the call returns, where possible without a system call on the game thread.

Writing a record is a copy into memory that the operating system keeps when the process is killed (see `record_file`).
The worker commits each record to the database within milliseconds, which adds safety from power loss.

Layout: slots of 128 bytes. A slot belongs to one achievement of one owner and holds two cells of 64 bytes, written in
turn, so that a write torn by a crash never destroys the record before it. A cell is: sequence number, achievement id,
time of the set in microseconds, owner, percent, checksum. All cells with a valid checksum count; the progress rule
makes reading an old one harmless. The file's name contains its nonce, under which the database keeps the sequence
number that it has committed, so nothing is ever erased here. Another layout needs another name: files whose names this
module does not know are left alone.

Each process has its own journal, locked while the process lives. An unlocked one was left by a crash: the next start
copies its records into the database and removes it.
"""

from __future__ import annotations

import os
import re
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ...domain.progress import is_percent
from ...domain.snowflake import is_snowflake
from ...domain.wire import is_time
from .filelock import try_lock
from .owner import is_owner
from .record_file import SEALED_BYTES, RecordFile, Written, fill, record_file

_FIELDS = struct.Struct("<Qqq16sB")
_CELL = struct.Struct("<Qqq16sBI")
assert _CELL.size == SEALED_BYTES
_CELL_BYTES = 64
_SLOT_BYTES = 2 * _CELL_BYTES
SLOTS = 2048
FILE_BYTES = SLOTS * _SLOT_BYTES
NONCE_BYTES = 16
_PAGE_BYTES = 4096
_EMPTY_PAGE = bytes(_PAGE_BYTES)
_NAME = re.compile(r"journal-([0-9a-f]{32})\.bin")
_TRIES = 100

RecordFileFor = Callable[[BinaryIO, Path, int], RecordFile]

_pack_fields = _FIELDS.pack
_crc32 = zlib.crc32


class Entry(NamedTuple):
    """One set as the journal has it."""

    seq: int
    achievement_id: int
    at_us: int
    owner: bytes
    percent: int


class Journal:
    """This process's journal. **Thread**: `write` belongs to the game thread; the worker sets the two attributes.

    `committed_seq` is the last record up to which the database has all. Once `recheck` is set, the file,
    and each page before it is written, is examined again, which costs a system call each.
    """

    def __init__(self, file: BinaryIO, path: Path, nonce: bytes, records: RecordFile) -> None:
        self.nonce = nonce
        self.committed_seq = 0
        self.recheck = True
        self._path = path
        self._file = file
        self._records = records
        self._safe_pages: set[int] = set()
        self._failure: str | None = None
        self._owner = b""
        # Of the present owner, by achievement: the cell, sequence number and percent of the last record.
        self._written: dict[int, tuple[int, int, int]] = {}
        self._end = 0
        self._last_seq = 0
        self._left_out_seq = 0

    @classmethod
    def create(cls, folder: Path, *, nonce: bytes | None = None, record_file: RecordFileFor = record_file) -> Journal:
        """Create and lock a new journal in `folder`, with `nonce` or a new one. Raises `OSError`."""
        for _ in range(_TRIES):
            nonce = nonce or secrets.token_bytes(NONCE_BYTES)
            path = folder / f"journal-{nonce.hex()}.bin"
            file = path.open("x+b")
            try:
                if _take(file, path):
                    fill(file, path, FILE_BYTES)
                    return cls(file, path, nonce, record_file(file, path, FILE_BYTES))
            except BaseException:
                _let_go(file, path, remove=True)
                raise
            # Another process, starting at this moment, took the empty file for one that a crash left.
            file.close()
            nonce = None
        raise OSError(f"none of {_TRIES} new journals could be locked")

    def write(self, seq: int, achievement_id: int, percent: int, at_us: int, owner: bytes) -> bool:
        """Record a set. When this returns True, a killed process loses nothing.

        False means that there is no room until a commit, or that the file cannot be written. `seq` rises with each
        call.
        """
        if self.recheck:
            self.recheck = False
            self._safe_pages.clear()
            if not self._records.is_whole():
                self._write_by_calls()
        if owner != self._owner:
            self._owner = owner
            self._written = {}
        written = self._written.get(achievement_id)
        if written is None:
            cell = self._allocate()
            if cell is None:
                self._left_out_seq = seq
                return False
        else:
            cell, last_seq, last_percent = written
            if percent <= last_percent and last_seq > self.committed_seq:
                return True  # a game may set a lower value in the same frame; that must not replace the higher one
            cell ^= _CELL_BYTES
        page = cell // _PAGE_BYTES
        if page not in self._safe_pages:
            if not self._records.is_safe(cell):
                self._write_by_calls()
            self._safe_pages.add(page)
        record = _pack_fields(seq, achievement_id, at_us, owner, percent)
        try:
            self._records.put(cell, record, _crc32(record))
        except OSError as exc:
            if written is None:
                self._end -= _SLOT_BYTES
            self._left_out_seq, self._failure = seq, str(exc)
            return False
        self._written[achievement_id] = (cell, seq, percent)
        self._last_seq = seq
        return True

    def _write_by_calls(self) -> None:
        # The map stays open: the worker may be about to flush it.
        self._records = Written(self._file, FILE_BYTES)

    def _allocate(self) -> int | None:
        if self._end == FILE_BYTES:
            if not self.is_committed:
                return None
            self._written = {}
            self._end = 0
        slot = self._end
        self._end += _SLOT_BYTES
        return slot

    @property
    def is_committed(self) -> bool:
        """Whether the database has everything that was written here."""
        return self.committed_seq >= self._last_seq

    @property
    def is_overrun(self) -> bool:
        """Whether a set that could not be written here is not in the database yet. **Thread**: any."""
        return self._left_out_seq > self.committed_seq

    @property
    def trouble(self) -> str | None:
        """What is wrong while `is_overrun`, None if nothing is. **Thread**: any."""
        if not self.is_overrun:
            return None
        what = "is full" if self._failure is None else f"cannot be written ({self._failure})"
        return f"the journal {what}: a crash now would lose the updates that are not stored yet"

    def is_in_place(self) -> bool:
        """Return whether the next start can find it: nobody has replaced or deleted the file."""
        return _is_at(self._file, self._path)

    def flush(self) -> None:
        """Have the disk store everything that was written, not only the operating system. Raises `OSError`."""
        self._records.flush()

    def close(self, *, remove: bool) -> None:
        """Unlock the journal; `remove` it if the database has all of it, otherwise the next start recovers it.

        Raises `OSError` if it cannot be removed.
        """
        self._records.close()
        _let_go(self._file, self._path, remove=remove)


class Orphan:
    """A journal whose process has ended; locked until closed."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.nonce = _nonce(path)
        self.entries = read(file.read(FILE_BYTES))
        self._file = file
        self.path = path

    @classmethod
    def take(cls, path: Path) -> Orphan | None:
        """Lock and read the journal at `path`; None if a living process has it. Raises `OSError`."""
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            return None  # another process has just recovered it
        try:
            if _take(file, path):
                return cls(file, path)
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def close(self, *, remove: bool) -> None:
        """Unlock the journal, and `remove` it once the database has its entries.

        Raises `OSError` if it cannot be removed.
        """
        _let_go(self._file, self.path, remove=remove)


def read(data: bytes) -> list[Entry]:
    """Return the undamaged entries in a journal's bytes, in the order in which they were written."""
    # Most of a journal is empty, and a start may have to read thousands: compare pages, not cells.
    pages = (data[start : start + _PAGE_BYTES] for start in range(0, len(data), _PAGE_BYTES))
    return sorted(entry for page in pages if page != _EMPTY_PAGE for entry in _read_page(page))


def _read_page(page: bytes) -> Iterator[Entry]:
    for start in range(0, len(page) - _CELL.size + 1, _CELL_BYTES):
        *fields, checksum = _CELL.unpack_from(page, start)
        if checksum == _crc32(page[start : start + _FIELDS.size]):
            entry = Entry(*fields)
            if _can_be_ours(entry):
                yield entry


def _can_be_ours(entry: Entry) -> bool:
    """Return whether a game can have made the entry: anybody can write a file with valid checksums."""
    return (
        is_snowflake(entry.seq)
        and is_snowflake(entry.achievement_id)
        and is_percent(entry.percent)
        and is_time(entry.at_us)
        and is_owner(entry.owner)
    )


def paths(folder: Path) -> Iterator[Path]:
    """Yield the paths of the journals in `folder`, including those of living processes; none if it cannot be listed."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return iter(())
    return (folder / name for name in names if _NAME.fullmatch(name))


def nonces(folder: Path) -> list[bytes]:
    """Return the nonces of the journals in `folder`."""
    return [_nonce(path) for path in paths(folder)]


def _nonce(path: Path) -> bytes:
    return bytes.fromhex(path.stem.removeprefix("journal-"))


def _take(file: BinaryIO, path: Path) -> bool:
    """Lock `file`; return False if another process holds it, or has held and removed it."""
    return try_lock(file) and _is_at(file, path)


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _let_go(file: BinaryIO, path: Path, *, remove: bool) -> None:
    if os.name == "nt":
        file.close()  # Windows removes no open file; elsewhere holding the lock to the end keeps others out meanwhile
    try:
        if remove:
            path.unlink(missing_ok=True)
    finally:
        file.close()
