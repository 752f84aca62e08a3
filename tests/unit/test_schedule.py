from __future__ import annotations

import pytest

from discord_achievements.client.worker.schedule import (
    Exchange,
    FetchIcon,
    FetchList,
    OpenStream,
    Schedule,
    SendUpdate,
    Wait,
)
from discord_achievements.domain.errors import ApiError, TransportError, WireError
from discord_achievements.domain.progress import Progress
from discord_achievements.domain.ratelimit import LimitState
from discord_achievements.domain.result import Result
from discord_achievements.domain.retry import MAX_RETRY_AFTER_S, Outcome, Verdict

NOW = 1000.0
PATIENCE_S = 20.0
HALF, DONE = Progress(50, None), Progress(100, 7)
NO_CONNECTION = TransportError("connection refused")
TIMED_OUT = TransportError("no answer", timed_out=True)
UNAVAILABLE = ApiError(503, None, "maintenance")
NOT_JSON = WireError("<html>")
SECURE = ApiError(403, 20012, "secure")
TABLE_S = [0, 1, 2, 4, 8, 16, 32, 64, 120, 120, 120]


def limited(retry_after_s: float | None = None, *, is_global: bool = False) -> ApiError:
    return ApiError(429, 0, "slow down", retry_after_s=retry_after_s, is_global=is_global)


def fresh(*pending: int) -> Schedule:
    schedule = Schedule(NOW, PATIENCE_S)
    schedule.follow(dict.fromkeys(pending, HALF))
    return schedule


def listed(*pending: int) -> Schedule:
    """A schedule that has just read the list, and whose stream is up."""
    schedule = fresh(*pending)
    schedule.succeeded(FetchList(), NOW)
    schedule.stream_or_poll.opening()
    schedule.stream_or_poll.opened(NOW)
    schedule.stream_or_poll.fetched(NOW)
    return schedule


def fail(schedule: Schedule, outcome: Outcome, now: float = NOW, *, jitter: float = 0.0) -> Exchange:
    """Let the next exchange end with that outcome, and return the exchange."""
    action = schedule.next(now)
    assert isinstance(action, FetchList | SendUpdate | FetchIcon)
    schedule.failed(action, outcome, now, jitter)
    return action


def wait_s(schedule: Schedule, now: float = NOW) -> float:
    """Return the seconds until something is due."""
    action = schedule.next(now)
    if not isinstance(action, Wait):
        return 0.0
    assert action.until is not None
    return action.until - now


# What comes next


def test_first_the_list_then_updates_then_the_stream_then_icons() -> None:
    schedule = fresh(1, 2)
    schedule.wants_icon("a" * 32, 1)
    schedule.wants_icon("a" * 32, 2)
    order = []
    while not isinstance(action := schedule.next(NOW), Wait):
        order.append(action)
        if isinstance(action, OpenStream):
            schedule.stream_or_poll.opening()
        else:
            schedule.succeeded(action, NOW)
    assert order == [FetchList(), SendUpdate(1, HALF), SendUpdate(2, HALF), OpenStream(), FetchIcon(1, "a" * 32)]


def test_nothing_to_do() -> None:
    assert listed().next(NOW) == Wait(None)


def test_without_a_stream_the_list_is_requested_every_minute() -> None:
    schedule = fresh()
    schedule.succeeded(FetchList(), NOW)
    schedule.stream_or_poll.refused(NOW)
    assert schedule.next(NOW + 59) == Wait(NOW + 60)
    assert schedule.next(NOW + 60) == FetchList()


def test_no_stream_before_the_service_has_been_reached() -> None:
    schedule = fresh()
    schedule.stream_or_poll.opening()
    schedule.stream_or_poll.opened(NOW)
    schedule.stream_or_poll.fetched(NOW)
    assert schedule.next(NOW) == Wait(None)


def test_a_stream_that_cannot_be_opened_yet_holds_up_nothing_else() -> None:
    schedule = fresh()
    schedule.succeeded(FetchList(), NOW)
    schedule.wants_icon("0" * 32, 1)
    assert schedule.next(NOW, can_open_stream=False) == FetchIcon(1, "0" * 32)
    assert schedule.next(NOW) == OpenStream()


