from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_achievements.domain.errors import ApiError, TransportError, WireError
from discord_achievements.domain.result import Result
from discord_achievements.domain.retry import MAX_RETRY_AFTER_S, Outcome, Verdict, delay_s, judge


def api(status: int, code: int | None = 0) -> ApiError:
    return ApiError(status, code, "refused")


NO_CONNECTION = TransportError("connection refused")
NOT_JSON = WireError("<!doctype html>")

RESULTS: list[tuple[Outcome, Result]] = [
    (NO_CONNECTION, Result.SERVICE_UNAVAILABLE),
    (TransportError("timed out", timed_out=True), Result.SERVICE_UNAVAILABLE),
    (api(408), Result.SERVICE_UNAVAILABLE),
    (api(302, None), Result.SERVICE_UNAVAILABLE),
    *((api(status), Result.SERVICE_UNAVAILABLE) for status in (500, 501, 502, 503, 504, 599)),
    (api(502, None), Result.SERVICE_UNAVAILABLE),
    (api(410), Result.SERVICE_UNAVAILABLE),
    (api(410, None), Result.SERVICE_UNAVAILABLE),
    (api(400, 50041), Result.INVALID_VERSION),
    (NOT_JSON, Result.INTERNAL_ERROR),
    (api(400, 50035), Result.INVALID_PAYLOAD),
    (api(400, 50109), Result.INVALID_PAYLOAD),
    (api(413, 40005), Result.INVALID_PAYLOAD),
    (api(413, None), Result.INVALID_PAYLOAD),
    (api(404), Result.INVALID_COMMAND),
    (api(405), Result.INVALID_COMMAND),
    (api(405, None), Result.INVALID_COMMAND),
    (api(403, 0), Result.INVALID_PERMISSIONS),
    (api(403, 20001), Result.INVALID_PERMISSIONS),
    (api(403, 50001), Result.INVALID_PERMISSIONS),
    (api(403, None), Result.INVALID_PERMISSIONS),
    (api(404, 990001), Result.NOT_FOUND),
    (api(404, 10002), Result.NOT_FOUND),
    (api(404, 10013), Result.NOT_FOUND),
    (api(409), Result.CONFLICT),
    (api(401), Result.INVALID_ACCESS_TOKEN),
    (api(403, 50025), Result.APPLICATION_MISMATCH),
    (api(429), Result.RATE_LIMITED),
    (api(429, None), Result.RATE_LIMITED),
    (api(403, 20012), Result.UNAUTHORIZED_FOR_ACHIEVEMENT),
]


@pytest.mark.parametrize(("outcome", "result"), RESULTS)
def test_result(outcome: Outcome, result: Result) -> None:
    assert judge(outcome).result is result


@given(st.integers(300, 599), st.none() | st.integers(0, 1_000_000))
def test_no_failure_is_reported_as_a_success(status: int, code: int | None) -> None:
    assert judge(api(status, code)).result is not Result.OK


RETRIED: list[Outcome] = [
    NO_CONNECTION,
    NOT_JSON,
    *(api(status, code) for status in (408, 429, 500, 502, 503, 504) for code in (0, None)),
    *(api(status, None) for status in (300, 302, 307, 399)),  # the sign-in page of a public network
]


@pytest.mark.parametrize("outcome", RETRIED)
def test_retried(outcome: Outcome) -> None:
    assert judge(outcome).verdict is Verdict.RETRY


@pytest.mark.parametrize("status", [s for s in range(400, 500) if s not in {401, 408, 429}])
@pytest.mark.parametrize("code", [None, 0, 20012, 50035, 990001])
def test_other_4xx_are_final(status: int, code: int | None) -> None:
    assert judge(api(status, code)).verdict in {Verdict.REFUSED, Verdict.MISCONFIGURED}


@pytest.mark.parametrize("code", [None, 0, 50014])
def test_401_waits_for_a_token(code: int | None) -> None:
    assert judge(api(401, code)).verdict is Verdict.AUTHENTICATE


@pytest.mark.parametrize("outcome", [api(403, 20012), api(404, 990001), api(400, 50035), api(413, 40005)])
def test_an_update_that_the_service_rejects_is_dropped(outcome: ApiError) -> None:
    assert judge(outcome).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    "outcome",
    [
        api(410),
        api(410, None),
        api(404),
        api(405),
        api(400, 50041),
        api(403, 50025),
        api(403, None),
        api(404, None),
    ],
)
def test_an_update_that_the_service_has_not_judged_is_kept(outcome: ApiError) -> None:
    """The address, the application or a proxy is at fault, not the player's progress."""
    assert judge(outcome).verdict is Verdict.MISCONFIGURED


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 421])
def test_where_the_service_has_answered_before_a_strangers_refusal_passes(status: int) -> None:
    assert judge(api(status, None), has_worked=True) == (Verdict.RETRY, Result.SERVICE_UNAVAILABLE)
    assert judge(api(status, 0), has_worked=True) == judge(api(status, 0)), "the service's own word counts as before"


def test_delays() -> None:
    delays_s = [delay_s(failures, jitter=0) for failures in range(1, 12)]
    assert delays_s == [0, 1, 2, 4, 8, 16, 32, 64, 120, 120, 120]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_lengthens_by_a_quarter_at_most(failures: int, jitter: float) -> None:
    shortest_s = delay_s(failures, jitter=0)
    assert shortest_s <= delay_s(failures, jitter=jitter) <= 1.25 * shortest_s


def test_jitter_spreads_clients() -> None:
    assert delay_s(9, jitter=0.2) < delay_s(9, jitter=0.8)


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(1, MAX_RETRY_AFTER_S))
def test_a_wait_given_by_the_service_replaces_the_tables(failures: int, jitter: float, retry_after_s: float) -> None:
    assert delay_s(failures, jitter=jitter, retry_after_s=retry_after_s) == retry_after_s


@given(st.floats(0.001, 1))
def test_a_short_wait_is_accepted_once(retry_after_s: float) -> None:
    assert delay_s(1, jitter=0, retry_after_s=retry_after_s) == retry_after_s
    assert delay_s(2, jitter=0, retry_after_s=retry_after_s) == 1


@pytest.mark.parametrize("retry_after_s", [0.0, 1e-9, 0.5])
def test_a_service_cannot_make_a_game_retry_without_a_pause(retry_after_s: float) -> None:
    assert all(delay_s(failures, jitter=0, retry_after_s=retry_after_s) >= 1 for failures in range(2, 20))


def test_a_service_cannot_silence_a_game_forever() -> None:
    assert delay_s(1, jitter=0, retry_after_s=1e12) == MAX_RETRY_AFTER_S
