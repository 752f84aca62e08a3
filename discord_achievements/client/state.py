"""One achievement's state for one player: what is kept, what is shown, and what becomes of it. State, not operations.

Two values are kept: the progress that the service has confirmed, and what the player has reached beyond that. The
difference is what is pending. Repeating, reordering or duplicating an update therefore changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from ..domain.progress import COMPLETE, EARLIEST_UNLOCK_US, NO_PROGRESS, Progress, further, is_news, merge

_SAME_TIME_US = 2_000_000
_WRONG_CLOCK_US = 60_000_000  # more than the slowest way to the service and the difference between two set clocks


class State(NamedTuple):
    """`confirmed` and `revision` are the service's, `pending` waits for its answer, the rest is from the definition.

    `known` is False for an id that is in neither the catalogue nor the service's list.
    """

    confirmed: Progress = NO_PROGRESS
    revision: int | None = None
    pending: Progress | None = None
    known: bool = False
    secret: bool = False
    secure: bool = False


def needs_agreement(state: State) -> bool:
    """Return whether pending progress stays hidden until the service has accepted it."""
    return state.secure or not state.known


def shown(state: State) -> Progress:
    """Return the progress that the player sees."""
    if state.pending is None or needs_agreement(state):
        return state.confirmed
    return merge(state.confirmed, state.pending)


def listed(state: State) -> bool:
    """Return whether the player's list has the achievement: it is not secret, or it is unlocked."""
    return not state.secret or shown(state).percent == COMPLETE


def reached(state: State, new: Progress) -> State:
    """Return the state after the game has set `new`; a lower or equal value changes nothing."""
    if not needs_agreement(state) and not is_news(new.percent, state.confirmed.percent):
        return state
    return state._replace(pending=further(state.pending, new))


def recovered(state: State, new: Progress) -> State:
    """Return the state after a journal has said that `new` was set, before or after what is known."""
    after = reached(state, new)
    return after if after.pending is None else after._replace(pending=merge(after.pending, new))


def accepted(
    state: State, sent: Progress, held: Progress | None, revision: int | None, *, is_dated: bool = False
) -> State:
    """Return the state after the service has accepted `sent`; `held` is what it holds now, if it said so.

    `is_dated` is whether the service has dated the unlock from an age that is certain. Then its time proves that a much
    earlier one of ours is that of a clock which was wrong.
    """
    if held is None:
        confirmed = merge(state.confirmed, sent)
    elif _is_older(revision, state.revision):
        confirmed = state.confirmed  # an event overtook this answer
    else:
        confirmed = _dated(held, sent, state.confirmed)
        if is_dated and _is_earlier(confirmed, held, _WRONG_CLOCK_US):
            confirmed = held
    pending = state.pending
    if pending is not None and not is_news(pending.percent, merge(confirmed, sent).percent):
        pending = None
    return state._replace(confirmed=confirmed, revision=_newer(state.revision, revision), pending=pending)


def refused(state: State, sent: Progress) -> State:
    """Return the state after the service has refused `sent`; what the player has reached beyond it stays pending."""
    if state.pending is None or is_news(state.pending.percent, sent.percent):
        return state
    return state._replace(pending=None)


def announced(state: State, held: Progress, revision: int | None) -> State:
    """Return the state after an event has said what the service holds.

    An event with the known revision says nothing new: its value is known, or a list has shown since that it was reset.
    """
    if revision is not None and revision == state.revision:
        return state
    return reported(state, held, revision)


def reported(state: State, held: Progress, revision: int | None) -> State:
    """Return the state after the service has said in a list or an event what it holds.

    A report older than the known revision changes nothing. A lower value is a reset. What is pending stays pending
    unless it adds nothing to what the service holds.
    """
    if _is_older(revision, state.revision):
        return state
    pending = state.pending
    if pending is not None and not _adds(pending, held):
        pending = None
    confirmed = _dated(held, state.pending, state.confirmed)
    return state._replace(confirmed=confirmed, revision=_newer(state.revision, revision), pending=pending)


def _adds(pending: Progress, held: Progress) -> bool:
    """Return whether `pending` has something for the service: more progress, or an earlier unlock.

    The service computes the time of an unlock from its age in whole seconds, so two seconds are no difference.
    """
    if pending.percent != held.percent or pending.unlocked_at_us is None or held.unlocked_at_us is None:
        return is_news(pending.percent, held.percent)
    return _is_earlier(pending, held, _SAME_TIME_US) and not _is_disproved(pending.unlocked_at_us, held.unlocked_at_us)


def combined(a: State, b: State) -> State:
    """Return the state of one player who had been taken for two."""
    if a.revision == b.revision:
        confirmed = merge(a.confirmed, b.confirmed)
    else:
        confirmed = b.confirmed if a.revision is None or _is_older(a.revision, b.revision) else a.confirmed
    pending = a.pending or b.pending
    if a.pending is not None and b.pending is not None:
        pending = merge(a.pending, b.pending)
    both = a._replace(confirmed=confirmed, revision=_newer(a.revision, b.revision), pending=None)
    if pending is None:
        return both
    if pending.percent == confirmed.percent == COMPLETE:
        return both._replace(pending=pending)  # it may be the earlier unlock, which only the service knows
    return reached(both, pending)


def unconfirmed(state: State) -> State:
    """Return the state for a service that knows nothing yet: all progress is pending."""
    value = merge(state.confirmed, state.pending or NO_PROGRESS)
    return state._replace(confirmed=NO_PROGRESS, revision=None, pending=value if value.percent else None)


def is_rolled_back(state: State, revision: int | None) -> bool:
    """Return whether a list or an answer to an update with `revision` belongs to another history than `state`.

    A service's revisions only rise; a lower one comes from a restored or another database.
    """
    return _is_older(revision, state.revision)


def _is_older(a: int | None, b: int | None) -> bool:
    return a is not None and b is not None and a < b


def _newer(a: int | None, b: int | None) -> int | None:
    return max((revision for revision in (a, b) if revision is not None), default=None)


def _dated(held: Progress, *ours: Progress | None) -> Progress:
    """Return what the service holds with the earliest possible time of an unlock: the player has seen that one."""
    if held.percent < COMPLETE:
        return held
    times = [progress.unlocked_at_us for progress in (held, *ours) if progress is not None]
    possible = [time for time in times if time is not None and not _is_disproved(time, held.unlocked_at_us)]
    return Progress(held.percent, min(possible, default=None))


def _is_earlier(ours: Progress, held: Progress, by_us: int) -> bool:
    """Return whether our unlock is earlier than the one that the service holds, by more than `by_us`."""
    if ours.unlocked_at_us is None or held.unlocked_at_us is None:
        return False
    return held.unlocked_at_us - ours.unlocked_at_us > by_us


def _is_disproved(at_us: int, held_at_us: int | None) -> bool:
    """Return whether a time is impossible; that the service has a possible one shows that ours was the wrong clock."""
    return held_at_us is not None and at_us < EARLIEST_UNLOCK_US <= held_at_us
