"""When to open the event stream, and when to ask for the list instead: a policy that performs nothing."""

from __future__ import annotations

from ...domain.retry import delay_s

POLL_S = 60.0
RETRY_REFUSED_S = 600.0
DEFAULT_RETRY_S = 5.0
_SHORT_S = 10.0
_SHORT_LIMIT = 3


class StreamOrPoll:
    """How this player's remote changes are learnt of.

    A stream that is up makes polling needless. One that the service or a proxy refuses, or cuts again and again, is
    left alone for ten minutes; meanwhile the list is asked for every minute, which costs next to nothing while it
    has not changed.
    """

    def __init__(self, now: float) -> None:
        self.poll_at: float | None = now
        self.stream_at: float | None = now
        self.last_event_id = ""
        self._opened_at: float | None = None
        self._failures = 0
        self._short = 0

    def opening(self) -> None:
        """The stream is being opened."""
        self.stream_at = None

    def opened(self, now: float) -> None:
        """It is up; without an id to go on from, the list closes the gap between the last one and the stream.

        With one, the service sends what was missed, and the poll that was due is the last.
        """
        self._opened_at = now
        self._failures = 0
        if not self.last_event_id:
            self.poll_at = now

    def fetched(self, now: float) -> None:
        """The list has just been read."""
        self.poll_at = None if self._opened_at is not None else now + POLL_S

    def poll_now(self, now: float) -> None:
        """Something is known to have changed."""
        self.poll_at = now

    def poll_later(self, now: float) -> None:
        """The list was asked for in vain."""
        self.poll_at = now + POLL_S

    def ended(self, now: float, retry_s: float) -> None:
        """It was up and has ended."""
        short = self._opened_at is not None and now - self._opened_at < _SHORT_S
        self._short = self._short + 1 if short else 0
        self._opened_at = None
        if self._short >= _SHORT_LIMIT:
            self.refused(now)
        else:
            self._down(now, min(retry_s, RETRY_REFUSED_S))

    def unreachable(self, now: float, jitter: float) -> None:
        """It could not be opened, for a reason that passes."""
        self._failures += 1
        self._down(now, delay_s(self._failures + 1, jitter=jitter))

    def refused(self, now: float) -> None:
        """It will not be opened for a while: no such route, a proxy without streams, too many streams."""
        self._short = 0
        self._down(now, RETRY_REFUSED_S)

    def _down(self, now: float, again_s: float) -> None:
        self._opened_at = None
        self.stream_at = now + again_s
        if self.poll_at is None:
            self.poll_at = now + POLL_S
