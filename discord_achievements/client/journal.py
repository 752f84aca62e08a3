"""The journal makes a set crash-safe before the call returns, without a system call on the game thread.

It is a memory-mapped file. Writing a record is a copy into memory that the operating system keeps when the process is
killed. The worker commits each record to the cache within milliseconds, which adds safety from power loss.

Layout: a header of 128 bytes (magic, version, a nonce that names this journal, checksum), then slots of 128 bytes.
A slot belongs to one achievement of one owner and holds two cells of 64 bytes, written in turn, so that a write torn by
a crash never destroys the record before it. A cell is: sequence number, achievement id, time of the set in
microseconds, owner, percent, checksum. All cells whose checksum holds count; the progress rule makes reading an old
one harmless. What the cache has committed is known there by nonce and sequence number, so nothing is ever erased here.

Each process has a journal of its own, locked while it lives. One without an owner is what a crash left: the next
start folds it into the cache and removes it.
"""

from __future__ import annotations

import mmap
import os
import re
import secrets
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..domain.snowflake import is_snowflake
from .filelock import try_lock

_MAGIC = b"DACHJRNL"
_VERSION = 1
_HEADER = struct.Struct("<8sI16s")
_CELL = struct.Struct("<Qqq16sB")
_CHECKSUM = struct.Struct("<I")
_CELL_BYTES = 64
_SLOT_BYTES = 2 * _CELL_BYTES
_HEADER_BYTES = _SLOT_BYTES
SLOTS = 2048
FILE_BYTES = _HEADER_BYTES + SLOTS * _SLOT_BYTES
NONCE_BYTES = 16
OWNER_BYTES = 16
_PATTERN = "journal-*.bin"

_pack_cell = _CELL.pack
_pack_checksum = _CHECKSUM.pack
_crc32 = zlib.crc32


class Entry(NamedTuple):
    """One set as the journal holds it."""

    seq: int
    achievement_id: int
    at_us: int
    owner: bytes
    percent: int


class Journal:
    """This process's journal. **Thread**: `write` belongs to the game thread; the worker sets `committed_seq`."""

    def __init__(self, file: BinaryIO, path: Path, nonce: bytes) -> None:
        self.path = path
        self.nonce = nonce
        self.committed_seq = 0
        self._file = file
        self._map = mmap.mmap(file.fileno(), FILE_BYTES)
        self._next_cell: dict[tuple[bytes, int], int] = {}
        self._end = _HEADER_BYTES
        self._last_seq = 0

    @classmethod
    def create(cls, folder: Path) -> Journal:
        """Make, lock and map a new journal in `folder`; raises `OSError`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        path = folder / f"journal-{nonce.hex()}.bin"
        file = path.open("x+b")
        if not try_lock(file) or not path.exists():
            # Another process that starts just now took the empty file for one that a crash left.
            file.close()
            return cls.create(folder)
        try:
            header = _HEADER.pack(_MAGIC, _VERSION, nonce)
            header += _pack_checksum(_crc32(header))
            # Real zeros, not a hole: a full disk has to show here, not as a fatal signal when a page is first written.
            file.write(header.ljust(_HEADER_BYTES, b"\0") + bytes(FILE_BYTES - _HEADER_BYTES))
            file.flush()
            return cls(file, path, nonce)
        except BaseException:
            file.close()
            path.unlink(missing_ok=True)
            raise

    def write(self, seq: int, achievement_id: int, percent: int, at_us: int, owner: bytes) -> bool:
        """Record a set; when this returns True a killed process loses nothing. False: no room until a commit.

        `seq` rises with each call.
        """
        key = (owner, achievement_id)
        cell = self._next_cell.get(key)
        if cell is None:
            cell = self._allocate()
            if cell is None:
                return False
        body = _pack_cell(seq, achievement_id, at_us, owner, percent)
        record = body + _pack_checksum(_crc32(body))
        self._map[cell : cell + len(record)] = record
        self._next_cell[key] = cell ^ _CELL_BYTES
        self._last_seq = seq
        return True

    def _allocate(self) -> int | None:
        if self._end == FILE_BYTES:
            if self.committed_seq < self._last_seq:
                return None
            self._next_cell.clear()
            self._end = _HEADER_BYTES
        cell = self._end
        self._end += _SLOT_BYTES
        return cell

    def close(self, *, remove: bool) -> None:
        """Give it up; `remove` it when the cache holds all of it, else the next start folds it in."""
        self._map.close()
        self._file.close()
        if remove:
            self.path.unlink(missing_ok=True)


def read(data: bytes) -> tuple[bytes | None, list[Entry]]:
    """Return the nonce (None where the header is damaged) and every undamaged entry of a journal's bytes."""
    nonce = None
    header = data[: _HEADER.size]
    checksum = data[_HEADER.size : _HEADER.size + _CHECKSUM.size]
    if len(header) == _HEADER.size and checksum == _pack_checksum(_crc32(header)):
        magic, version, said = _HEADER.unpack(header)
        if magic == _MAGIC and version == _VERSION:
            nonce = said
    entries = []
    for start in range(_HEADER_BYTES, len(data) - _CELL_BYTES + 1, _CELL_BYTES):
        body = data[start : start + _CELL.size]
        checksum = data[start + _CELL.size : start + _CELL.size + _CHECKSUM.size]
        if checksum != _pack_checksum(_crc32(body)):
            continue
        entry = Entry(*_CELL.unpack(body))
        if is_snowflake(entry.achievement_id) and 0 <= entry.percent <= 100:
            entries.append(entry)
    return nonce, sorted(entries)


def nonces(folder: Path) -> list[bytes]:
    """Return the nonces of the journals in `folder`, as their names tell them."""
    names = (path.stem.removeprefix("journal-") for path in folder.glob(_PATTERN))
    return [bytes.fromhex(name) for name in names if re.fullmatch(r"[0-9a-f]{32}", name)]


class Orphan:
    """A journal whose process is gone; held locked until closed."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self.nonce, self.entries = read(file.read(FILE_BYTES))

    def close(self, *, remove: bool) -> None:
        """Let go of it, and `remove` it once the cache has committed its entries. Raises `OSError`."""
        # Windows removes no open file; elsewhere removing first leaves no moment for another process to take it.
        if os.name == "nt":
            self._file.close()
        if remove:
            self._path.unlink(missing_ok=True)
        self._file.close()


def orphans(folder: Path) -> Iterator[Orphan]:
    """Yield the journals in `folder` that no living process holds. Raises `OSError`."""
    for path in sorted(folder.glob(_PATTERN)):
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            continue  # another process has just folded it in
        if not try_lock(file):
            file.close()
            continue
        yield Orphan(file, path)
