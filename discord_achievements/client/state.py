"""What one achievement's state is for one player, and what becomes of it: state, not operations.

The client keeps two values: what the service has confirmed, and what the player has reached beyond that. What is
pending is what differs. Replaying, reordering or doubling an update therefore changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from ..domain.progress import COMPLETE, NO_PROGRESS, Progress, merge

_SAME_TIME_US = 2_000_000


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
    """The game says that the player has reached `new`; a lower or equal value changes nothing."""
    if not needs_agreement(state) and new.percent <= state.confirmed.percent:
        return state
    return state._replace(pending=further(state.pending, new))


def further(before: Progress | None, new: Progress) -> Progress:
    """Return where a player is who was at `before` and then at `new`: the first unlock keeps its time.

    That holds for one player's calls, in their order, whatever the clock does; where the order is not known, as
    between two devices, `merge` keeps the earliest.
    """
    return new if before is None or new.percent > before.percent else before


def agreed(state: State, sent: Progress, told: Progress | None, revision: int | None) -> State:
    """The service has accepted `sent`, and perhaps told what it holds now."""
    if told is None:
        confirmed = merge(state.confirmed, sent)
    elif _is_older(revision, state.revision):
        confirmed = state.confirmed  # an event has overtaken this answer
    else:
        confirmed = _dated(told, sent, state.confirmed)
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
    if _is_older(revision, state.revision):
        return state
    pending = state.pending
    if pending is not None and not _adds(pending, progress):
        pending = None
    confirmed = _dated(progress, state.pending, state.confirmed)
    return state._replace(confirmed=confirmed, revision=_newer(state.revision, revision), pending=pending)


def _adds(pending: Progress, told: Progress) -> bool:
    """Tell whether the service has something to learn: more progress, or an unlock that was earlier.

    It counts an unlock back from when it hears of it, in whole seconds, so two seconds are no difference.
    """
    if pending.percent != told.percent or pending.unlocked_at_us is None or told.unlocked_at_us is None:
        return pending.percent > told.percent
    return told.unlocked_at_us - pending.unlocked_at_us > _SAME_TIME_US


def combined(a: State, b: State) -> State:
    """Return the state of one player who was taken for two."""
    if a.revision == b.revision:
        confirmed = merge(a.confirmed, b.confirmed)
    else:
        confirmed = b.confirmed if a.revision is None or _is_older(a.revision, b.revision) else a.confirmed
    pending = a.pending or b.pending
    if a.pending is not None and b.pending is not None:
        pending = merge(a.pending, b.pending)
    both = a._replace(confirmed=confirmed, revision=_newer(a.revision, b.revision), pending=None)
    return both if pending is None else reached(both, pending)


def unconfirmed(state: State) -> State:
    """Return the state as a service has to hear it that knows nothing yet."""
    value = merge(state.confirmed, state.pending or NO_PROGRESS)
    return state._replace(confirmed=NO_PROGRESS, revision=None, pending=value if value.percent else None)


def _is_older(a: int | None, b: int | None) -> bool:
    return a is not None and b is not None and a < b


def _newer(a: int | None, b: int | None) -> int | None:
    return max((revision for revision in (a, b) if revision is not None), default=None)


def _dated(told: Progress, *ours: Progress | None) -> Progress:
    """What the service tells, with the earliest time of an unlock: the one that the player has seen is kept."""
    if told.percent < COMPLETE:
        return told
    times = [progress.unlocked_at_us for progress in (told, *ours) if progress is not None]
    return Progress(told.percent, min((time for time in times if time is not None), default=None))
