from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.client.net.event_stream import (
    ServerEvent,
    SseParser,
    StreamEnded,
    StreamFilled,
    StreamOpened,
    ThreadReader,
)
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.client.worker.schedule import Schedule
from discord_achievements.client.worker.stream import EventStream
from discord_achievements.domain.errors import ApiError, TransportError, WireError
from discord_achievements.testing import ByteStream, ScriptedTransport
from discord_achievements.testing.inline import InlineReader
from tests.support.waiting import until

LONGEST = 64 * 1024
STREAM = (
    ": welcome\n"
    "retry: 5000\n"
    "\n"
    "id: 1\n"
    "event: USER_ACHIEVEMENT_UPDATE\n"
    'data: {"name": "Grüße 🏆"}\n'
    "\n"
    ":\n"
    "\n"
    "data: first\n"
    "data:second\n"
    "data\n"
    "data:  third\n"
    "\n"
    "event: RESYNC\n"
    "id\n"
    "data: {}\n"
    "\n"
    "data: never finished\n"
)
EVENTS = [
    ServerEvent("USER_ACHIEVEMENT_UPDATE", '{"name": "Grüße 🏆"}', "1"),
    ServerEvent("message", "first\nsecond\n\n third", "1"),
    ServerEvent("RESYNC", "{}", ""),
]
ENDINGS = ["\n", "\r\n", "\r"]


def parse(*chunks: bytes) -> list[ServerEvent]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_whole(ending: str) -> None:
    assert parse(STREAM.replace("\n", ending).encode()) == EVENTS


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_in_small_chunks(ending: str, size: int) -> None:
    data = STREAM.replace("\n", ending).encode()
    assert parse(*(data[start : start + size] for start in range(0, len(data), size))) == EVENTS


@pytest.mark.parametrize("ending", ENDINGS)
def test_cut_anywhere(ending: str) -> None:
    data = STREAM.replace("\n", ending).encode()
    for cut in range(len(data) + 1):
        assert parse(data[:cut], b"", data[cut:]) == EVENTS, cut


@given(st.text("\r\ndataid:e x\0ü", max_size=60), st.lists(st.integers(0, 120), max_size=8))
def test_the_size_of_chunks_makes_no_difference(text: str, cuts: list[int]) -> None:
    data = text.encode()
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    chunks = [data[start:end] for start, end in pairwise(edges)]
    assert parse(*chunks) == parse(data)


FIELDS = [
    ("an unknown field", "colour: red\ndata: x\n\n", [ServerEvent("message", "x", "")]),
    ("a field without a colon", "event\ndata: x\n\n", [ServerEvent("message", "x", "")]),
    ("empty data", "data\n\n", [ServerEvent("message", "", "")]),
    ("an event without data", "event: hello\n\ndata: x\n\n", [ServerEvent("message", "x", "")]),
    ("an id with a null", "id: 1\nid: 2\0\ndata: x\n\n", [ServerEvent("message", "x", "1")]),
    (
        "an id stays",
        "id: 1\ndata: x\n\ndata: y\n\n",
        [ServerEvent("message", "x", "1"), ServerEvent("message", "y", "1")],
    ),
    (
        "a type does not",
        "event: e\ndata: x\n\ndata: y\n\n",
        [ServerEvent("e", "x", ""), ServerEvent("message", "y", "")],
    ),
    ("a byte order mark", "\ufeffdata: x\n\n", [ServerEvent("message", "x", "")]),
    ("one blank after the colon is not the value's", "data:  x\n\n", [ServerEvent("message", " x", "")]),
    ("a colon in the value", "data: a:b\n\n", [ServerEvent("message", "a:b", "")]),
]


