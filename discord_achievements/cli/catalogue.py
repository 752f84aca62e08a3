"""Reads a catalogue file and its icons."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..client.disk.catalogue_file import icon_paths, read_catalogue
from ..domain.catalogue import Catalogue
from ..domain.errors import ApiError, CatalogueError, DiscordAchievementsError
from ..server.icons import verify
from ..server.stores.base import Icon
from .icon_file import read_icon
from .output import field_errors


class Game(NamedTuple):
    """A catalogue with its icons, all of which have been looked into."""

    catalogue: Catalogue
    icons: dict[int, Icon]


def read_game(path: Path) -> Game:
    """Return the catalogue at `path` with its icons; raises `CatalogueError` with every mistake."""
    catalogue = read_catalogue(path)
    icons, problems = {}, []
    for achievement_id, icon in icon_paths(catalogue).items():
        try:
            icons[achievement_id] = verify(read_icon(Path(icon)).content)
        except ApiError as exc:
            problems += [f"{icon}: {message}" for _, message in field_errors(exc.errors or {})]
        except DiscordAchievementsError as exc:
            problems.append(str(exc))
    if problems:
        raise CatalogueError(catalogue.source, problems)
    return Game(catalogue, icons)
