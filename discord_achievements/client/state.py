"""What one achievement's state is for one player, and what becomes of it: state, not operations.

The client keeps two values: what the service has confirmed, and what the player has reached beyond that. What is
pending is what differs. Replaying, reordering or doubling an update therefore changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from ..domain.progress import COMPLETE, NO_PROGRESS, Progress, merge


class State(NamedTuple):
    """`confirmed` and its `revision` are the service's, `pending` waits for its word, the rest is the definition's.

    `known` is False for an id that neither a catalogue nor the service has ever told of.
    """

    confirmed: Progress = NO_PROGRESS
    revision: int | None = None
    pending: Progress | None = None
    known: bool = False
    secret: bool = False
    secure: bool = False


def needs_agreement(state: State) -> bool:
    """Tell whether nothing may be shown before the service has agreed."""
    return state.secure or not state.known


def shown(state: State) -> Progress:
    """Return what the player sees."""
    if state.pending is None or needs_agreement(state):
        return state.confirmed
    return merge(state.confirmed, state.pending)


def listed(state: State) -> bool:
    """Tell whether the player may see it at all: not secret, or unlocked."""
    return not state.secret or shown(state).percent == COMPLETE


def reached(state: State, new: Progress) -> State:
    """The game says that the player has reached `new`."""
    if not needs_agreement(state) and new.percent <= state.confirmed.percent:
        return state
    return state._replace(pending=new if state.pending is None else merge(state.pending, new))


def agreed(state: State, sent: Progress, told: Progress | None, revision: int | None) -> State:
    """The service has accepted `sent`, and perhaps told what it holds now."""
    confirmed = merge(state.confirmed, sent) if told is None else _dated(told, sent, state.confirmed)
    pending = state.pending
    if pending is not None and pending.percent <= max(confirmed.percent, sent.percent):
        pending = None
    return state._replace(confirmed=confirmed, revision=_newer(state.revision, revision), pending=pending)


def refused(state: State) -> State:
    """The service has judged the pending value and will not have it."""
    return state._replace(pending=None)


def told(state: State, progress: Progress, revision: int | None) -> State:
    """The service tells what it holds, in a list or an event; what is older than what we know changes nothing.

    It may be lower than before: a reset. What is pending stays pending.
    """
    if revision is not None and state.revision is not None and revision < state.revision:
        return state
    pending = state.pending
    if pending is not None and pending.percent <= progress.percent:
        pending = None
    confirmed = _dated(progress, state.pending, state.confirmed)
    return state._replace(confirmed=confirmed, revision=_newer(state.revision, revision), pending=pending)


def combined(a: State, b: State) -> State:
    """Return the state of one player who was taken for two."""
    confirmed, revision = max((a.confirmed, a.revision), (b.confirmed, b.revision), key=lambda told: told[1] or -1)
    both = a._replace(confirmed=confirmed, revision=revision, pending=None)
    for pending in (a.pending, b.pending):
        if pending is not None:
            both = reached(both, pending)
    return both


def unconfirmed(state: State) -> State:
    """Return the state as a service has to hear it that knows nothing yet."""
    value = merge(state.confirmed, state.pending or NO_PROGRESS)
    return state._replace(confirmed=NO_PROGRESS, revision=None, pending=value if value.percent else None)


def _newer(a: int | None, b: int | None) -> int | None:
    return max((revision for revision in (a, b) if revision is not None), default=None)


def _dated(told: Progress, *others: Progress | None) -> Progress:
    """A service that tells of an unlock but not its time leaves the time to us."""
    if told.percent < COMPLETE or told.unlocked_at_us is not None:
        return told
    times = [other.unlocked_at_us for other in others if other is not None and other.unlocked_at_us is not None]
    return Progress(told.percent, min(times, default=None))