@pytest.mark.parametrize(("text", "events"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
def test_fields(text: str, events: list[ServerEvent]) -> None:
    assert parse(text.encode()) == events


def test_invalid_utf8_is_replaced() -> None:
    assert parse(b"data: a\xffb\n\n") == [ServerEvent("message", "a\ufffdb", "")]


@pytest.mark.parametrize(
    ("text", "retry_s"),
    [("retry: 5000\n", 5.0), ("retry:0\n", 0.0), ("retry: soon\n", None), ("retry: -1\n", None), ("retry: ²\n", None)],
)
def test_retry(text: str, retry_s: float | None) -> None:
    parser = SseParser()
    parser.feed(text.encode())
    assert parser.retry_s == retry_s


@pytest.mark.parametrize(
    "chunk", [b"data: xxxxxxxxxxxxxxxxxx", b"data: xxxxxxxxxxxxxxxxxx\n", b"data\n", b"event: x\n", b": xxx", b"\xff"]
)
def test_an_endless_event_or_line_is_refused(chunk: bytes) -> None:
    with pytest.raises(WireError, match="longer than"):
        parse(*[chunk] * (2 * LONGEST // len(chunk)))


def test_long_streams_of_short_events_and_comments_are_fine() -> None:
    parser = SseParser()
    for _ in range(LONGEST // 10):
        assert parser.feed(b": ping\r\n: pong\n") == []
        assert parser.feed(b"data: x\n\n") == [ServerEvent("message", "x", "")]


REQUEST = Request("GET", "https://host/api/v10/users/@me/applications/1/achievements/events")
OPEN = Response(200, {"content-type": "Text/Event-Stream; charset=utf-8"})


class OneStream(ScriptedTransport):
    """Answers with one stream, or raises."""

    def __init__(self, answer: ByteStream | Exception) -> None:
        super().__init__()
        self._answer = answer

    def open_stream(self, request: Request) -> ByteStream:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def read(answer: ByteStream | Exception) -> list[object]:
    """Return everything that a reader posts, up to the end of the stream."""
    posted: SimpleQueue[object] = SimpleQueue()
    ThreadReader(OneStream(answer), REQUEST, posted.put)
    messages: list[object] = []
    while not (messages and isinstance(messages[-1], StreamEnded)):
        messages.append(posted.get(timeout=5))
    return messages


def stream(*chunks: bytes, error: TransportError | None = None) -> ByteStream:
    found = ByteStream(OPEN)
    for chunk in chunks:
        found.push(chunk)
    found.end(error)
    return found


def ended(messages: list[object]) -> StreamEnded:
    assert isinstance(messages[-1], StreamEnded)
    return messages[-1]


@pytest.mark.parametrize("error", [None, TransportError("cut")])
def test_the_end_of_an_open_stream_is_reported(error: TransportError | None) -> None:
    answer = stream(b"retry: 7000\n\nda", b"ta: x\n\n", error=error)
    opened, filled, end = read(answer)
    assert isinstance(opened, StreamOpened)
    assert isinstance(filled, StreamFilled)
    assert filled.reader.take() == [ServerEvent("message", "x", "")]
    assert isinstance(end, StreamEnded)
    assert end[1:] == (None, 7.0)
    assert answer.closed


def test_a_stream_that_cannot_be_opened() -> None:
    error = TransportError("no route")
    messages = read(error)
    assert len(messages) == 1
    assert ended(messages).outcome is error


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(404, {}, b'{"message": "404: Not Found", "code": 0}'), ApiError),
        (Response(302, {"location": "https://elsewhere"}), ApiError),
        (Response(200, {"content-type": "text/html"}, b"<h1>Sign in</h1>"), WireError),
        (Response(204, {}), WireError),
    ],
)
def test_a_stream_that_is_refused(response: Response, kind: type[Exception]) -> None:
    messages = read(ByteStream(response))
    assert len(messages) == 1
    assert isinstance(ended(messages).outcome, kind)


def test_a_stream_without_an_end_of_line() -> None:
    messages = read(stream(b"x" * (LONGEST + 1)))
    assert isinstance(ended(messages).outcome, WireError)


def test_an_exception_in_the_transport_is_logged_and_ends_the_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(ByteStream):
        def __iter__(self) -> Iterator[bytes]:
            raise ZeroDivisionError("a mistake")

    answer = Broken(OPEN)
    messages = read(answer)
    assert isinstance(ended(messages).outcome, WireError)
    assert answer.closed
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_closing_the_reader_ends_the_stream() -> None:
    posted: SimpleQueue[object] = SimpleQueue()
    answer = ByteStream(OPEN)
    reader = ThreadReader(OneStream(answer), REQUEST, posted.put)
    assert isinstance(posted.get(timeout=5), StreamOpened)
    reader.leave()
    assert answer.closed
    assert isinstance(posted.get(timeout=5), StreamEnded)


def test_a_flood_waits_in_the_connection_while_the_buffer_is_full() -> None:
    posted: SimpleQueue[object] = SimpleQueue()
    answer = stream(*(b"data: %d\n\n" % number for number in range(50)))
    reader = ThreadReader(OneStream(answer), REQUEST, posted.put, buffer_events=3)
    taken: list[str] = []
    while not isinstance(message := posted.get(timeout=5), StreamEnded):
        if isinstance(message, StreamFilled):
            until(lambda: reader.is_full or not reader.is_running, "the buffer is full")
            events = reader.take()
            assert len(events) <= 3
            taken += [event.data for event in events]
    assert taken == [str(number) for number in range(50)]


def test_closing_a_reader_whose_buffer_is_full_ends_the_stream() -> None:
    posted: SimpleQueue[object] = SimpleQueue()
    reader = ThreadReader(OneStream(stream(b"data: x\n\n" * 9)), REQUEST, posted.put, buffer_events=1)
    until(lambda: reader.is_full, "the buffer is full")
    reader.leave()
    reader.join()
    assert not reader.is_running


def test_what_a_stream_of_another_history_still_brings_does_not_count() -> None:
    posted: list[Any] = []
    answer = ByteStream(Response(200, {"content-type": "text/event-stream", "x-achievements-history": "old"}))
    schedule = Schedule(0.0, 10.0)
    readers: list[InlineReader] = []

    def open_reader(*arguments: Any) -> InlineReader:
        readers.append(InlineReader(*arguments))
        return readers[-1]

    events = EventStream(OneStream(answer), open_reader, schedule, posted.append, str)
    events.open(REQUEST, 0.0)
    answer.push(b"event: RESYNC\ndata: {}\n\n")
    readers[0].advance()
    opened, filled = posted
    events.take(opened, None, 0.0)
    is_open = []
    for history in ("old", "new"):
        events.follow(history, 1.0)
        is_open.append(events.is_open)
    assert is_open == [True, False]
    assert schedule.stream_or_poll.stream_at == 1.0
    assert not events.take(filled, None, 1.0).poll