def test_while_a_tokens_player_is_uncertain_only_the_list_is_requested() -> None:
    schedule = fresh(1)
    schedule.succeeded(FetchList(), NOW)
    schedule.uncertain(True)
    assert schedule.next(NOW) == FetchList()  # although it has just been read, and the stream is due
    schedule.failed(FetchList(), limited(3.0), NOW, jitter=0.0)
    assert schedule.next(NOW) == Wait(NOW + 3)
    assert schedule.updates_unreachable(NOW) is None
    schedule.failed(FetchList(), limited(3000.0), NOW + 3, jitter=0.0)
    assert schedule.updates_unreachable(NOW + 3) is Result.RATE_LIMITED
    schedule.uncertain(False)
    assert schedule.next(NOW + 3) == SendUpdate(1, HALF)
    assert schedule.updates_unreachable(NOW + 3) is None


def test_a_value_raised_while_it_was_sent_is_sent_again() -> None:
    schedule = listed(1)
    sent = schedule.next(NOW)
    assert sent == SendUpdate(1, HALF)
    schedule.wants(1, DONE)
    assert isinstance(sent, SendUpdate)
    schedule.succeeded(sent, NOW)
    assert schedule.next(NOW) == SendUpdate(1, DONE)


def test_a_game_that_always_wants_the_list_still_gets_its_updates_sent() -> None:
    schedule = fresh(1, 2)
    seen = []
    for _ in range(4):
        schedule.want_fetch(NOW)
        action = schedule.next(NOW)
        assert isinstance(action, FetchList | SendUpdate)
        seen.append(action)
        schedule.succeeded(action, NOW)
    assert seen == [FetchList(), SendUpdate(1, HALF), FetchList(), SendUpdate(2, HALF)]


@pytest.mark.parametrize("outcome", [None, UNAVAILABLE, NO_CONNECTION])
def test_a_game_that_wants_the_list_in_every_frame_gets_one_a_second(outcome: Outcome | None) -> None:
    schedule, count = fresh(), 0
    for frame in range(60 * 60):
        now = NOW + frame / 60
        schedule.want_fetch(now)
        if isinstance(schedule.next(now), FetchList):
            count += 1
            if outcome is None:
                schedule.succeeded(FetchList(), now)
                assert schedule.list_unreachable(now) is None
            else:
                schedule.failed(FetchList(), outcome, now, 0.0)
    assert 60 <= count <= 60 + 10


def test_no_update_is_sent_before_the_list_if_that_is_wanted_first() -> None:
    schedule = listed(1)
    schedule.want_list_first(NOW)
    assert schedule.next(NOW) == Wait(NOW + 1), "the last list has just been read"
    later = NOW + 1
    assert schedule.next(later) == FetchList()
    schedule.failed(FetchList(), NO_CONNECTION, later, jitter=0.0)
    assert schedule.next(later) == FetchList()
    schedule.failed(FetchList(), NO_CONNECTION, later, jitter=0.0)
    assert schedule.next(later) == Wait(later + 1)
    schedule.succeeded(FetchList(), later + 1)
    assert schedule.next(later + 1) == SendUpdate(1, HALF)


@pytest.mark.parametrize("outcome", [UNAVAILABLE, NOT_JSON, NO_CONNECTION, TIMED_OUT])
def test_a_list_that_always_fails_does_not_hold_up_the_updates(outcome: Outcome) -> None:
    schedule, now = fresh(1, 2), NOW
    while schedule.pending:
        assert now < NOW + 10
        action = schedule.next(now)
        if isinstance(action, FetchList):
            schedule.failed(action, outcome, now, 0.0)
        elif isinstance(action, SendUpdate):
            schedule.succeeded(action, now)
        else:
            now += wait_s(schedule, now)


# When to retry


