"""What the public test tools promise to authors of tests."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import discord_achievements.testing
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.errors import TransportError
from discord_achievements.testing import (
    ByteStream,
    FakeService,
    Fault,
    FaultServer,
    InProcessTransport,
    ManualClock,
    ScriptedTransport,
    UnscriptedRequestError,
    run_until,
    stall,
)

APP = 461618159171141643
BASE = "http://fake.invalid/api/v10"
LIST = f"{BASE}/users/@me/applications/{APP}/achievements"
UPDATE = f"{LIST}/580159119969878046"


def put(achievement_id: int) -> Request:
    return Request("PUT", f"{BASE}/users/@me/applications/{APP}/achievements/{achievement_id}")


class Loop:
    """A main loop that counts its frames."""

    pending_count = 3

    def __init__(self) -> None:
        self.frames = 0

    def run_callbacks(self, budget_s: float | None = None) -> None:
        self.frames += 1


def test_the_example_in_the_docstring_works(tmp_path: Path) -> None:
    text = inspect.getdoc(discord_achievements.testing)
    assert text is not None
    start = text.index("    from discord_achievements import")
    example = text[start : text.index("\n\nReplacements for")]
    scope: dict[str, Callable[[Path], None]] = {}
    exec(compile(textwrap.dedent(example), "the example", "exec"), scope)
    scope["test_a_win_arrives_although_the_service_stumbles"](tmp_path)


def test_all_names_exist_and_have_a_docstring() -> None:
    for name in discord_achievements.testing.__all__:
        assert getattr(discord_achievements.testing, name).__doc__


def test_a_manual_clock_moves_only_on_request() -> None:
    clock = ManualClock(now=5.0, at=datetime(2024, 1, 1, tzinfo=UTC))
    at_us = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    seen: list[tuple[float, int]] = []
    clock.on_jump(lambda: seen.append((clock.now(), clock.at_us())))
    assert (clock.now(), clock.at_us()) == (5.0, at_us)
    clock.advance(1.5)
    clock.jump_wall_clock(-3600)
    assert seen == [(6.5, at_us + 1_500_000), (6.5, at_us + 1_500_000 - 3_600_000_000)]


def test_a_manual_clock_does_not_go_back_and_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="jump_wall_clock"):
        ManualClock().advance(-1)
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(at=datetime(2024, 1, 1))


def test_run_until_runs_the_loop_until_the_condition_is_true() -> None:
    game = Loop()
    run_until(game, lambda: game.frames == 4)
    assert game.frames == 4


def test_run_until_runs_the_loop_at_least_once() -> None:
    game = Loop()
    run_until(game, lambda: True, timeout_s=0.0)
    assert game.frames == 1


def test_run_until_names_the_condition_that_was_not_true() -> None:
    def the_dragon_is_dead() -> bool:
        return False

    with pytest.raises(TimeoutError, match=r"the_dragon_is_dead \(.*test_testing_tools\.py:\d+\)") as caught:
        run_until(Loop(), the_dragon_is_dead, timeout_s=0.01)
    assert "0.01 s" in str(caught.value)
    assert "pending_count is 3" in str(caught.value)


def test_run_until_passes_exceptions_on() -> None:
    def condition() -> bool:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_until(Loop(), condition)


def test_listed_answers_are_given_in_order_and_a_single_one_always() -> None:
    with ScriptedTransport(
        {
            "get_user_achievements": [Response(200), TransportError("gone"), lambda request: Response(304)],
            ("PUT", "/2"): Response(403),
            "update_user_achievement": Response(200),
        }
    ) as transport:
        assert transport.send(Request("GET", LIST)).status == 200
        with pytest.raises(TransportError, match="gone"):
            transport.send(Request("GET", LIST))
        assert transport.send(Request("GET", f"{LIST}?started=true")).status == 304
        assert [transport.send(put(number)).status for number in (1, 2, 1, 2)] == [200, 403, 200, 403]
        assert [request.method for request in transport.requests] == ["GET"] * 3 + ["PUT"] * 4


def test_a_request_without_an_answer_is_reported_to_the_test() -> None:
    transport = ScriptedTransport({"get_user_achievements": [Response(200)]})
    transport.send(Request("GET", LIST))
    transport.check()
    for _ in range(2):  # like code that retries
        with pytest.raises(TransportError):
            transport.send(Request("GET", LIST))
    with pytest.raises(UnscriptedRequestError) as caught:
        transport.check()
    assert str(caught.value).count("GET") == 1
    assert LIST in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_an_unanswered_request_is_reported_at_the_end_even_if_the_test_fails() -> None:
    def a_test() -> None:
        with ScriptedTransport() as transport:
            with pytest.raises(TransportError):
                transport.send(put(1))
            raise TimeoutError("as run_until does")

    with pytest.raises(UnscriptedRequestError) as caught:
        a_test()
    assert isinstance(caught.value.__context__, TimeoutError)


def test_a_route_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="get_user_achievements"):
        ScriptedTransport({"get_user_achievement": Response(200)})


def test_the_script_can_be_changed() -> None:
    with ScriptedTransport({"get_user_achievements": stall}) as transport:
        transport.answer("get_user_achievements", [Response(200), Response(500)])
        assert [transport.send(Request("GET", LIST)).status for _ in range(2)] == [200, 500]


def test_data_pushed_before_the_stream_opens_is_kept() -> None:
    with ScriptedTransport() as transport:
        transport.push(b"early")
        stream = transport.open_stream(Request("GET", f"{LIST}/events"))
        transport.push(b"late")
        transport.end_stream()
        assert list(stream) == [b"early", b"late"]
        again = transport.open_stream(Request("GET", f"{LIST}/events"))
        transport.end_stream()
        assert list(again) == []


def test_a_fault_or_a_route_that_does_not_exist_is_refused() -> None:
    with FaultServer(FakeService(APP)) as server:
        with pytest.raises(TypeError, match="fault must be a Fault or an ErrorCode, got 503"):
            server.fail(503)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"unknown route 'get_user_achievement'; expected .*get_user_achievements"):
            server.fail(Fault.UNAVAILABLE, route="get_user_achievement")


def test_an_interceptor_comes_before_the_service() -> None:
    service = FakeService(APP)
    service.add_achievement(1)
    service.add_player("player", 7)
    headers = {"Authorization": "Bearer player", "Content-Type": "application/json"}
    request = Request("PUT", put(1).url, headers, b'{"percent_complete": 30}')

    def lose_the_answer(request: Request) -> Response | None:
        service.handle(request)
        raise TransportError("lost")

    transport = InProcessTransport(service, intercept=lambda request: Response(503))
    assert transport.send(request).status == 503
    assert service.progress(7) == {}
    transport.intercept = lose_the_answer
    with pytest.raises(TransportError, match="lost"):
        transport.send(request)
    assert service.progress(7)[1].percent == 30
    transport.intercept = lambda request: None
    assert transport.send(request).status == 200


def test_a_service_keeps_its_state_while_it_is_down() -> None:
    service = FakeService(APP)
    service.add_player("player", 7)
    transport = InProcessTransport(service)
    request = Request("GET", LIST, {"Authorization": "Bearer player"})
    transport.go_down()
    with pytest.raises(TransportError):
        transport.send(request)
    transport.come_back()
    assert transport.send(request).status == 200


def test_a_silent_stream_is_kept_alive_by_comments() -> None:
    stream = ByteStream(Response(200), timeout_s=math.inf, comment_every_s=0.01)
    chunks = iter(stream)
    assert next(chunks).startswith(b":")
    stream.push(b"data")
    while (chunk := next(chunks)) != b"data":
        assert chunk.startswith(b":")
    stream.close()
    assert list(chunks) == []
