from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from discord_achievements.domain.ratelimit import (
    Bucket,
    LimitState,
    Window,
    read_headers,
    retry_after_s,
    write_headers,
)
from discord_achievements.domain.routes import Limit

ANSWER = {
    "x-ratelimit-limit": "5",
    "x-ratelimit-remaining": "3",
    "x-ratelimit-reset": "1470173023.123",
    "x-ratelimit-reset-after": "4.250",
    "x-ratelimit-bucket": "abcd1234",
}


def on_the_wire(state: LimitState, at_s: float = 1_700_000_000.0) -> LimitState:
    """Return what a client reads from the headers that a service writes."""
    read = read_headers({name.lower(): value for name, value in write_headers(state, at_s).items()})
    assert read is not None
    return read


def test_read() -> None:
    assert read_headers(ANSWER) == LimitState(limit=5, remaining=3, reset_after_s=4.25, bucket="abcd1234")


def test_write() -> None:
    assert write_headers(LimitState(5, 3, 4.25, "abcd1234"), at_s=1_470_173_018.873) == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "3",
        "X-RateLimit-Reset": "1470173023.123",
        "X-RateLimit-Reset-After": "4.250",
        "X-RateLimit-Bucket": "abcd1234",
    }


def test_the_other_headers_are_not_needed() -> None:
    headers = {"x-ratelimit-remaining": "3", "x-ratelimit-reset-after": "4.25"}
    assert read_headers(headers) == LimitState(limit=0, remaining=3, reset_after_s=4.25, bucket="")


@pytest.mark.parametrize("missing", ["x-ratelimit-remaining", "x-ratelimit-reset-after"])
def test_without_these_headers_nothing_is_known(missing: str) -> None:
    assert read_headers({name: value for name, value in ANSWER.items() if name != missing}) is None


@pytest.mark.parametrize("name", ["x-ratelimit-remaining", "x-ratelimit-reset-after"])
@pytest.mark.parametrize("value", ["", "soon", "-1", "nan", "inf", "1e999"])
def test_nonsense_is_ignored(name: str, value: str) -> None:
    assert read_headers({**ANSWER, name: value}) is None


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, None, None),
        ({}, {"message": "no"}, None),
        ({"retry-after": "65"}, None, 65.0),
        ({}, {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}, 64.57),
        ({}, {"retry_after": 64}, 64.0),
        ({"x-ratelimit-reset-after": "1.5"}, None, 1.5),
        ({"retry-after": "65"}, {"retry_after": 64.57}, 65.0),
        ({"retry-after": "1", "x-ratelimit-reset-after": "2.5"}, {"retry_after": 0.5}, 2.5),
        ({"retry-after": "0"}, None, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None, None),  # and the time is unknown
        ({"retry-after": "-5"}, {"retry_after": -5}, None),
        ({"retry-after": "nan"}, {"retry_after": float("inf")}, None),
        ({}, {"retry_after": "5"}, None),
        ({}, {"retry_after": True}, None),
        ({}, {"retry_after": None}, None),
        ({}, [], None),
    ],
)
def test_retry_after(headers: dict[str, str], body: object, expected: float | None) -> None:
    assert retry_after_s(headers, body) == expected


NOVEMBER_1994_US = 784_111_777_000_000  # Sun, 06 Nov 1994 08:49:37 GMT, as RFC 9110 has it
HTTP_DATES = [
    "Sun, 06 Nov 1994 08:50:37 GMT",
    "Sunday, 06-Nov-94 08:50:37 GMT",
    "Sun Nov  6 08:50:37 1994",
]


@pytest.mark.parametrize("until", HTTP_DATES)
def test_retry_after_may_be_a_date_in_any_of_its_forms(until: str) -> None:
    assert retry_after_s({"retry-after": until}, None, NOVEMBER_1994_US) == 60
    for said_now in ("Sun, 06 Nov 1994 08:50:32 GMT", "Sunday, 06-Nov-94 08:50:32 GMT", "Sun Nov  6 08:50:32 1994"):
        headers = {"retry-after": until, "date": said_now}
        assert retry_after_s(headers, None) == 5
        assert retry_after_s(headers, None, NOVEMBER_1994_US) == 5, "the service's clock outranks ours"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "Sun, 06 Nov 1994 08:49:36 GMT"}, 0.0),  # is past
        ({"retry-after": HTTP_DATES[0], "date": "yesterday"}, 60.0),
        ({"retry-after": HTTP_DATES[0], "x-ratelimit-reset-after": "70"}, 70.0),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Sun, 31 Feb 1994 08:50:37 GMT"}, None),
        ({"retry-after": "Sun, 06 Nov 99999 08:50:37 GMT"}, None),
        ({"retry-after": HTTP_DATES[0] + " " * 100_000}, None),
    ],
)
def test_text_that_is_not_a_date_is_refused(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, None, NOVEMBER_1994_US) == expected


