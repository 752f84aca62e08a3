"""How old the unlocks of this run are: by the monotonic clock, since the wall clock may be set in the meantime.

A handheld without a battery for its clock starts in 1970, or at the time when it was last switched off. It learns the
right time from the network, at the moment when the unlocks can be delivered.
"""

from __future__ import annotations

from ..domain.progress import EARLIEST_UNLOCK_US, MAX_SECONDS_SINCE_UNLOCK, Progress
from .clock import Clock

_US = 1_000_000


class UnlockAges:
    """The unlocks of this run that wait for the service, with the times at which they happened by both clocks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._noted: dict[int, tuple[int, float]] = {}

    def note(self, achievement_id: int, pending: Progress, at_us: int) -> None:
        """Note what is pending after a set at the wall clock's `at_us`; only the unlock itself counts."""
        if pending.unlocked_at_us == at_us and self._noted.get(achievement_id, (0, 0.0))[0] != at_us:
            self._noted[achievement_id] = (at_us, self._clock.now())

    def is_measured(self, achievement_id: int, progress: Progress) -> bool:
        """Return whether the age of an unlock is certain: it is of this run, and not older than a service accepts."""
        return self._measured_us(achievement_id, progress) is not None

    def sent_at_us(self, achievement_id: int, progress: Progress) -> int:
        """Return what time it is now by the wall clock that has dated the unlock of `progress`.

        An unlock of an earlier run that cannot have happened when its clock says counts as one of this moment.
        """
        unlocked_at_us = progress.unlocked_at_us
        age_us = self._measured_us(achievement_id, progress)
        if unlocked_at_us is None or (age_us is None and unlocked_at_us >= EARLIEST_UNLOCK_US):
            return self._clock.at_us()
        return unlocked_at_us + (age_us or 0)

    def _measured_us(self, achievement_id: int, progress: Progress) -> int | None:
        at_us, now = self._noted.get(achievement_id, (None, 0.0))
        if at_us is None or at_us != progress.unlocked_at_us:
            return None
        age_s = self._clock.now() - now
        return int(age_s * _US) if age_s < MAX_SECONDS_SINCE_UNLOCK else None
