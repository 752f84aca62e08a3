"""An exclusive lock on an open file, taken at once or not at all; it ends with the file or the process."""

from __future__ import annotations

import sys
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    # Windows locks are mandatory: a locked byte cannot be read by others. One far behind the content hurts nobody.
    _LOCKED_BYTE = 1 << 30

    def try_lock(file: BinaryIO) -> bool:
        """Lock `file`; return False when another process, or another open file, holds it."""
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(0)
        return True

else:
    import fcntl

    def try_lock(file: BinaryIO) -> bool:
        """Lock `file`; return False when another process, or another open file, holds it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
