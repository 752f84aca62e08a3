from __future__ import annotations

from collections.abc import Callable

import pytest

from discord_achievements.client.worker.stream_or_poll import POLL_S, RETRY_REFUSED_S, StreamOrPoll

NOW = 1000.0


def fresh() -> StreamOrPoll:
    return StreamOrPoll(NOW)


def streaming() -> StreamOrPoll:
    """A decision whose stream is open, and whose list has been read since."""
    feed = fresh()
    feed.opening()
    feed.opened(NOW)
    feed.fetched(NOW)
    return feed


def test_at_first_both_are_due() -> None:
    feed = fresh()
    assert feed.poll_at == feed.stream_at == NOW


def test_a_stream_that_is_being_opened_is_not_opened_twice() -> None:
    feed = fresh()
    feed.opening()
    assert feed.stream_at is None


def test_while_the_stream_is_up_nothing_is_polled() -> None:
    feed = streaming()
    assert feed.poll_at is None
    assert feed.stream_at is None


def test_without_an_id_the_list_closes_the_gap_after_opening() -> None:
    feed = fresh()
    feed.fetched(NOW)
    feed.opening()
    feed.opened(NOW + 1)
    assert feed.poll_at == NOW + 1


def test_with_an_id_the_stream_closes_the_gap_itself() -> None:
    feed = streaming()
    feed.last_event_id = "7"
    feed.ended(NOW + 100, 5.0)
    feed.opening()
    feed.opened(NOW + 105)
    assert feed.poll_at is not None
    assert feed.poll_at > NOW + 105


def test_a_due_list_is_requested_even_if_the_stream_is_open_again() -> None:
    feed = streaming()
    feed.last_event_id = "7"
    feed.ended(NOW + 100, 5.0)
    feed.poll_now(NOW + 101)
    feed.opening()
    feed.opened(NOW + 105)
    assert feed.poll_at == NOW + 101


DOWN: list[tuple[str, Callable[[StreamOrPoll], None], float]] = [
    ("cut", lambda feed: feed.ended(NOW + 100, 5.0), 5.0),
    ("cut by a service that wants a year", lambda feed: feed.ended(NOW + 100, 3e7), RETRY_REFUSED_S),
    ("refused", lambda feed: feed.refused(NOW + 100), RETRY_REFUSED_S),
    ("out of reach", lambda feed: feed.unreachable(NOW + 100, 0.0), 1.0),
]


@pytest.mark.parametrize(("lose", "again_s"), [row[1:] for row in DOWN], ids=[row[0] for row in DOWN])
def test_a_stream_that_is_down_is_opened_again_and_meanwhile_the_list_is_polled(
    lose: Callable[[StreamOrPoll], None], again_s: float
) -> None:
    feed = streaming()
    lose(feed)
    assert feed.stream_at == NOW + 100 + again_s
    assert feed.poll_at == NOW + 100 + POLL_S
    feed.fetched(NOW + 160)
    assert feed.poll_at == NOW + 160 + POLL_S


def test_an_unreachable_stream_is_tried_less_and_less_often() -> None:
    feed = streaming()
    waits_s = []
    for _ in range(9):
        feed.opening()
        feed.unreachable(NOW, 0.0)
        assert feed.stream_at is not None
        waits_s.append(feed.stream_at - NOW)
    assert waits_s == [1, 2, 4, 8, 16, 32, 64, 120, 120]


def test_a_stream_that_came_up_is_tried_soon_again() -> None:
    feed = streaming()
    for _ in range(5):
        feed.unreachable(NOW, 0.0)
    feed.opened(NOW)
    feed.unreachable(NOW, 0.0)
    assert feed.stream_at == NOW + 1


def up_for(feed: StreamOrPoll, seconds: float, now: float) -> float:
    feed.opening()
    feed.opened(now)
    feed.ended(now + seconds, 5.0)
    return now + seconds


def test_a_stream_cut_again_and_again_is_left_alone_for_ten_minutes() -> None:
    feed, now = fresh(), NOW
    for _ in range(2):
        now = up_for(feed, 1.0, now)
        assert feed.stream_at == now + 5
    now = up_for(feed, 1.0, now)
    assert feed.stream_at == now + RETRY_REFUSED_S
    now = up_for(feed, 1.0, now + RETRY_REFUSED_S)
    assert feed.stream_at == now + 5  # and then it is tried again


def test_a_stream_that_lasts_between_two_cuts_is_not_left_alone() -> None:
    feed, now = fresh(), NOW
    for seconds in (1.0, 1.0, 60.0, 1.0, 1.0):
        now = up_for(feed, seconds, now)
        assert feed.stream_at == now + 5


def test_a_failed_poll_is_repeated_after_a_minute() -> None:
    feed = fresh()
    feed.poll_later(NOW)
    assert feed.poll_at == NOW + POLL_S


def test_a_service_that_always_reports_a_change_is_asked_less_and_less_often() -> None:
    feed = streaming()
    now, lists = NOW, []
    while now <= NOW + 3600:
        feed.poll_now(now)
        assert feed.poll_at is not None
        if feed.poll_at <= now:
            feed.fetched(now)
            lists.append(now - NOW)
        now += 0.25
    assert len(lists) < 400
    assert max(len([at for at in lists if start <= at < start + 60]) for start in range(3600)) <= 10


def test_after_a_quiet_minute_a_change_is_worth_a_list_at_once() -> None:
    feed = streaming()
    for at in (NOW, NOW + 0.5, NOW + 1):
        feed.poll_now(at)
        feed.fetched(at)
    feed.poll_now(NOW + 62)
    assert feed.poll_at == NOW + 62
