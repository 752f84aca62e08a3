from __future__ import annotations

import pytest

from discord_achievements.client.worker.schedule import (
    Exchange,
    FetchIcon,
    FetchList,
    OpenStream,
    SendUpdate,
    Sync,
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


def fresh(*pending: int) -> Sync:
    sync = Sync(NOW, PATIENCE_S)
    sync.pending = dict.fromkeys(pending, HALF)
    return sync


def listed(*pending: int) -> Sync:
    """A sync that has just read the list, and whose stream is up."""
    sync = fresh(*pending)
    sync.succeeded(FetchList(), NOW)
    sync.feed.opening()
    sync.feed.opened(NOW)
    sync.feed.fetched(NOW)
    return sync


def fail(sync: Sync, outcome: Outcome, now: float = NOW, *, jitter: float = 0.0) -> Exchange:
    """Carry out what is next with that outcome, and return what it was."""
    action = sync.next(now)
    assert isinstance(action, FetchList | SendUpdate | FetchIcon)
    sync.failed(action, outcome, now, jitter)
    return action


def wait_s(sync: Sync, now: float = NOW) -> float:
    """Return how long nothing is to be done."""
    action = sync.next(now)
    if not isinstance(action, Wait):
        return 0.0
    assert action.until is not None
    return action.until - now


# What comes next


def test_first_the_list_then_updates_then_the_stream_then_icons() -> None:
    sync = fresh(1, 2)
    sync.icons["a" * 32] = [1, 2]
    order = []
    while not isinstance(action := sync.next(NOW), Wait):
        order.append(action)
        if isinstance(action, OpenStream):
            sync.feed.opening()
        else:
            sync.succeeded(action, NOW)
    assert order == [FetchList(), SendUpdate(1, HALF), SendUpdate(2, HALF), OpenStream(), FetchIcon(1, "a" * 32)]


def test_nothing_to_do() -> None:
    assert listed().next(NOW) == Wait(None)


def test_without_a_stream_the_list_is_asked_for_every_minute() -> None:
    sync = fresh()
    sync.succeeded(FetchList(), NOW)
    sync.feed.refused(NOW)
    assert sync.next(NOW + 59) == Wait(NOW + 60)
    assert sync.next(NOW + 60) == FetchList()


def test_no_stream_before_the_service_has_been_reached() -> None:
    sync = fresh()
    sync.feed.poll_at = None
    assert sync.next(NOW) == Wait(None)


def test_while_it_is_uncertain_whose_token_it_is_the_list_is_all_that_is_asked_for() -> None:
    sync = fresh(1)
    sync.succeeded(FetchList(), NOW)
    sync.is_uncertain = True
    assert sync.next(NOW) == FetchList()  # although it has just been read, and the stream is due
    sync.failed(FetchList(), limited(3.0), NOW, jitter=0.0)
    assert sync.next(NOW) == Wait(NOW + 3)
    assert sync.updates_out_of_reach(NOW) is None
    sync.failed(FetchList(), limited(3000.0), NOW + 3, jitter=0.0)
    assert sync.updates_out_of_reach(NOW + 3) is Result.RATE_LIMITED
    sync.is_uncertain = False
    assert sync.next(NOW + 3) == SendUpdate(1, HALF)
    assert sync.updates_out_of_reach(NOW + 3) is None


def test_what_has_gone_further_meanwhile_is_sent_again() -> None:
    sync = listed(1)
    sent = sync.next(NOW)
    assert sent == SendUpdate(1, HALF)
    sync.pending[1] = DONE
    assert isinstance(sent, SendUpdate)
    sync.succeeded(sent, NOW)
    assert sync.next(NOW) == SendUpdate(1, DONE)


def test_a_game_that_always_wants_the_list_still_gets_its_updates_sent() -> None:
    sync = fresh(1, 2)
    seen = []
    for _ in range(4):
        sync.want_fetch(NOW)
        action = sync.next(NOW)
        assert isinstance(action, FetchList | SendUpdate)
        seen.append(action)
        sync.succeeded(action, NOW)
    assert seen == [FetchList(), SendUpdate(1, HALF), FetchList(), SendUpdate(2, HALF)]


@pytest.mark.parametrize("outcome", [UNAVAILABLE, NOT_JSON, NO_CONNECTION, TIMED_OUT])
def test_a_list_that_always_fails_does_not_hold_up_the_updates(outcome: Outcome) -> None:
    sync, now = fresh(1, 2), NOW
    while sync.pending:
        assert now < NOW + 10
        action = sync.next(now)
        if isinstance(action, FetchList):
            sync.failed(action, outcome, now, 0.0)
        elif isinstance(action, SendUpdate):
            sync.succeeded(action, now)
        else:
            now += wait_s(sync, now)


# When to try again


@pytest.mark.parametrize("outcome", [NO_CONNECTION, UNAVAILABLE, NOT_JSON, limited(), ApiError(302, None, "moved")])
def test_the_table(outcome: Outcome) -> None:
    sync, now, waits_s = listed(1), NOW, []
    for _ in TABLE_S:
        fail(sync, outcome, now)
        waits_s.append(wait_s(sync, now))
        now += waits_s[-1]
    assert waits_s == TABLE_S


def test_the_table_with_jitter() -> None:
    sync = listed(1)
    for _ in range(3):
        fail(sync, NO_CONNECTION, NOW, jitter=0.8)
        sync.want_fetch(NOW)
        sync.fetch_wanted = False
    fail(sync, NO_CONNECTION, NOW, jitter=0.8)
    assert wait_s(sync) == pytest.approx(4 * 1.2)


def test_after_a_time_out_nobody_waits_for_a_second_one() -> None:
    sync = listed(1)
    fail(sync, TIMED_OUT)
    assert wait_s(sync) == 1
    assert sync.updates_out_of_reach(NOW) is Result.SERVICE_UNAVAILABLE


def test_success_starts_the_table_anew() -> None:
    sync = listed(1, 2)
    for _ in range(5):
        fail(sync, NO_CONNECTION)
        sync.want_fetch(NOW)
        sync.fetch_wanted = False
    sent = sync.next(NOW)
    assert isinstance(sent, SendUpdate)
    sync.succeeded(sent, NOW)
    fail(sync, NO_CONNECTION)
    assert wait_s(sync) == 0


@pytest.mark.parametrize("failures", [0, 3, 20])
@pytest.mark.parametrize(
    "outcome",
    [ApiError(503, None, "maintenance", retry_after_s=40), limited(40, is_global=True), limited(40)],
)
def test_the_services_word_outranks_the_table(outcome: Outcome, failures: int) -> None:
    sync, now = listed(1), NOW
    for _ in range(failures):
        fail(sync, NO_CONNECTION, now)
        now += wait_s(sync, now)
    fail(sync, outcome, now, jitter=1.0)
    assert wait_s(sync, now) == 40


def test_a_service_that_always_says_at_once_is_not_asked_without_a_pause() -> None:
    sync, now = listed(1), NOW
    for _ in range(100):
        fail(sync, limited(0.001), now)
        now += wait_s(sync, now)
    assert now >= NOW + 95


def test_fetch_lifts_a_back_off() -> None:
    sync = listed(1)
    for _ in range(3):
        fail(sync, NO_CONNECTION, NOW)
        sync.want_fetch(NOW)
        sync.fetch_wanted = False
    fail(sync, NO_CONNECTION, NOW)
    assert wait_s(sync) == 4
    sync.want_fetch(NOW)
    assert sync.next(NOW) == FetchList()


@pytest.mark.parametrize("outcome", [ApiError(503, None, "maintenance", retry_after_s=40), limited(40, is_global=True)])
def test_fetch_does_not_lift_a_wait_that_the_service_has_asked_for(outcome: Outcome) -> None:
    sync = listed(1)
    fail(sync, outcome)
    sync.want_fetch(NOW + 1)
    assert sync.next(NOW + 1) == Wait(NOW + 40)


def test_a_limit_on_updates_leaves_the_list_alone() -> None:
    sync = listed(1)
    fail(sync, limited(40))
    sync.want_fetch(NOW)
    assert sync.next(NOW) == FetchList()
    sync.succeeded(FetchList(), NOW)
    assert sync.next(NOW) == Wait(NOW + 40)


def test_one_that_the_service_chokes_on_goes_last_and_so_does_not_starve_the_others() -> None:
    sync, now, sent = listed(1, 2, 3), NOW, []
    for step in range(40):
        action = sync.next(now)
        if isinstance(action, SendUpdate):
            sent.append(action.achievement_id)
            if action.achievement_id == 1:
                sync.failed(action, UNAVAILABLE, now, 0.0)
            else:
                sync.succeeded(action, now)
        else:
            now += wait_s(sync, now)
        if step == 20:
            sync.pending[4] = HALF
            before = len(sent)
    assert sent[:3] == [1, 2, 3]
    assert sent[before] == 4  # the first chance was for the new one
    assert set(sync.pending) == {1}


# What the headers say beforehand


def test_what_would_be_refused_is_not_sent() -> None:
    sync = listed(1, 2)
    sent = sync.next(NOW)
    assert isinstance(sent, SendUpdate)
    sync.told_limit(sent, LimitState(5, 0, 3.0, "b"), NOW)
    sync.succeeded(sent, NOW)
    assert sync.next(NOW) == Wait(NOW + 3)
    assert sync.next(NOW + 3) == SendUpdate(2, HALF)
    assert sync.updates_out_of_reach(NOW) is None


def test_what_would_be_let_through_is_sent() -> None:
    sync = listed(1, 2)
    sent = sync.next(NOW)
    assert isinstance(sent, SendUpdate)
    sync.told_limit(sent, LimitState(5, 1, 3.0, "b"), NOW)
    sync.succeeded(sent, NOW)
    assert sync.next(NOW) == SendUpdate(2, HALF)


def test_the_list_has_a_limit_of_its_own() -> None:
    sync = listed(1)
    sync.told_limit(FetchList(), LimitState(2, 0, 5.0, "b"), NOW)
    sync.want_fetch(NOW)
    assert sync.next(NOW) == SendUpdate(1, HALF)
    sync.pending.clear()
    assert sync.next(NOW) == Wait(NOW + 5)
    assert sync.next(NOW + 5) == FetchList()


def test_no_limit_lasts_for_ever() -> None:
    sync = listed(1)
    sync.told_limit(SendUpdate(1, HALF), LimitState(5, 0, 1e300, "b"), NOW)
    assert wait_s(sync) == MAX_RETRY_AFTER_S


# What callbacks are told


def test_callbacks_wait_for_the_second_try() -> None:
    sync = listed(1)
    assert sync.updates_out_of_reach(NOW) is None
    fail(sync, NO_CONNECTION)
    assert sync.updates_out_of_reach(NOW) is None
    fail(sync, NO_CONNECTION)
    assert sync.updates_out_of_reach(NOW) is Result.SERVICE_UNAVAILABLE
    assert sync.list_out_of_reach(NOW) is Result.SERVICE_UNAVAILABLE


def test_callbacks_are_told_what_the_last_answer_was() -> None:
    sync = listed(1)
    for _ in range(2):
        fail(sync, NOT_JSON)
    assert sync.updates_out_of_reach(NOW) is Result.INTERNAL_ERROR


@pytest.mark.parametrize("outcome", [limited(PATIENCE_S + 1), limited(PATIENCE_S + 1, is_global=True)])
def test_a_long_limit_is_told_at_once(outcome: ApiError) -> None:
    sync = listed(1)
    fail(sync, outcome)
    assert sync.updates_out_of_reach(NOW) is Result.RATE_LIMITED
    assert sync.list_out_of_reach(NOW) is (Result.RATE_LIMITED if outcome.is_global else None)


def test_a_long_limit_of_updates_is_told_also_after_the_list_has_been_read() -> None:
    sync = listed(1)
    fail(sync, limited(PATIENCE_S + 1))
    sync.succeeded(FetchList(), NOW)
    assert sync.updates_out_of_reach(NOW) is Result.RATE_LIMITED


@pytest.mark.parametrize("outcome", [limited(1), limited(), limited(1, is_global=True)])
def test_short_limits_are_waited_for_but_not_for_ever(outcome: ApiError) -> None:
    sync, now = listed(1), NOW
    fail(sync, outcome, now)
    assert sync.updates_out_of_reach(now) is None
    while sync.updates_out_of_reach(now) is None:
        assert now < NOW + PATIENCE_S + 1
        now += wait_s(sync, now)
        fail(sync, outcome, now)
    assert sync.updates_out_of_reach(now) is Result.RATE_LIMITED


def test_a_success_starts_the_patience_anew() -> None:
    sync, now = listed(1), NOW
    for _ in range(60):
        sync.pending[1] = HALF
        sent = fail(sync, limited(2), now)
        now += wait_s(sync, now)
        sync.succeeded(sent, now)
        assert sync.updates_out_of_reach(now) is None


def test_the_usual_windows_try_nobodys_patience() -> None:
    sync = Sync(NOW, patience_s=0.5)
    sync.pending[1] = HALF
    sync.told_limit(SendUpdate(1, HALF), LimitState(5, 0, 5.0, "b"), NOW)
    assert sync.updates_out_of_reach(NOW) is None


# What does not pass


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (ApiError(404, 0, "404: Not Found"), Result.INVALID_COMMAND),
        (ApiError(403, 50025, "another application's"), Result.APPLICATION_MISMATCH),
        (ApiError(410, 0, "Gone"), Result.SERVICE_UNAVAILABLE),
        (ApiError(400, 50041, "version"), Result.INVALID_VERSION),
    ],
)
def test_where_nothing_can_succeed_nothing_is_tried(outcome: ApiError, result: Result) -> None:
    sync = listed(1, 2)
    assert fail(sync, outcome) == SendUpdate(1, HALF)
    assert sync.next(NOW + 1e6) == Wait(None)
    assert sync.updates_out_of_reach(NOW) is sync.list_out_of_reach(NOW) is result
    assert set(sync.pending) == {1, 2}