@pytest.mark.parametrize("outcome", [NO_CONNECTION, UNAVAILABLE, NOT_JSON, limited(), ApiError(302, None, "moved")])
def test_the_table(outcome: Outcome) -> None:
    schedule, now, waits_s = listed(1), NOW, []
    for _ in TABLE_S:
        fail(schedule, outcome, now)
        waits_s.append(wait_s(schedule, now))
        now += waits_s[-1]
    assert waits_s == TABLE_S


def test_the_table_with_jitter() -> None:
    schedule = listed(1)
    for _ in range(3):
        fail(schedule, NO_CONNECTION, NOW, jitter=0.8)
        schedule.want_fetch(NOW)
        schedule.fetch_answered()
    fail(schedule, NO_CONNECTION, NOW, jitter=0.8)
    assert wait_s(schedule) == pytest.approx(4 * 1.2)


def test_after_a_time_out_calls_do_not_wait_for_a_second_one() -> None:
    schedule = listed(1)
    fail(schedule, TIMED_OUT)
    assert wait_s(schedule) == 1
    assert schedule.updates_unreachable(NOW) is Result.SERVICE_UNAVAILABLE


def test_a_success_resets_the_retry_table() -> None:
    schedule = listed(1, 2)
    for _ in range(5):
        fail(schedule, NO_CONNECTION)
        schedule.want_fetch(NOW)
        schedule.fetch_answered()
    sent = schedule.next(NOW)
    assert isinstance(sent, SendUpdate)
    schedule.succeeded(sent, NOW)
    fail(schedule, NO_CONNECTION)
    assert wait_s(schedule) == 0


@pytest.mark.parametrize("failures", [0, 3, 20])
@pytest.mark.parametrize(
    "outcome",
    [ApiError(503, None, "maintenance", retry_after_s=40), limited(40, is_global=True), limited(40)],
)
def test_a_wait_given_by_the_service_replaces_the_tables(outcome: Outcome, failures: int) -> None:
    schedule, now = listed(1), NOW
    for _ in range(failures):
        fail(schedule, NO_CONNECTION, now)
        now += wait_s(schedule, now)
    fail(schedule, outcome, now, jitter=1.0)
    assert wait_s(schedule, now) == 40


def test_a_service_that_always_answers_retry_at_once_is_not_asked_without_a_pause() -> None:
    schedule, now = listed(1), NOW
    for _ in range(100):
        fail(schedule, limited(0.001), now)
        now += wait_s(schedule, now)
    assert now >= NOW + 95


def test_fetch_lifts_a_back_off() -> None:
    schedule = listed(1)
    for _ in range(3):
        fail(schedule, NO_CONNECTION, NOW)
        schedule.want_fetch(NOW)
        schedule.fetch_answered()
    fail(schedule, NO_CONNECTION, NOW)
    assert wait_s(schedule) == 4
    schedule.want_fetch(NOW)
    assert schedule.next(NOW) == FetchList()


@pytest.mark.parametrize("trouble", ["no connection", "no token"])
def test_a_game_that_fetches_in_each_frame_lifts_a_back_off_once_a_second(trouble: str) -> None:
    schedule, tries = listed(1), 0
    for now in (NOW + frame / 60 for frame in range(60 * 60)):
        schedule.want_fetch(now)
        if isinstance(schedule.next(now), Wait):
            continue
        tries += 1
        if trouble == "no token":
            schedule.block(Result.NOT_AUTHENTICATED, now)
        else:
            fail(schedule, NO_CONNECTION, now)
    assert 60 <= tries <= 80


@pytest.mark.parametrize("outcome", [ApiError(503, None, "maintenance", retry_after_s=40), limited(40, is_global=True)])
def test_fetch_does_not_lift_a_wait_given_by_the_service(outcome: Outcome) -> None:
    schedule = listed(1)
    fail(schedule, outcome)
    schedule.want_fetch(NOW + 1)
    assert schedule.next(NOW + 1) == Wait(NOW + 40)


def test_a_limit_on_updates_leaves_the_list_alone() -> None:
    schedule = listed(1)
    fail(schedule, limited(40))
    schedule.want_fetch(NOW)
    assert schedule.next(NOW) == FetchList()
    schedule.succeeded(FetchList(), NOW)
    assert schedule.next(NOW) == Wait(NOW + 40)


