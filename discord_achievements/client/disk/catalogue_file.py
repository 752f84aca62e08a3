"""Reads a catalogue and the paths of its icons from disk."""

from __future__ import annotations

import os
from pathlib import Path

from ...domain.catalogue import Catalogue, parse_catalogue
from ...domain.errors import CatalogueError, ConfigurationError
from .icons import why_no_png

_MAX_CHARACTERS = 4_000_000


def read_catalogue(path: object) -> Catalogue:
    """Return the catalogue in the file at `path`.

    Raises `CatalogueError`, or `ConfigurationError` if `path` is not a path. **Blocks** for the disk.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(
            f"achievements: expected the path of a catalogue file, such as 'achievements.toml', got {path!r:.60}"
        )
    source = os.fsdecode(path)
    try:
        with open(source, encoding="utf-8") as file:
            text = file.read(_MAX_CHARACTERS + 1)
    except FileNotFoundError as exc:
        raise CatalogueError(source, [f"there is no such file: {os.path.abspath(source)}"]) from exc
    except UnicodeDecodeError as exc:
        raise CatalogueError(source, [f"the file is not UTF-8 ({exc}); save it in that encoding"]) from exc
    except (OSError, ValueError) as exc:  # ValueError: a path with a null character
        raise CatalogueError(source, [f"the file cannot be read: {exc}"]) from exc
    if len(text) > _MAX_CHARACTERS:
        raise CatalogueError(source, [f"the file is longer than {_MAX_CHARACTERS} characters"])
    return parse_catalogue(text, source=source)


def icon_paths(catalogue: Catalogue) -> dict[int, str]:
    """Return the paths of a catalogue's icons, by achievement id."""
    # Absolute, since a game may change its working directory.
    folder = Path(catalogue.source).absolute().parent
    return {entry.achievement.id: str(folder / entry.icon) for entry in catalogue.entries if entry.icon}


def png_paths(catalogue: Catalogue) -> dict[int, str]:
    """Return what `icon_paths` does. Raises `CatalogueError` with every icon that is missing or not a PNG.

    **Blocks** for the disk.
    """
    paths = icon_paths(catalogue)
    wrong = {id_: why for id_, path in paths.items() if (why := why_no_png(Path(path)))}
    if wrong:
        said = [f"{catalogue.source}: the icon of achievement {id_}, {paths[id_]}, {wrong[id_]}" for id_ in wrong]
        raise CatalogueError(catalogue.source, said)
    return paths
