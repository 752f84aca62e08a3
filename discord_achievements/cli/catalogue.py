"""Brings the definitions of a game to what its catalogue file says.

What the file does not say stays: achievements that it does not have, icons where it names none, all progress.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..client.disk.catalogue_file import icon_paths, read_catalogue
from ..domain.catalogue import Catalogue
from ..domain.errors import ApiError, CatalogueError, DiscordAchievementsError
from ..domain.models import ACHIEVEMENTS_MAX, Achievement
from ..server.icons import default_icon, verify
from ..server.stores.base import Icon, Store
from .common import field_errors
from .icon_file import read_icon


class Game(NamedTuple):
    """A catalogue with its icons, all of which have been looked into."""

    catalogue: Catalogue
    icons: dict[int, Icon]


class Outcome(NamedTuple):
    """The ids of the achievements that were created, changed and left, and of those that the file does not have."""

    created: list[int]
    changed: list[int]
    unchanged: list[int]
    not_in_file: list[int]


def read_game(path: Path) -> Game:
    """Return the catalogue at `path` with its icons; raises `CatalogueError` with every mistake."""
    catalogue = read_catalogue(path)
    icons, problems = {}, []
    for achievement_id, icon in icon_paths(catalogue).items():
        try:
            icons[achievement_id] = verify(read_icon(Path(icon)))
        except ApiError as exc:
            problems += [f"{icon}: {message}" for _, message in field_errors(exc.errors or {})]
        except DiscordAchievementsError as exc:
            problems.append(str(exc))
    if problems:
        raise CatalogueError(catalogue.source, problems)
    return Game(catalogue, icons)


def define(store: Store, game: Game) -> Outcome:
    """Create and change what differs in the store. One achievement after the other: after a failure, do it again."""
    application_id = game.catalogue.application_id
    before = {achievement.id: achievement for achievement in store.achievements(application_id)}
    wanted = {entry.achievement.id: entry.achievement for entry in game.catalogue.entries}
    if (count := len(before.keys() | wanted.keys())) > ACHIEVEMENTS_MAX:
        raise DiscordAchievementsError(f"there would be {count} achievements; allowed are {ACHIEVEMENTS_MAX}")
    outcome = Outcome([], [], [], sorted(before.keys() - wanted.keys()))
    for achievement_id, definition in wanted.items():
        icon = game.icons.get(achievement_id)
        known = before.get(achievement_id)
        if known is None:
            made = replace(definition, icon_hash=(icon or default_icon()).icon_hash)
            store.add_achievement(made, icon)
            outcome.created.append(achievement_id)
        elif (made := replace(definition, icon_hash=icon.icon_hash if icon else known.icon_hash)) != known:
            store.change_achievement(application_id, achievement_id, _to(made, keep_icon=icon is None), icon)
            outcome.changed.append(achievement_id)
        else:
            outcome.unchanged.append(achievement_id)
    return outcome


def _to(made: Achievement, *, keep_icon: bool) -> Callable[[Achievement], Achievement]:
    """Return the change to `made`; an icon that is kept is the one at that moment."""
    values: dict[str, Any] = {field.name: getattr(made, field.name) for field in fields(made)}
    if keep_icon:
        del values["icon_hash"]
    return lambda before: replace(before, **values)