def test_an_update_that_always_fails_is_sent_last_and_does_not_starve_the_others() -> None:
    schedule, now, sent = listed(1, 2, 3), NOW, []
    for step in range(40):
        action = schedule.next(now)
        if isinstance(action, SendUpdate):
            sent.append(action.achievement_id)
            if action.achievement_id == 1:
                schedule.failed(action, UNAVAILABLE, now, 0.0)
            else:
                schedule.succeeded(action, now)
        else:
            now += wait_s(schedule, now)
        if step == 20:
            schedule.wants(4, HALF)
            before = len(sent)
    assert sent[:3] == [1, 2, 3]
    assert sent[before] == 4  # the new update was sent first
    assert set(schedule.pending) == {1}


# Limits known from headers


def test_an_update_that_would_exceed_the_limit_is_not_sent() -> None:
    schedule = listed(1, 2)
    sent = schedule.next(NOW)
    assert isinstance(sent, SendUpdate)
    schedule.limited(sent, LimitState(5, 0, 3.0, "b"), NOW)
    schedule.succeeded(sent, NOW)
    assert schedule.next(NOW) == Wait(NOW + 3)
    assert schedule.next(NOW + 3) == SendUpdate(2, HALF)
    assert schedule.updates_unreachable(NOW) is None


def test_an_update_within_the_limit_is_sent() -> None:
    schedule = listed(1, 2)
    sent = schedule.next(NOW)
    assert isinstance(sent, SendUpdate)
    schedule.limited(sent, LimitState(5, 1, 3.0, "b"), NOW)
    schedule.succeeded(sent, NOW)
    assert schedule.next(NOW) == SendUpdate(2, HALF)


def test_the_list_has_its_own_limit() -> None:
    schedule = listed(1)
    schedule.limited(FetchList(), LimitState(2, 0, 5.0, "b"), NOW)
    schedule.want_fetch(NOW)
    assert schedule.next(NOW) == SendUpdate(1, HALF)
    schedule.settled(1)
    assert schedule.next(NOW) == Wait(NOW + 5)
    assert schedule.next(NOW + 5) == FetchList()


def test_no_limit_lasts_forever() -> None:
    schedule = listed(1)
    schedule.limited(SendUpdate(1, HALF), LimitState(5, 0, 1e300, "b"), NOW)
    assert wait_s(schedule) == MAX_RETRY_AFTER_S


# The results that callbacks get


def test_callbacks_wait_for_the_second_try() -> None:
    schedule = listed(1)
    assert schedule.updates_unreachable(NOW) is None
    fail(schedule, NO_CONNECTION)
    assert schedule.updates_unreachable(NOW) is None
    fail(schedule, NO_CONNECTION)
    assert schedule.updates_unreachable(NOW) is Result.SERVICE_UNAVAILABLE
    assert schedule.list_unreachable(NOW) is Result.SERVICE_UNAVAILABLE


def test_callbacks_get_the_result_of_the_last_answer() -> None:
    schedule = listed(1)
    for _ in range(2):
        fail(schedule, NOT_JSON)
    assert schedule.updates_unreachable(NOW) is Result.INTERNAL_ERROR


@pytest.mark.parametrize("outcome", [limited(PATIENCE_S + 1), limited(PATIENCE_S + 1, is_global=True)])
def test_a_long_limit_is_reported_at_once(outcome: ApiError) -> None:
    schedule = listed(1)
    fail(schedule, outcome)
    assert schedule.updates_unreachable(NOW) is Result.RATE_LIMITED
    assert schedule.list_unreachable(NOW) is (Result.RATE_LIMITED if outcome.is_global else None)


def test_a_long_limit_of_updates_is_reported_even_after_the_list_has_been_read() -> None:
    schedule = listed(1)
    fail(schedule, limited(PATIENCE_S + 1))
    schedule.succeeded(FetchList(), NOW)
    assert schedule.updates_unreachable(NOW) is Result.RATE_LIMITED


