"""Brings the content of one database into another, when the file can be used again or another has taken its place.

State, not operations: two states of one achievement are combined as those of one player who had been taken for two. So
nothing that either of them holds is lost. A value that the service has refused meanwhile is sent to it once more.
"""

from __future__ import annotations

from ..state import combined
from .database import Database
from .players import Players


def bring(source: Database, into: Database, *, confirmed_by: str, answered: str) -> None:
    """Bring everything that `source` holds into the other database, inside its transaction.

    `confirmed_by` is the key of the service whose confirmations a database holds, `answered` the key that says whether
    the definitions are the service's.
    """
    values, known = source.all_meta(), into.all_meta()
    if values.get(confirmed_by) and values.get(confirmed_by) != known.get(confirmed_by):
        into.forget_confirmations()
        known.pop(answered, None)
        into.set_meta(answered, "")
    if values.get(answered) or not known.get(answered):
        _bring_definitions(source, into)
    for key, value in values.items():
        if value or not known.get(key):
            into.set_meta(key, value)
    _bring_players(source, into)


def _bring_definitions(source: Database, into: Database) -> None:
    ids = source.definition_ids()
    if ids:
        into.write_definitions(source.definitions(list(ids)).values())
        into.delete_definitions(into.definition_ids().keys() - ids.keys())


def _bring_players(source: Database, into: Database) -> None:
    theirs = Players(into)
    for player in Players(source).all():
        # Under the same id: a worker that knows the player by it finds the same rows.
        here = theirs.adopt(player)
        for owner, run in Players(source).owners(player.id):
            here = theirs.link(owner, here, run)
        states = source.states(player.id)
        before = into.states(here.id, list(states)) if states else {}
        into.write_states(here.id, {id_: combined(before[id_], state) for id_, state in states.items()})
        theirs.forget_etag(here.id)
    for joined_id, player_id in source.joined():
        into.join_unknown(joined_id, player_id)
