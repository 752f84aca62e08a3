"""What a player has missed since a moment: the records say when they changed last, whichever process changed them."""

from __future__ import annotations

from collections.abc import Mapping

from ..domain.access import missed_event
from ..domain.models import Achievement
from ..domain.wire import RESYNC
from .stores.base import Held

CLOCK_SKEW_US = 60_000_000
"""How far the clocks of two hosts may differ; commits are out of order by less."""


def changed_since(
    achievements: Mapping[int, Achievement], records: Mapping[int, Held], since_us: int
) -> list[int] | None:
    """Return the achievements whose progress has changed since then, in the order of the changes.

    Return None if an unlocked secret may have been reset, and so may have left the list. Clocks of two hosts differ and
    commits may be slightly out of order, so the last minute before that moment counts too.
    """
    changed = sorted(
        (held.changed_at_us, achievement_id)
        for achievement_id, held in records.items()
        if held.changed_at_us > since_us - CLOCK_SKEW_US and achievement_id in achievements
    )
    events = [(missed_event(achievements[id_], records[id_].progress), id_) for _, id_ in changed]
    if any(event == RESYNC for event, _ in events):
        return None
    return [id_ for event, id_ in events if event is not None]