@pytest.mark.parametrize("outcome", [limited(1), limited(), limited(1, is_global=True)])
def test_short_limits_are_waited_for_but_not_forever(outcome: ApiError) -> None:
    schedule, now = listed(1), NOW
    fail(schedule, outcome, now)
    assert schedule.updates_unreachable(now) is None
    while schedule.updates_unreachable(now) is None:
        assert now < NOW + PATIENCE_S + 1
        now += wait_s(schedule, now)
        fail(schedule, outcome, now)
    assert schedule.updates_unreachable(now) is Result.RATE_LIMITED


def test_a_success_resets_the_patience() -> None:
    schedule, now = listed(1), NOW
    for _ in range(60):
        schedule.wants(1, HALF)
        sent = fail(schedule, limited(2), now)
        now += wait_s(schedule, now)
        schedule.succeeded(sent, now)
        assert schedule.updates_unreachable(now) is None


def test_the_usual_windows_do_not_exhaust_the_patience() -> None:
    schedule = Schedule(NOW, patience_s=0.5)
    schedule.wants(1, HALF)
    schedule.limited(SendUpdate(1, HALF), LimitState(5, 0, 5.0, "b"), NOW)
    assert schedule.updates_unreachable(NOW) is None


# Refusals that retrying does not change


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (ApiError(404, 0, "404: Not Found"), Result.INVALID_COMMAND),
        (ApiError(403, 50025, "another application's"), Result.APPLICATION_MISMATCH),
        (ApiError(410, 0, "Gone"), Result.SERVICE_UNAVAILABLE),
        (ApiError(400, 50041, "version"), Result.INVALID_VERSION),
    ],
)
def test_nothing_is_tried_if_nothing_can_succeed(outcome: ApiError, result: Result) -> None:
    schedule = listed(1, 2)
    assert fail(schedule, outcome) == SendUpdate(1, HALF)
    assert schedule.next(NOW) == schedule.next(NOW + 119) == Wait(NOW + 120)
    assert schedule.updates_unreachable(NOW) is schedule.list_unreachable(NOW) is result
    assert set(schedule.pending) == {1, 2}
    assert schedule.next(NOW + 120) == SendUpdate(1, HALF)  # a verdict does not last for ever
    schedule.succeeded(SendUpdate(1, HALF), NOW + 120)
    assert schedule.next(NOW + 120) == SendUpdate(2, HALF)
    assert schedule.updates_unreachable(NOW + 120) is None


def test_a_refused_update_is_dropped_and_the_others_are_sent() -> None:
    schedule = listed(1, 2)
    assert schedule.failed(SendUpdate(1, HALF), SECURE, NOW, 0.0).verdict is Verdict.REFUSED
    assert schedule.next(NOW) == SendUpdate(2, HALF)
    assert 1 not in schedule.pending
    assert schedule.updates_unreachable(NOW) is None


def test_a_refused_list_is_requested_again_in_a_minute() -> None:
    schedule = fresh()
    schedule.want_fetch(NOW)
    fail(schedule, ApiError(403, 20012, "no"))
    assert isinstance(schedule.next(NOW + 59), OpenStream)
    schedule.stream_or_poll.refused(NOW)
    assert schedule.next(NOW + 60) == FetchList()


def test_nothing_is_sent_with_a_refused_token() -> None:
    schedule = listed(1)
    assert schedule.failed(SendUpdate(1, HALF), ApiError(401, 0, "401"), NOW, 0.0).verdict is Verdict.AUTHENTICATE
    assert schedule.next(NOW) == SendUpdate(1, HALF)
    schedule.block(Result.INVALID_ACCESS_TOKEN, NOW)
    assert schedule.next(NOW) == Wait(NOW + 600)
    assert schedule.updates_unreachable(NOW) is Result.INVALID_ACCESS_TOKEN


@pytest.mark.parametrize("what", ["a fetch", "a token"])
def test_what_lifts_a_block(what: str) -> None:
    schedule = listed(1)
    schedule.block(Result.NOT_AUTHENTICATED, NOW)
    if what == "a fetch":
        schedule.want_fetch(NOW)
    else:
        schedule.new_token(NOW)
    assert schedule.next(NOW) in (FetchList(), SendUpdate(1, HALF))
    assert schedule.updates_unreachable(NOW) is None