def test_a_refused_update_is_dropped_and_the_others_go_on() -> None:
    sync = listed(1, 2)
    assert sync.failed(SendUpdate(1, HALF), SECURE, NOW, 0.0) is Verdict.REFUSED
    assert sync.next(NOW) == SendUpdate(2, HALF)
    assert 1 not in sync.pending
    assert sync.updates_out_of_reach(NOW) is None


def test_a_refused_list_is_asked_for_again_in_a_minute() -> None:
    sync = fresh()
    sync.want_fetch(NOW)
    fail(sync, ApiError(403, 20012, "no"))
    assert not sync.fetch_wanted
    assert isinstance(sync.next(NOW + 59), OpenStream)
    sync.feed.refused(NOW)
    assert sync.next(NOW + 60) == FetchList()


def test_a_refused_token_is_for_others_to_replace() -> None:
    sync = listed(1)
    assert sync.failed(SendUpdate(1, HALF), ApiError(401, 0, "401"), NOW, 0.0) is Verdict.AUTHENTICATE
    assert sync.next(NOW) == SendUpdate(1, HALF)
    sync.block(Result.INVALID_ACCESS_TOKEN)
    assert sync.next(NOW) == Wait(None)
    assert sync.updates_out_of_reach(NOW) is Result.INVALID_ACCESS_TOKEN


