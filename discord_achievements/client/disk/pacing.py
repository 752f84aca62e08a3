"""How long the worker may hold the interpreter at a time, since the game's frame waits for it meanwhile."""

from __future__ import annotations

import time

SLICE_ROWS = 8
"""Rows handled between two pauses: about a tenth of a millisecond of work."""
START_ROWS = 64
"""Rows read at a time while no frame waits: so few that their objects do not call the garbage collector."""
_PAUSE_S = 0.0002


def pause() -> None:
    """Let the game's thread run. **Blocks** for long enough that it really gets the interpreter."""
    time.sleep(_PAUSE_S)


def no_pause() -> None:
    """Continue at once: while the constructor runs, no frame is waiting."""
