"""Brings the content of one database into another: when the file can be used again, or another has taken its place.

State, not operations: two states of one achievement are combined as those of one player who had been taken for two. So
nothing that either of them holds is lost. A value that the service has refused meanwhile is sent to it once more.
"""

from __future__ import annotations

from ..state import combined
from .database import Database
from .players import Players


def bring(source: Database, into: Database, *, service: str, history: str, answered: str) -> None:
    """Bring everything that `source` holds into another database, inside a transaction of that.

    `service` and `history` are the keys of the values that name whose confirmations a database holds, `answered` that
    of the value that is set if the definitions are the service's.
    """
    ours, theirs = source.all_meta(), into.all_meta()
    if ours.get(service, theirs.get(service)) != theirs.get(service):
        into.forget_confirmations()
        theirs = {}
    elif ours.get(history, theirs.get(history)) != theirs.get(history):
        into.forget_confirmations(keeps_lists=True)
    if ours.get(answered) or not theirs.get(answered):
        _bring_definitions(source, into)
    else:
        ours[answered] = theirs[answered]
    for key, value in ours.items():
        into.set_meta(key, value)
    _bring_players(source, into)
    for journal in source.noted_journals():
        into.commit_journal(journal, max(source.committed_seq(journal), into.committed_seq(journal)))


def _bring_definitions(source: Database, into: Database) -> None:
    ids = source.definition_ids()
    if ids:
        into.write_definitions(source.definitions(list(ids)).values())
        into.delete_definitions(into.definition_ids().keys() - ids.keys())


def _bring_players(source: Database, into: Database) -> None:
    ours, theirs = Players(source), Players(into)
    for player in ours.all():
        # Under the same id, by which the worker knows the player.
        here = theirs.adopt(player, ours.owners(player))
        mine, brought = into.states(here.id), source.states(player.id)
        into.write_states(
            here.id, {id_: combined(mine[id_], state) if id_ in mine else state for id_, state in brought.items()}
        )
    for player_id, joined in ours.joined():
        theirs.adopt_joined(player_id, joined)
