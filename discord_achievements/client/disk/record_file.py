"""How a record gets into the journal's file: by a mapped memory page where that is safe, otherwise by a file call.

Writing to mapped memory costs no system call, but it reports an error by a signal that kills the game. That happens
if the file system has no room for a page that is in the file already (copy-on-write file systems), if its device has
failed or its server is unreachable, or if another program has truncated the file. On such file systems, and once a page
was found not to be safe, records are therefore written by `pwrite`: about a microsecond more, and an error is an
`OSError`.

Where neither the file system nor its habits are known (macOS, Linux without /proc), file calls are used too.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

_SEALED = struct.Struct("<41sI")
SEALED_BYTES = _SEALED.size

# Those that write elsewhere what is overwritten, and those whose pages come from another machine or program.
_NOT_IN_PLACE = frozenset({"bcachefs", "btrfs", "f2fs", "nilfs2", "zfs"})
_REMOTE = frozenset({"9p", "afs", "ceph", "cifs", "nfs", "nfs4", "smb3", "vboxsf", "virtiofs"})
_GET_FLAGS, _SET_FLAGS, _NO_COPY_ON_WRITE = 0x80086601, 0x40086602, 0x00800000
_POPULATE_WRITE = 23
_MOUNTS = Path("/proc/self/mountinfo")


class RecordFile(Protocol):
    """A file of fixed size that takes records. **Thread**: the game's, except `flush`, which is the worker's."""

    def put(self, offset: int, record: bytes, checksum: int, /) -> None:
        """Write a record and its checksum; they survive the process when this returns. Raises `OSError`."""

    def is_whole(self) -> bool:
        """Return whether nobody has truncated the file."""

    def is_safe(self, offset: int) -> bool:
        """Return whether the page at `offset` of a whole file can be written."""

    def flush(self) -> None:
        """Have the disk store what was put. Raises `OSError`."""

    def close(self) -> None:
        """Let go of the memory; the file stays open."""


class Mapped:
    """Writes to mapped memory. Raises `OSError` if the file cannot be mapped."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._map = mmap.mmap(file.fileno(), size)
        self._size = size
        self._can_probe = True
        self.put = partial(_SEALED.pack_into, self._map)

    def is_whole(self) -> bool:
        try:
            return self._map.size() >= self._size
        except OSError:
            return False

    def is_safe(self, offset: int) -> bool:
        try:
            if sys.platform == "linux" and self._can_probe:
                # Reports what would be a signal: no room for the page, or a device that has failed.
                self._map.madvise(_POPULATE_WRITE, offset - offset % mmap.PAGESIZE, mmap.PAGESIZE)
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                return False
            self._can_probe = False  # Linux before 5.14
        return True

    def flush(self) -> None:
        self._map.flush()

    def close(self) -> None:
        self._map.close()


class Written:
    """Writes by a call."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._fd = file.fileno()

    def put(self, offset: int, record: bytes, checksum: int, /) -> None:
        sealed = _SEALED.pack(record, checksum)
        if sys.platform == "win32":
            os.lseek(self._fd, offset, os.SEEK_SET)
            written = os.write(self._fd, sealed)
        else:
            written = os.pwrite(self._fd, sealed, offset)
        if written != SEALED_BYTES:
            raise OSError(f"only {written} of {SEALED_BYTES} bytes were written")

    def is_whole(self) -> bool:
        return True  # what somebody has cut off in front of a record is filled with zeros

    def is_safe(self, offset: int) -> bool:
        return True  # an error is an `OSError`

    def flush(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        pass


def fill(file: BinaryIO, path: Path, size: int) -> None:
    """Give a new, empty file its size. Raises `OSError` if the disk has no room for it."""
    if _type_of(path) in _NOT_IN_PLACE:
        _overwrite_in_place(file)
    # Real zeros, not a hole: a full disk must show here, not when a record is written.
    file.write(bytes(size))
    file.flush()


def record_file(file: BinaryIO, path: Path, size: int) -> RecordFile:
    """Return the way to write to the file at `path`, which is open and has its size."""
    if can_be_mapped(path):
        with suppress(OSError, ValueError):
            return Mapped(file, size)
    return Written(file, size)


def can_be_mapped(path: Path) -> bool:
    """Return whether writing to mapped memory cannot fail on the file system of `path`, as far as is known."""
    if os.name == "nt":
        return not str(path).startswith("\\\\")  # a share of another machine
    kind = _type_of(path)
    return bool(kind) and kind not in _NOT_IN_PLACE | _REMOTE and not kind.startswith("fuse")


def _type_of(path: Path) -> str:
    """Return the type of the file system that holds `path`, "" if that cannot be found out."""
    try:
        table = _MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    return type_in(table, os.path.realpath(path))


def type_in(mounts: str, path: str) -> str:
    """Return the type of the file system that holds `path`, by the lines of Linux's `mountinfo`."""
    best, found = -1, ""
    for line in mounts.splitlines():
        place, _, kind = line.partition(" - ")
        point = _unescaped(place.split(" ")[4])
        # Of several mounts at one point the last one counts.
        if len(point) >= best and (path == point or path.startswith(point.rstrip("/") + "/")):
            best, found = len(point), kind.split(" ")[0]
    return found


def _unescaped(point: str) -> str:
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(escape, character)
    return point


def _overwrite_in_place(file: BinaryIO) -> None:
    """Have btrfs keep the file's blocks, so that a record finds room on a full disk; others know no such thing."""
    if sys.platform == "linux" and struct.calcsize("l") == 8:
        import fcntl

        with suppress(OSError):
            flags = struct.unpack("l", fcntl.ioctl(file, _GET_FLAGS, bytes(8)))[0]
            fcntl.ioctl(file, _SET_FLAGS, struct.pack("l", flags | _NO_COPY_ON_WRITE))
