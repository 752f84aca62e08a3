"""Closing a manager and waiting for what it has accepted."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import AchievementManager, ConfigurationError, Result, UserAchievement
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.errors import TransportError
from tests.support.managers import (
    APPLICATION_ID,
    OK,
    PATIENCE_S,
    SECURE,
    UNKNOWN,
    WALK,
    WIN,
    Boom,
    GameLoop,
    Start,
    run_python,
    write_catalogue,
)
from tests.support.service_games import Line, ServiceAndGames, wait_for_stream


def test_close_twice_does_nothing(game: GameLoop) -> None:
    game.manager.set_user_achievement(WALK, 10, game.results.append)
    game.manager.close()
    game.manager.close()
    assert len(game.results) == 1


def test_close_ends_the_thread(game: GameLoop) -> None:
    game.fetch()
    game.manager.close()
    assert [thread for thread in threading.enumerate() if "discord_achievements" in thread.name] == []


def test_a_manager_that_was_never_used_can_be_closed(start: Start) -> None:
    start().manager.close()


def test_every_callback_has_been_called_when_close_returns(game: GameLoop) -> None:
    for percent in range(50):
        game.manager.set_user_achievement(WALK, percent, game.results.append)
    game.manager.fetch_user_achievements(game.results.append)
    game.manager.close()
    assert len(game.results) == 51
    assert set(game.results) <= {OK, Result.TRANSACTION_ABORTED}
    game.manager.run_callbacks()
    assert len(game.results) == 51


def test_leaving_the_with_block_closes(start: Start) -> None:
    game = start()
    with game.manager as manager:
        manager.set_user_achievement(WALK, 30, game.results.append)
    assert len(game.results) == 1
    again = start()
    again.fetch()
    assert again.percent(WALK) == 30


def test_the_with_block_passes_an_exception_on(start: Start) -> None:
    with pytest.raises(Boom), start().manager:
        raise Boom


def test_after_close_calls_are_aborted_and_the_list_can_be_read(game: GameLoop) -> None:
    game.fetch()
    game.set(WALK, 30)
    game.manager.close()
    del game.results[:], game.events[:]
    game.manager.set_user_achievement(WALK, 60, game.results.append)
    game.manager.set_user_achievement(WALK, 60)
    game.manager.fetch_user_achievements(game.results.append)
    assert game.results == []
    game.manager.run_callbacks()
    assert game.results == [Result.TRANSACTION_ABORTED] * 2
    assert game.events == []
    assert game.percents == {WALK: 30, WIN: 0, SECURE: 0}
    assert game.manager.flush() is True
    assert game.manager.pending_count == 0


def test_a_set_after_close_is_not_recorded(start: Start) -> None:
    game = start()
    game.manager.close()
    game.manager.set_user_achievement(WALK, 60)
    game.manager.run_callbacks()
    again = start()
    again.fetch()
    assert again.percent(WALK) == 0


def test_a_callback_may_close(game: GameLoop) -> None:
    calls: list[int] = []

    def closes(_: Result) -> None:
        calls.append(0)
        game.manager.close()

    game.manager.set_user_achievement(UNKNOWN, 1, closes)
    for number in range(1, 4):
        game.manager.set_user_achievement(UNKNOWN, 1, lambda _, number=number: calls.append(number))  # type: ignore[misc]
    game.until(lambda: calls)
    assert calls == [0, 1, 2, 3]


def test_a_handler_may_close_and_the_others_still_get_the_event(game: GameLoop) -> None:
    calls: list[UserAchievement] = []
    game.manager.on_user_achievement_update = lambda _: game.manager.close()
    game.manager.on_user_achievement_update.connect(calls.append)
    game.manager.set_user_achievement(WALK, 10)
    game.manager.set_user_achievement(WIN, 20)
    game.manager.run_callbacks()
    assert sorted(event.achievement_id for event in calls) == [WALK, WIN]


def test_a_callback_that_always_repeats_its_call_does_not_keep_close_from_ending(game: GameLoop) -> None:
    results: list[Result] = []

    def stubborn(result: Result) -> None:
        results.append(result)
        if result is not OK:
            game.manager.set_user_achievement(UNKNOWN, 100, stubborn)

    game.manager.set_user_achievement(UNKNOWN, 100, stubborn)
    game.manager.close()
    assert len(results) == 1
    game.manager.run_callbacks()
    assert results[1:] == [Result.TRANSACTION_ABORTED]


def test_run_callbacks_inside_a_callback_of_close_returns_at_once(game: GameLoop) -> None:
    order: list[int] = []

    def nested(number: int) -> Callable[[Result], None]:
        def callback(_: Result) -> None:
            game.manager.run_callbacks()
            order.append(number)

        return callback

    for number in range(2000):
        game.manager.set_user_achievement(UNKNOWN, 1, nested(number))
    game.manager.close()
    assert order == list(range(2000))


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
def test_a_callback_that_raises_during_close_does_not_stop_the_others(
    game: GameLoop, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def raises(_: Result) -> None:
        game.results.append(OK)
        raise error(len(game.results))

    for _ in range(3):
        game.manager.set_user_achievement(UNKNOWN, 1, raises)
    with pytest.raises(error) as caught:
        game.manager.close()
    assert caught.value.args == (1,)
    assert len(game.results) == 3
    assert sum(record.exc_info is not None for record in caplog.records) == 2  # the other two are not lost either
    game.manager.close()
    assert len(game.results) == 3


@pytest.mark.parametrize("timeout_s", [-1, "2", None, float("nan"), float("inf"), True])
def test_a_wrong_timeout_is_refused_and_changes_nothing(game: GameLoop, timeout_s: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout_s"):
        game.manager.close(timeout_s)
    with pytest.raises(ConfigurationError, match="timeout_s"):
        game.manager.flush(timeout_s)
    assert game.set(WALK, 10) is OK


def test_flush_and_close_accept_a_timeout_of_zero(game: GameLoop) -> None:
    assert game.manager.flush(0) is True
    game.manager.close(0)


def test_a_manager_left_open_is_closed_at_exit(tmp_path: Path, start: Start) -> None:
    catalogue = write_catalogue(tmp_path)
    code = """
        import sys
        from discord_achievements import AchievementManager

        application_id, achievement_id, catalogue, data_dir = sys.argv[1:]
        manager = AchievementManager(int(application_id), achievements=catalogue, data_dir=data_dir)
        manager.set_user_achievement(int(achievement_id), 70, lambda result: print("result", result.name))
        print("requests" in sys.modules, "end of the game")
    """
    ended = run_python(code, APPLICATION_ID, WALK, catalogue, tmp_path / "data")
    assert ended.returncode == 0, ended.stderr
    (warning,) = ended.stderr.splitlines()
    assert warning.startswith("run_callbacks() was never called")
    first, second = ended.stdout.splitlines()
    assert first == "False end of the game"
    assert second in ("result OK", "result TRANSACTION_ABORTED")
    game = start()
    game.fetch()
    assert game.percent(WALK) == 70


def test_a_discarded_manager_keeps_what_was_set(tmp_path: Path) -> None:
    catalogue = write_catalogue(tmp_path)
    manager = AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir=tmp_path / "data")
    game = GameLoop(manager)
    assert game.set(WALK, 70) is OK
    worker = [thread for thread in threading.enumerate() if "discord_achievements" in thread.name]
    del game, manager
    for thread in worker:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    with AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir=tmp_path / "data") as again:
        game = GameLoop(again)
        game.fetch()
        assert game.percent(WALK) == 70


def test_a_discarded_unused_manager_closes_its_files(tmp_path: Path) -> None:
    manager = AchievementManager(APPLICATION_ID, achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")
    assert list((tmp_path / "data").glob("journal-*"))
    del manager
    gc.collect()
    assert list((tmp_path / "data").glob("journal-*")) == []


def test_flush_waits_until_everything_is_on_disk(start: Start) -> None:
    game = start()
    game.manager.set_user_achievement(WALK, 33)
    assert game.manager.flush() is True
    other = start()  # reads the database; the first manager's journal stays private while it lives
    other.fetch()
    assert other.percent(WALK) == 33


def test_flush_returns_whether_the_service_has_everything(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    game.manager.set_user_achievement(WALK, 10)
    assert game.manager.flush() is True
    assert world.percents() == {WALK: 10}
    line.transport.go_down()
    game.manager.set_user_achievement(WALK, 20)
    assert game.manager.flush(0) is False
    assert game.manager.flush(0.01) is False


def test_close_gives_up_pending_updates_and_the_next_start_delivers_them(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    line.transport.intercept = never(line)
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.manager.set_user_achievement(UNKNOWN, 50, game.results.append)
    game.manager.fetch_user_achievements(game.results.append)
    game.manager.close()
    assert game.results == [Result.TRANSACTION_ABORTED] * 3
    assert world.percents() == {}
    again = world.online()
    again.until(lambda: again.manager.pending_count == 0)
    assert world.percents() == {WALK: 50}
    assert again.percents == {WALK: 50, WIN: 0, SECURE: 0}


def never(line: Line) -> Callable[[Request], Response]:
    """Return an intercept that answers nothing until the transport is closed, as if the connection were cut."""
    closed = threading.Event()
    close = line.transport.close

    def closing() -> None:
        closed.set()
        close()

    def intercept(request: Request) -> Response:
        assert closed.wait(PATIENCE_S)
        raise TransportError("the connection was cut")

    line.transport.close = closing  # type: ignore[method-assign]
    return intercept


def test_close_leaves_no_thread(world: ServiceAndGames) -> None:
    game = world.online()
    wait_for_stream(game, world.lines[0])
    game.manager.close()
    assert [thread.name for thread in threading.enumerate() if "discord_achievements" in thread.name] == []
