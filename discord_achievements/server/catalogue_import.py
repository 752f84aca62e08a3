"""Brings an application's achievements up to date with a catalogue.

Whatever the catalogue does not mention stays: other achievements, icons of entries without one, all progress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

from ..domain.catalogue import Catalogue
from ..domain.errors import DiscordAchievementsError
from ..domain.models import ACHIEVEMENTS_MAX, Achievement
from .icons import default_icon
from .stores.base import Icon, Store


class Outcome(NamedTuple):
    """Ids of the achievements that were created, changed or left alone, and of those that the file does not have."""

    created: list[int]
    changed: list[int]
    unchanged: list[int]
    not_in_file: list[int]


def import_catalogue(store: Store, catalogue: Catalogue, icons: Mapping[int, Icon]) -> Outcome:
    """Create and change what differs in the store; `icons` are verified pictures by achievement id.

    Raises `DiscordAchievementsError` if the application would have too many achievements. **Blocks**. Each achievement
    is a transaction of its own; if one fails, run the import again.
    """
    application_id = catalogue.application_id
    before = {achievement.id: achievement for achievement in store.achievements(application_id)}
    wanted = {entry.achievement.id: entry.achievement for entry in catalogue.entries}
    if (count := len(before.keys() | wanted.keys())) > ACHIEVEMENTS_MAX:
        raise DiscordAchievementsError(
            f"application {application_id} would have {count} achievements; the maximum is {ACHIEVEMENTS_MAX}"
        )
    outcome = Outcome([], [], [], sorted(before.keys() - wanted.keys()))
    for achievement_id, definition in wanted.items():
        icon = icons.get(achievement_id)
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
    """Return the change to `made`; with `keep_icon` the icon stays the one that is stored at that moment."""
    values: dict[str, Any] = {field.name: getattr(made, field.name) for field in fields(made)}
    if keep_icon:
        del values["icon_hash"]
    return lambda before: replace(before, **values)
