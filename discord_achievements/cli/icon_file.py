"""Reads an icon's file; whether the content is a picture, the service checks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..domain.definition import ICON_MAX_BYTES
from ..domain.errors import DiscordAchievementsError

_TYPES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp"}


class Upload(NamedTuple):
    """A file with the type that its name claims."""

    media_type: str
    content: bytes


def read_icon(path: Path) -> Upload:
    """Return a file's content with the type that its name claims; raises `DiscordAchievementsError`."""
    kind = _TYPES.get(path.suffix.lower())
    if kind is None:
        raise DiscordAchievementsError(f"the name of the icon {path} must end in {', '.join(_TYPES)}")
    try:
        with path.open("rb") as file:
            content = file.read(ICON_MAX_BYTES + 1)
            size = file.seek(0, 2)
    except OSError as exc:
        raise DiscordAchievementsError(f"the icon {path} cannot be read: {exc.strerror or exc}") from exc
    if len(content) > ICON_MAX_BYTES:
        raise DiscordAchievementsError(f"the icon {path} has {size} bytes; at most {ICON_MAX_BYTES} are allowed")
    return Upload(f"image/{kind}", content)
