"""When to open the event stream, and when to poll the list instead. A policy: it decides and never acts."""

from __future__ import annotations

import math

from ...domain.retry import delay_s

POLL_S = 60.0
RETRY_REFUSED_S = 600.0
DEFAULT_RETRY_S = 5.0
_SHORT_S = 10.0
_SHORT_LIMIT = 3
_LISTS_APART_S = 1.0  # between two lists, if the service's events or answers are the reason for the second


class StreamOrPoll:
    """How this player's changes made elsewhere become known.

    While a stream is up there is no need to poll. A stream that the service or a proxy refuses, or cuts again and
    again, is left alone for ten minutes; meanwhile the list is polled every minute, which costs next to nothing while
    it has not changed. `stream_at` and `poll_at` are when to do so, in monotonic seconds, or None.
    """

    def __init__(self, now: float) -> None:
        self.poll_at: float | None = now
        self.stream_at: float | None = now
        self.last_event_id = ""
        self._opened_at: float | None = None
        self._failures = 0
        self._short = 0
        self._fetched_at = -math.inf
        self._is_hurried = False
        self._hurried = 0

    def opening(self) -> None:
        """The stream is being opened."""
        self.stream_at = None

    def opened(self, now: float) -> None:
        """The stream is up.

        With a last event id the service replays what was missed, and a poll that is due is the last one. Without an id
        the list closes the gap between the last poll and the stream.
        """
        self._opened_at = now
        self._failures = 0
        if not self.last_event_id:
            self.poll_at = now

    def received(self, event_id: str) -> None:
        """An event came; after a reconnection the service replays from `event_id`, if it is not empty."""
        self.last_event_id = event_id

    def fetched(self, now: float) -> None:
        """The list has just been read."""
        self.poll_at = None if self._opened_at is not None else now + POLL_S
        self._hurried += self._is_hurried
        self._is_hurried = False
        self._fetched_at = now

    def poll_now(self, now: float) -> None:
        """Something is known to have changed.

        That is worth a list at once, or a second after the one before. A service that says so again and again gets
        fewer and fewer: the table of delays applies until a minute has been quiet.
        """
        if now - self._fetched_at >= POLL_S:
            self._hurried = 0
        wait_s = delay_s(self._hurried, jitter=0.0) if self._hurried else _LISTS_APART_S
        poll_at = max(now, self._fetched_at + min(wait_s, POLL_S))
        self.poll_at = poll_at if self.poll_at is None else min(self.poll_at, poll_at)
        self._is_hurried = True

    def poll_later(self, now: float) -> None:
        """The list was refused."""
        self.poll_at = now + POLL_S

    def ended(self, now: float, retry_s: float) -> None:
        """The stream was up and has ended."""
        short = self._opened_at is not None and now - self._opened_at < _SHORT_S
        self._short = self._short + 1 if short else 0
        self._opened_at = None
        if self._short >= _SHORT_LIMIT:
            self.refused(now)
        else:
            self._down(now, min(retry_s, RETRY_REFUSED_S))

    def unreachable(self, now: float, jitter: float) -> None:
        """The stream could not be opened, for a reason that passes."""
        self._failures += 1
        self._down(now, delay_s(self._failures + 1, jitter=jitter))

    def refused(self, now: float) -> None:
        """The stream will not open for a while: no such route, a proxy without streams, too many streams."""
        self._short = 0
        self._down(now, RETRY_REFUSED_S)

    def _down(self, now: float, again_s: float) -> None:
        self._opened_at = None
        self.stream_at = now + again_s
        if self.poll_at is None:
            self.poll_at = now + POLL_S