@pytest.mark.parametrize("what", ["a fetch", "a token"])
def test_what_lifts_a_block(what: str) -> None:
    sync = listed(1)
    sync.block(Result.NOT_AUTHENTICATED)
    if what == "a fetch":
        sync.want_fetch(NOW)
    else:
        sync.new_token(NOW)
    assert sync.next(NOW) in (FetchList(), SendUpdate(1, HALF))
    assert sync.updates_out_of_reach(NOW) is None


def test_a_new_token_has_no_past() -> None:
    sync = listed(1)
    sync.told_limit(SendUpdate(1, HALF), LimitState(5, 0, 50.0, "b"), NOW)
    sync.feed.last_event_id = "7"
    assert sync.next(NOW) == Wait(NOW + 50)
    sync.new_token(NOW)
    assert sync.next(NOW) == FetchList()  # which tells who the player is
    sync.succeeded(FetchList(), NOW)
    assert sync.next(NOW) == SendUpdate(1, HALF)
    assert sync.feed.last_event_id == ""


def test_a_sign_in_that_fails_is_tried_again_later() -> None:
    sync = listed(1)
    sync.sign_in_failed(NOW, 0.0)
    assert wait_s(sync) == 1
    assert sync.updates_out_of_reach(NOW) is Result.OAUTH2_ERROR


# Icons


def test_an_icon_that_several_show_is_fetched_once() -> None:
    sync = listed()
    sync.icons["a" * 32] = [1, 2]
    sync.succeeded(FetchIcon(1, "a" * 32), NOW)
    assert sync.next(NOW) == Wait(None)


def test_the_trouble_with_icons_is_theirs_alone() -> None:
    sync = listed()
    sync.icons["a" * 32] = [1]
    waits_s = []
    now = NOW
    for _ in TABLE_S:
        fail(sync, UNAVAILABLE, now)
        assert sync.updates_out_of_reach(now) is None
        sync.pending[1] = HALF
        assert sync.next(now) == SendUpdate(1, HALF)
        sync.pending.clear()
        waits_s.append(wait_s(sync, now))
        now += waits_s[-1]
    assert waits_s == TABLE_S


def test_an_icon_that_is_not_there_is_not_asked_for_again() -> None:
    sync = listed()
    sync.icons["a" * 32] = [1]
    assert sync.failed(FetchIcon(1, "a" * 32), ApiError(404, None, "no"), NOW, 0.0) is Verdict.REFUSED
    assert sync.next(NOW) == Wait(None)