def test_a_new_token_starts_afresh() -> None:
    schedule = listed(1)
    schedule.limited(SendUpdate(1, HALF), LimitState(5, 0, 50.0, "b"), NOW)
    schedule.stream_or_poll.received("7")
    assert schedule.next(NOW) == Wait(NOW + 50)
    schedule.new_token(NOW)
    assert schedule.next(NOW) == FetchList()  # which identifies the player
    schedule.succeeded(FetchList(), NOW)
    assert schedule.next(NOW) == SendUpdate(1, HALF)
    assert schedule.stream_or_poll.last_event_id == ""


def test_a_new_token_lifts_a_back_off() -> None:
    schedule = listed(1)
    for _ in range(3):
        schedule.failed(SendUpdate(1, HALF), NO_CONNECTION, NOW, 0.0)
    assert wait_s(schedule) == 2
    schedule.new_token(NOW)
    assert schedule.next(NOW) == FetchList()


# One thing at a time


def test_only_one_exchange_is_under_way_at_a_time() -> None:
    schedule = fresh(1)
    schedule.begin_exchange()
    schedule.want_fetch(NOW)
    assert schedule.next(NOW) == Wait(None)
    assert schedule.updates_unreachable(NOW + 1e6) is None, "the transport ends it in time"
    schedule.ended()
    schedule.begin_token_call(NOW)
    assert schedule.next(NOW) == Wait(NOW + PATIENCE_S)
    schedule.ended()
    assert schedule.next(NOW) == FetchList()


def test_a_token_object_that_blocks_counts_as_unreachable() -> None:
    schedule = listed(1)
    schedule.begin_token_call(NOW)
    assert schedule.updates_unreachable(NOW + PATIENCE_S - 1) is schedule.list_unreachable(NOW) is None
    assert schedule.updates_unreachable(NOW + PATIENCE_S) is Result.SERVICE_UNAVAILABLE
    assert schedule.list_unreachable(NOW + PATIENCE_S) is Result.SERVICE_UNAVAILABLE
    assert schedule.next(NOW + PATIENCE_S) == Wait(None)


def test_a_new_token_does_not_wait_for_the_exchange_under_way() -> None:
    schedule = listed(1)
    schedule.begin_token_call(NOW)
    schedule.new_token(NOW)
    assert schedule.next(NOW) == FetchList()
    assert schedule.updates_unreachable(NOW + PATIENCE_S) is None


def test_a_sign_in_that_fails_is_tried_again_later() -> None:
    schedule = listed(1)
    schedule.sign_in_failed(NOW, 0.0)
    assert wait_s(schedule) == 1
    assert schedule.updates_unreachable(NOW) is Result.OAUTH2_ERROR


# Icons


def test_an_icon_of_several_achievements_is_fetched_once() -> None:
    schedule = listed()
    schedule.wants_icon("a" * 32, 1)
    schedule.wants_icon("a" * 32, 2)
    schedule.succeeded(FetchIcon(1, "a" * 32), NOW)
    assert schedule.next(NOW) == Wait(None)


def test_failures_of_icons_affect_only_icons() -> None:
    schedule = listed()
    schedule.wants_icon("a" * 32, 1)
    waits_s = []
    now = NOW
    for _ in TABLE_S:
        fail(schedule, UNAVAILABLE, now)
        assert schedule.updates_unreachable(now) is None
        schedule.wants(1, HALF)
        assert schedule.next(now) == SendUpdate(1, HALF)
        schedule.settled(1)
        waits_s.append(wait_s(schedule, now))
        now += waits_s[-1]
    assert waits_s == TABLE_S


def test_a_missing_icon_is_not_requested_again() -> None:
    schedule = listed()
    schedule.wants_icon("a" * 32, 1)
    assert schedule.failed(FetchIcon(1, "a" * 32), ApiError(404, None, "no"), NOW, 0.0).verdict is Verdict.REFUSED
    assert schedule.next(NOW) == Wait(None)
