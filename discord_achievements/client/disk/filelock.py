"""An exclusive lock on an open file, which ends with the file or the process."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_POLL_S = 0.005

if sys.platform == "win32":
    import msvcrt

    # Windows locks are mandatory: others cannot read a locked byte. One far beyond the content does no harm.
    _LOCKED_BYTE = 1 << 30

    def try_lock(file: BinaryIO) -> bool:
        """Lock `file`; return False if another process, or another open file, holds the lock.

        Raises `OSError` if files cannot be locked at all.
        """
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            file.seek(0)
        return True

else:
    import fcntl

    def try_lock(file: BinaryIO) -> bool:
        """Lock `file`; return False if another process, or another open file, holds the lock.

        Raises `OSError` if files cannot be locked at all.
        """
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def locked(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock of the file at `path`, which is created if necessary and stays. Raises `OSError`.

    **Blocks** while another process holds it; after `timeout_s` that is a `TimeoutError`.
    """
    deadline = time.monotonic() + timeout_s
    with path.open("ab") as file:
        while not try_lock(file):
            if time.monotonic() > deadline:
                raise TimeoutError(f"another process has held {path} for {timeout_s:g} s")
            time.sleep(_POLL_S)
        yield
