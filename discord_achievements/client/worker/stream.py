"""The event stream on the worker's side: opened when the schedule says so, and what it brings taken in.

The reader (`net.event_stream`) has a thread of its own and a bounded buffer. A flood of events therefore waits in the
connection, not in memory. Of those that are taken together only the newest for each achievement counts.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from typing import NamedTuple

from ...domain import wire
from ...domain.errors import ApiError, WireError
from ...domain.retry import Outcome, Verdict, judge
from ..net.api import is_sendable
from ..net.event_stream import (
    OpenReader,
    ServerEvent,
    StreamEnded,
    StreamFilled,
    StreamMessage,
    StreamOpened,
    StreamReader,
)
from ..net.transport import Request, Transport
from .schedule import Schedule
from .stream_or_poll import DEFAULT_RETRY_S

_log = logging.getLogger("discord_achievements")


class Events(NamedTuple):
    """What the stream brought: the newest record of each achievement, and whether the list is to be polled."""

    records: dict[int, wire.Record]
    poll: bool


class EventStream:
    """At most one open stream. `open_reader` begins to read one; `describe` makes an outcome a line for the log."""

    def __init__(
        self,
        transport: Transport,
        open_reader: OpenReader,
        schedule: Schedule,
        post: Callable[[object], None],
        describe: Callable[[Exception], str],
    ) -> None:
        self._transport = transport
        self._open_reader = open_reader
        self._schedule = schedule
        self._post = post
        self._describe = describe
        self._reader: StreamReader | None = None
        self._history: str | None = None
        self._is_trusted = True
        self._leaving: list[StreamReader] = []
        self._unreadable_logged = False

    @property
    def is_free(self) -> bool:
        """Whether a stream may be opened: the transport opens one at a time, so the reader before must have ended."""
        return not self._leaving

    @property
    def is_open(self) -> bool:
        """Whether there is a reader, which opens or reads the stream."""
        return self._reader is not None

    @property
    def is_trusted(self) -> bool:
        """Whether the events of the stream count."""
        return self._is_trusted

    def open(self, request: Request, now: float) -> None:
        """Open the stream; what becomes of that arrives as messages."""
        try:
            self._reader = self._open_reader(self._transport, request, self._post)
        except RuntimeError as exc:  # too many threads, or the interpreter is ending
            _log.info("no thread could be started for the event stream (%s); it is opened later", exc)
            self._schedule.stream_or_poll.unreachable(now, random.random())
            return
        self._unreadable_logged = False
        self._is_trusted = True
        self._schedule.stream_or_poll.opening()

    def leave(self) -> None:
        """End the stream without waiting for its reader."""
        if self._reader is not None:
            self._reader.leave()
            self._leaving.append(self._reader)
            self._reader = None

    def distrust(self) -> None:
        """Let no event count until `follow`: the stream belongs to another history than what is stored.

        Its events say what has changed in that history, not what is missing there. Only the list says that.
        """
        self._is_trusted = False

    def follow(self, history: str | None, now: float) -> None:
        """A list of `history` was taken in: replace a stream of another one, whose events do not count."""
        self._is_trusted = True
        if self._reader is not None and self._history != history:
            self.leave()
            self._schedule.stream_or_poll.received("")
            self._schedule.stream_or_poll.ended(now, 0.0)

    def close(self) -> None:
        """End the stream. **Blocks** until its reader has ended, a second at most."""
        self.leave()
        for reader in self._leaving:
            reader.join()

    def take(self, message: StreamMessage, user_id: int | None, now: float) -> Events:
        """Take in a message of the reader, for the player `user_id`."""
        if isinstance(message, StreamEnded) and message.reader in self._leaving:
            self._leaving.remove(message.reader)
        if message.reader is not self._reader:
            return Events({}, poll=False)
        policy = self._schedule.stream_or_poll
        if isinstance(message, StreamOpened):
            self._history = message.history
            policy.opened(now)
            return Events({}, poll=False)
        if isinstance(message, StreamFilled):
            events = self._read(message.reader.take(), user_id)
            return events if self._is_trusted else Events({}, events.poll)
        self._reader = None
        self._ended(message.outcome, message.retry_s, now)
        return Events({}, poll=False)

    def _read(self, events: list[ServerEvent], user_id: int | None) -> Events:
        records: dict[int, wire.Record] = {}
        poll = False
        for event in events:
            if event.type == wire.RESYNC:
                poll = True
            elif event.type == wire.USER_ACHIEVEMENT_UPDATE:
                record = self._decoded(event)
                if record is None:
                    poll = True
                elif record.progress is not None and record.user_id in (None, user_id):
                    _keep_newest(records, record)
            # An id that we could not send back is useless; without one, the list is fetched instead.
            self._schedule.stream_or_poll.received(event.id if is_sendable(event.id) else "")
        return Events(records, poll)

    def _decoded(self, event: ServerEvent) -> wire.Record | None:
        try:
            return wire.decode_record(json.loads(event.data))
        except (ValueError, RecursionError, WireError) as exc:
            if not self._unreadable_logged:  # once for each stream: there may be thousands a second
                self._unreadable_logged = True
                _log.warning(
                    "an event cannot be read (%s); fetching the whole list instead, for this and further ones",
                    self._describe(exc),
                )
            return None

    def _ended(self, outcome: Outcome | None, retry_s: float | None, now: float) -> None:
        policy = self._schedule.stream_or_poll
        if outcome is None:
            policy.ended(now, (retry_s or DEFAULT_RETRY_S) * (1 + random.random() / 4))
        elif isinstance(outcome, ApiError) and outcome.status == 401:
            policy.unreachable(now, random.random())
            policy.poll_now(now)  # which renews the token
        elif not isinstance(outcome, WireError) and judge(outcome).verdict is Verdict.RETRY:
            policy.unreachable(now, random.random())
        else:
            _log.info("no event stream (%s); polling for changes every minute instead", self._describe(outcome))
            policy.refused(now)


def _keep_newest(records: dict[int, wire.Record], record: wire.Record) -> None:
    known = records.get(record.achievement_id)
    if known is None or known.revision is None or record.revision is None or record.revision >= known.revision:
        records[record.achievement_id] = record
