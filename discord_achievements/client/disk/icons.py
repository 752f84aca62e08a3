"""Icons on this machine: PNG files named by their hash, fetched once and kept."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger("discord_achievements")
_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_BYTES = 1024 * 1024


class IconFolder:
    """The folder of icons; `run` distinguishes this process's unfinished files from another's."""

    def __init__(self, folder: Path, run: bytes) -> None:
        self._folder = folder
        self._run = run.hex()

    def path(self, icon_hash: str) -> Path:
        """Return where the icon with that hash is, or will be."""
        return self._folder / f"{icon_hash}.png"

    def store(self, icon_hash: str, body: bytes) -> Path | None:
        """Store an icon and return its path; None, with a line in the log, if that fails."""
        path = self.path(icon_hash)
        if not body.startswith(_PNG) or len(body) > _MAX_BYTES:
            _log.warning("the icon %s is not a PNG of at most %d bytes and is ignored", icon_hash, _MAX_BYTES)
            return None
        try:
            path.parent.mkdir(exist_ok=True)
            part = path.with_name(f"{path.name}.{self._run}.part")
            part.write_bytes(body)
            os.replace(part, path)
        except OSError as exc:
            _log.warning("the icon %s cannot be stored (%s)", icon_hash, exc)
            return None
        return path


def is_png(path: Path) -> bool:
    """Return whether there is a PNG at `path`."""
    return why_no_png(path) is None


def why_no_png(path: Path) -> str | None:
    """Return what is wrong with the PNG at `path`, as the end of a sentence; None if nothing is."""
    try:
        with path.open("rb") as file:
            return None if file.read(len(_PNG)) == _PNG else "is not a PNG"
    except FileNotFoundError:
        return "does not exist"
    except (OSError, ValueError) as exc:
        return f"cannot be read: {getattr(exc, 'strerror', None) or exc}"