@example({}, {"retry_after": 10**400}, 0)
@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-reset-after", "date"]),
        st.text() | st.from_regex(r"\w{3}, \d{1,6} (Jan|Feb|x) \d{1,6} \d{1,4}:\d\d:\d\d [-+\w]{0,9}", fullmatch=True),
    ),
    st.dictionaries(st.just("retry_after"), st.none() | st.booleans() | st.integers() | st.floats() | st.text()),
    st.none() | st.integers(0, 2**63),
)
def test_a_wait_is_always_finite_and_not_negative(headers: dict[str, str], body: object, at_us: int | None) -> None:
    asked_s = retry_after_s(headers, body, at_us)
    assert asked_s is None or 0 <= asked_s < float("inf")


def test_an_unknown_bucket_does_not_wait() -> None:
    assert Bucket().wait_s(now=0.0) == 0.0


@pytest.mark.parametrize(
    ("remaining", "now", "expected_s"),
    [(1, 100.0, 0.0), (0, 100.0, 4.0), (0, 101.5, 2.5), (0, 104.0, 0.0), (0, 1000.0, 0.0)],
)
def test_an_empty_bucket_waits_for_its_reset(remaining: int, now: float, expected_s: float) -> None:
    bucket = Bucket()
    bucket.update(LimitState(5, remaining, 4.0, "b"), now=100.0)
    assert bucket.wait_s(now) == expected_s


def test_the_latest_answer_counts() -> None:
    bucket = Bucket()
    bucket.update(LimitState(5, 0, 4.0, "b"), now=100.0)
    bucket.update(LimitState(5, 4, 5.0, "b"), now=101.0)
    assert bucket.wait_s(101.0) == 0.0


def test_window() -> None:
    window = Window(Limit(2, 5.0))
    answers = [window.hit(now) for now in (100.0, 101.0, 102.0, 104.0, 105.0, 106.0, 107.0)]
    assert answers == [
        (True, 1, 5.0),
        (True, 0, 4.0),
        (False, 0, 3.0),
        (False, 0, 1.0),
        (True, 1, 5.0),
        (True, 0, 4.0),
        (False, 0, 3.0),
    ]


# Binary fractions: their sums are exact, so that calls can fall exactly on a window's end.
STEPS_S = st.lists(st.integers(0, 20 * 64).map(lambda ticks: ticks / 64), max_size=60)
LIMITS = st.builds(Limit, st.integers(1, 6), st.integers(32, 60 * 64).map(lambda ticks: ticks / 64))


@given(LIMITS, STEPS_S)
def test_a_window_never_lets_more_through_than_its_limit(limit: Limit, steps_s: list[float]) -> None:
    window, now, opened, let_through = Window(limit), 0.0, 0.0, 0
    for step_s in steps_s:
        now += step_s
        allowed, remaining, reset_after_s = window.hit(now)
        if now - opened >= limit.per_s or not let_through:
            opened, let_through = now, 0
        let_through += allowed
        assert let_through <= limit.requests
        assert remaining == limit.requests - let_through
        assert allowed or remaining == 0
        assert reset_after_s == opened + limit.per_s - now


@given(LIMITS, st.lists(st.floats(0, 20), max_size=60), st.floats(1e-6, 1))
@example(Limit(1, 1.078125), [0.0, 0.0], 1e-6)  # on the wire it must not become 1.078
def test_a_client_that_obeys_the_headers_is_never_refused(limit: Limit, steps_s: list[float], trip_s: float) -> None:
    window, bucket, now = Window(limit), Bucket(), 0.0
    for step_s in steps_s:
        now += step_s
        now += bucket.wait_s(now)
        allowed, remaining, reset_after_s = window.hit(now + trip_s)
        assert allowed
        now += 2 * trip_s
        bucket.update(on_the_wire(LimitState(limit.requests, remaining, reset_after_s, "b")), now)
